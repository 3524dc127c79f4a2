"""From a commit of the log to what a destination gets of it (section 4)."""

import asyncio
import weakref
from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from typing import Final, Protocol, final

from promscrape.model.exemplar import Exemplar
from promscrape.storage.remote.batch import Part, count_of, part_since, taken, taken_values
from promscrape.storage.remote.config import WriteMessage
from promscrape.storage.remote.delivery import QueueParts
from promscrape.storage.remote.outcome import Counts
from promscrape.storage.remote.progress import Progress, Ticket
from promscrape.storage.remote.series import DROPPED, Rows
from promscrape.storage.wal.record_types import LoggedExemplar, LoggedHistogram
from promscrape.storage.wal.tail import Commit, Floats, SeriesNames

_MAX_KEPT_ROWS: Final = 4_000_000
_REFS_A_TURN: Final = 50_000


class SearchableSource(SeriesNames, Protocol):
    """Knows the series of the log, and can look for more."""

    async def search(self) -> bool:
        """Look for series that are not at hand; false where that was of no use."""


@final
class _Kept:
    """What follows from an array of refs, all of which are known.

    rows: of those that are sent, the same array each time. dropped: how many are not.
    """

    __slots__ = ("_places", "dropped", "refs", "rows")

    def __init__(self, refs: "weakref.ref[array[int]]", rows: Rows) -> None:
        self.refs, self.rows, self.dropped = refs, rows.rows, rows.dropped
        self._places: Sequence[int] | None = None
        if rows.dropped:
            self._places = list(compress(range(len(rows.rows)), rows.rows))
            self.rows = taken(rows.rows, self._places)

    def part(self, floats: Floats, ticket: Ticket) -> Part:
        """Return what is sent of samples with these refs."""
        values, times, starts = floats.values, floats.timestamps, floats.starts
        if (places := self._places) is not None:
            values = taken_values(values, places)
            times = None if times is None else taken(times, places)
            starts = None if starts is None else taken(starts, places)
        rows = self.rows
        return Part(ticket, rows, values, floats.t_ms, times, starts, source=rows)


