"""A body of very many samples, written a part at a time, so that no other target waits for it.

A small body goes into one transaction, with its markers and its report. To do that with a million
samples would hold up every other target for as long. Such a body goes into several transactions
of one timestamp, each as large as the event loop can spare time for; what needs no storage is
worked out in a thread. All that can be wrong with the body is known before the first part.

What remains of rule L4: each part is written whole, and a process that is killed between two has
written the first ones only.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterable
from typing import final

from promscrape.errors import PromscrapeError
from promscrape.exposition.columns import Columns
from promscrape.scrape.ingest import Ingest, Ingested
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.samples import Samples
from promscrape.scrape.transaction import Transaction

PACED_SAMPLES = 50_000
"""A body with more samples is written in parts, and so are the markers after one."""

_MARKERS_A_PART = 2_000


@final
class PacedAppend:
    """The way of one large body into the storage, up to its report.

    commit: ends a part's transaction, and says so where it fails.
    """

    def __init__(
        self,
        ingest: Ingest,
        options: ScrapeOptions,
        t_ms: int,
        commit: Callable[[Transaction], None],
    ) -> None:
        self._ingest, self._options, self._t_ms, self._commit = ingest, options, t_ms, commit

    async def run(self, columns: Columns) -> Ingested:
        """Append the samples and the markers that are due; the report is left to the caller."""
        ingested, tracked = await self._take(columns)
        good = ingested.error is None
        await self._end(columns, tracked, ingested, good=good)
        return ingested

    async def run_nothing(self, error: PromscrapeError | None) -> Ingested:
        """Append the markers that a scrape without samples owes; see `Ingest.append_nothing`."""
        ingested = Ingested(error=error)
        self._ingest.cache.use_generation(self._options.storage.generation)
        nothing = Columns(array("I"), array("d"))
        await self._end(nothing, nothing.series, ingested, good=False)
        return ingested

    async def run_end(self) -> PromscrapeError | None:
        """Append a marker to each series of the last scrape; see `Ingest.append_end_of_run`."""
        ingested = Ingested()
        await self._mark(await self._options.run_in_thread(self._ingest.cache.tracked), ingested)
        return ingested.error

    async def _take(self, columns: Columns) -> "tuple[Ingested, array[int]]":
        """Append the samples; return the ids to track."""
        ingest, options = self._ingest, self._options
        for _ in ingest.resolve_in_steps():
            await asyncio.sleep(0)
        ingest.cache.use_generation(options.storage.generation)
        now_ms = options.clock.now_ns() // 1_000_000
        ingested, parts = await options.run_in_thread(lambda: ingest.begin_parts(columns, now_ms))
        tracked = array("I")
        if ingested.error is None:
            tracked = await self._append(parts, ingested)
        if columns.new:
            options.collections.note_growth()
        if ingested.error is not None:
            tracked = await options.run_in_thread(lambda: ingest.cache.known_of(columns.series))
        return ingested, tracked

    async def _end(
        self, columns: Columns, tracked: "array[int]", ingested: Ingested, *, good: bool
    ) -> None:
        in_thread, ingest = self._options.run_in_thread, self._ingest
        await self._mark(await in_thread(lambda: ingest.track(tracked)), ingested)
        await in_thread(lambda: ingest.end(columns, good=good))

    async def _append(self, parts: Iterable[Samples], ingested: Ingested) -> "array[int]":
        """Append part after part, up to one that fails; return the ids to track."""
        tracked: list[array[int]] = []
        for part in parts:
            transaction = Transaction.open(self._options.storage, self._t_ms)
            tracked.append(self._ingest.append_part(transaction, part, ingested))
            if ingested.error is not None:
                transaction.appender.rollback()
                break
            self._commit(transaction)
            await asyncio.sleep(0)
        # One array for the whole, and the very same as long as all of its parts are.
        return self._ingest.cache.joined(tracked)

    async def _mark(self, gone: "array[int]", ingested: Ingested) -> None:
        for start in range(0, len(gone), _MARKERS_A_PART):
            transaction = Transaction.open(self._options.storage, self._t_ms)
            ids = gone[start : start + _MARKERS_A_PART]
            error = self._ingest.append_markers(transaction, ids)
            if error is not None:
                ingested.error = ingested.error or error
                transaction.appender.rollback()
                return
            self._commit(transaction)
            await asyncio.sleep(0)