@final
class Intake:
    """Takes commits one after the other. What follows from an array of refs is kept with it."""

    def __init__(self, parts: QueueParts) -> None:
        self._series, self._metrics = parts.series, parts.metrics
        self._log, self._rates, self._now_ms = parts.log, parts.rates, parts.now_ms
        config = parts.config
        self._sends_exemplars = config.send_exemplars
        is_v2 = config.protobuf_message == WriteMessage.V2
        self._sends_histograms = config.send_native_histograms or is_v2
        self._takes_custom_bounds = is_v2
        self._age_limit_ms = config.queue_config.sample_age_limit.ms
        self._known: dict[int, _Kept] = {}
        self._room = _MAX_KEPT_ROWS

    def forget(self) -> None:
        """Let go of what was kept: rows may have been let go."""
        self._known.clear()
        self._room = _MAX_KEPT_ROWS

    def plain(self, commit: Commit, progress: Progress) -> Part | None:
        """Return what is to be sent of a commit like those before it; its ticket is complete.

        None where there is more to do, and nothing was done: it is not one block of floats of
        known series.
        """
        if len(commit.floats) != 1 or commit.histograms or commit.exemplars:
            return None
        (floats,) = commit.floats
        kept = self._known.get(id(floats.refs))
        if kept is None or kept.refs() is not floats.refs or not kept.rows:
            return None
        limit_ms = self._age_limit_ms
        if limit_ms and (floats.timestamps or floats.t_ms < self._now_ms() - limit_ms):
            return None
        if kept.dropped:
            self._drop(_times(_SAMPLES, kept.dropped), "dropped_series")
        ticket = progress.begin(commit.end, commit.newest_ms, len(kept.rows), is_read=True)
        return kept.part(floats, ticket)

    async def forget_refs(self, gone: AbstractSet[int]) -> None:
        """Let go of what was kept of these series, whose rows are about to be let go."""
        seen = 0
        for key, kept in list(self._known.items()):
            refs = kept.refs()
            if refs is None or not gone.isdisjoint(refs):
                self._let_go(key)
            seen += len(refs or ())
            if seen > _REFS_A_TURN:
                seen = 0
                await asyncio.sleep(0)

    async def parts(self, commit: Commit, ticket: Ticket, source: SearchableSource) -> list[Part]:
        """Return what is to be sent of a commit, in its order. The rest is counted."""
        found = [await self._float_part(floats, ticket, source) for floats in commit.floats]
        if commit.histograms and self._sends_histograms:
            kept = self._representable(commit.histograms)
            refs = array("Q", [entry.ref for entry in kept])
            rows = await self._rows(refs, source, _HISTOGRAMS)
            found.append(_histogram_part(kept, rows, ticket))
        if commit.exemplars and self._sends_exemplars:
            refs = array("Q", [entry.ref for entry in commit.exemplars])
            rows = await self._rows(refs, source, _EXEMPLARS)
            found = self._with_exemplars(found, commit.exemplars, rows)
        return [part for part in map(self._young, found) if part.rows]

    async def _float_part(self, floats: Floats, ticket: Ticket, source: SearchableSource) -> Part:
        refs = floats.refs
        kept = self._known.get(id(refs))
        if kept is not None and kept.refs() is refs:
            if kept.dropped:
                self._drop(_times(_SAMPLES, kept.dropped), "dropped_series")
            return kept.part(floats, ticket)
        rows = await self._rows(refs, source, _SAMPLES)
        if not rows.unknown:
            return self._keep(refs, rows).part(floats, ticket)
        part = Part(ticket, rows.rows, floats.values, floats.t_ms, floats.timestamps, floats.starts)
        return _sent(part, rows)

    async def _rows(self, refs: "array[int]", source: SearchableSource, one: Counts) -> Rows:
        rows = self._series.rows(refs, source)
        if rows.unknown and await source.search():
            rows = self._series.rows(refs, source)
        if rows.dropped:
            self._drop(_times(one, rows.dropped), "dropped_series")
        if rows.unknown:
            self._drop(_times(one, len(rows.unknown)), "unintentionally_dropped_series")
            self._log.info(
                "Dropped sample for series that was not explicitly dropped via relabelling",
                ref=rows.unknown[0],
                count=len(rows.unknown),
            )
        return rows

    def _keep(self, refs: "array[int]", rows: Rows) -> _Kept:
        key = id(refs)
        kept = _Kept(weakref.ref(refs, lambda _: self._let_go(key)), rows)
        if len(refs) <= self._room:
            self._room -= len(kept.rows)
            self._known[key] = kept
        return kept

    def _let_go(self, key: int) -> None:
        known = self._known.pop(key, None)
        if known:
            self._room += len(known.rows)

    def _drop(self, counts: Counts, reason: str) -> None:
        self._metrics.drop(counts, reason)
        self._rates.dropped.add(counts.items)

    def _representable(self, histograms: Sequence[LoggedHistogram]) -> Sequence[LoggedHistogram]:
        """Return the histograms that the version has; the first knows no custom bounds (4.9)."""
        if self._takes_custom_bounds:
            return histograms
        kept = [entry for entry in histograms if not entry.histogram.has_custom_bounds]
        if len(kept) < len(histograms):
            lost = len(histograms) - len(kept)
            self._drop(Counts(histograms=lost), "nhcb_in_rw1_not_supported")
        return kept

    def _young(self, part: Part) -> Part:
        """Return what of a part is not too old to be sent (6.3)."""
        if not self._age_limit_ms or not part.rows:
            return part
        before_ms = self._now_ms() - self._age_limit_ms
        young = part_since(part, before_ms)
        if young is not part:
            self._drop(part.counts.less(young.counts), "too_old")
        return young

    def _with_exemplars(
        self, parts: list[Part], exemplars: Sequence[LoggedExemplar], rows: Rows
    ) -> list[Part]:
        """Return the parts with each exemplar at the last sample of its series (3.5)."""
        wanted = set(rows.rows) - {DROPPED}
        places: dict[int, tuple[int, int]] = {}
        for at, part in enumerate(parts):
            for place, row in enumerate(part.rows):
                if row in wanted:
                    places[row] = at, place
        added: list[dict[int, list[Exemplar]]] = [{} for _ in parts]
        for entry, row in zip(exemplars, rows.rows, strict=True):
            if row in places:
                at, place = places[row]
                added[at].setdefault(place, []).append(entry.exemplar)
            elif row != DROPPED:
                self._drop(Counts(exemplars=1), "unintentionally_dropped_series")
        return [
            _replaced(part, found) if found else part
            for part, found in zip(parts, added, strict=True)
        ]


_SAMPLES: Final = Counts(samples=1)
_HISTOGRAMS: Final = Counts(histograms=1)
_EXEMPLARS: Final = Counts(exemplars=1)


def _times(one: Counts, number: int) -> Counts:
    return Counts(*[kind * number for kind in one])


def _histogram_part(histograms: Sequence[LoggedHistogram], rows: Rows, ticket: Ticket) -> Part:
    starts = array("q", [entry.start_ms for entry in histograms])
    part = Part(
        ticket,
        rows.rows,
        array("d", bytes(8 * len(histograms))),
        histograms[0].t_ms if histograms else 0,
        array("q", [entry.t_ms for entry in histograms]),
        starts if any(starts) else None,
        dict(enumerate(entry.histogram for entry in histograms)),
    )
    return _sent(part, rows)


def _sent(part: Part, rows: Rows) -> Part:
    """Return the part without the rows that the destination does not get."""
    if not rows.dropped and not rows.unknown:
        return part
    return part.picked(list(compress(range(len(part.rows)), part.rows)))


def _replaced(part: Part, exemplars: dict[int, list[Exemplar]]) -> Part:
    return Part(
        part.commit,
        part.rows,
        part.values,
        part.t_ms,
        part.timestamps,
        part.starts,
        part.histograms,
        exemplars,
        count_of(exemplars),
    )
