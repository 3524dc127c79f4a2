"""One target: when it is scraped, and what a failure means.

Rules L1 to L32 of the scrape specification; source: Prometheus scrape/scrape.go, scrapeLoop.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol, final

from structlog.typing import FilteringBoundLogger

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import (
    BodySizeLimitExceeded,
    FetchError,
    ParseError,
    PromscrapeError,
    ScrapeError,
    StorageError,
)
from promscrape.exposition.body_format import BY_MEDIA_TYPE
from promscrape.exposition.columns import Columns
from promscrape.exposition.negotiation import media_type
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.client import Response, ScrapeRequest
from promscrape.scrape.ingest import Ingest, Ingested
from promscrape.scrape.options import (
    OFF_LOOP_BYTES,
    PACKED_SHARE,
    VERY_LARGE_BYTES,
    ScrapeOptions,
)
from promscrape.scrape.paced import PACED_SAMPLES, PacedAppend
from promscrape.scrape.quarantine import add_bad_lines
from promscrape.scrape.report import BODY_TOO_LARGE, ReportSeries
from promscrape.scrape.schedule import AlignedTime
from promscrape.scrape.target import Report, Target
from promscrape.scrape.transaction import Transaction
from promscrape.ticker import Ticker

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


class Fetcher(Protocol):
    """How a loop's requests are made; see `ScrapeClient`."""

    def request(self, url: str, timeout_s: float) -> ScrapeRequest: ...

    async def fetch(self, request: ScrapeRequest) -> Response: ...

    def unpack(self, response: Response) -> bytes: ...


class Job(Protocol):
    """What a loop knows of its pool."""

    @property
    def config(self) -> ScrapeConfig: ...

    @property
    def forced_error(self) -> ScrapeError | None:
        """Fails every scrape without a request: the job has more targets than it may."""

    def fetch_failed(self, target: Target, error: FetchError) -> None:
        """Write to the failure log, if the job has one."""


@dataclass(slots=True)
class _Scanned:
    """What came of a request: `columns` is None where there is nothing to append."""

    columns: Columns | None = None
    body_bytes: int = 0
    error: ScrapeError | None = None


@final
class ScrapeLoop:
    """Scrapes one target at its interval until `stop`.

    The cache may outlive the loop: a loop that replaces this one takes it over once this one has
    stopped.
    """

    def __init__(
        self,
        target: Target,
        job: Job,
        client: Fetcher,
        cache: SeriesCache,
        options: ScrapeOptions,
        seed: int,
        log: FilteringBoundLogger,
    ) -> None:
        self.target, self.cache = target, cache
        self._job, self._client, self._options = job, client, options
        self._seed, self._log = seed, log
        self._clock, self._metrics = options.clock, options.metrics
        self._ingest = Ingest(job.config, target.public_labels, cache, options.metrics, log)
        self._report = ReportSeries(
            job.config,
            target.public_labels,
            target.timeout_s,
            attaches_metadata=options.attaches_metadata,
        )
        self._request = client.request(target.url, target.timeout_s)
        self._interval_length = self._metrics.interval_length.labels(target.interval_text)
        self._interval_histogram = self._metrics.interval_length_histogram.labels(
            target.interval_text
        )
        self._started_s: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = self._busy = self._is_woken = False
        self._marks_end = True
        self._stopped = asyncio.Event()
        target.metadata = cache.metadata.families

    async def run(self) -> None:
        """Scrape until `stop`, then write the stale markers of a target that is gone.

        Cancellation from outside ends it at once, in the middle of a request, too.
        """
        self._task = asyncio.current_task()
        ticker: Ticker | None = None
        try:
            if not self._stopping:
                ticker = await self._until_stopped()
                if self._options.scrape_on_shutdown:
                    await self._supervised(self._clock.now_ns() // _NS_PER_MS)
        finally:
            self._stopped.set()
        if ticker is not None and self._marks_end and self._started_s is not None:
            await self._end_of_run(ticker)

    def stop(self) -> None:
        """Ask the loop to end. A scrape under way is finished and committed first (M18)."""
        if not self._stopping and not self._busy and not self._stopped.is_set() and self._task:
            self._task.cancel()
            self._is_woken = True
        self._stopping = True

    async def stopped(self) -> None:
        """Return once no more scrape of this loop will be written."""
        await self._stopped.wait()

    def leave_no_markers(self) -> None:
        """Disable the stale markers at the end: another loop goes on with the series."""
        self._marks_end = False

    async def _until_stopped(self) -> Ticker | None:
        """Scrape until `stop`; return the ticker, None where the first scrape was not reached."""
        ticker: Ticker | None = None
        try:
            ticker = await self._first_wait()
            await self._scrape_on_ticks(ticker)
        except asyncio.CancelledError:
            # Only the one that `stop` sent is an answer to it; a scrape gets none.
            if not self._is_woken or (self._task and self._task.uncancel()):
                raise
        return ticker

    async def _first_wait(self) -> Ticker:
        delay_ns = self.target.first_delay_ns(self._clock.now_ns(), self._seed)
        start_s = self._clock.monotonic_s() + self._options.initial_offset_s + delay_ns / _NS_PER_S
        await self._clock.sleep_until(start_s)
        return Ticker(start_s, self.target.interval_ns / _NS_PER_S)

    async def _scrape_on_ticks(self, ticker: Ticker) -> None:
        aligned = AlignedTime(
            self._clock.now_ns(), self.target.interval_ns, self._options.tolerance_ns
        )
        while True:
            self._busy = True
            await self._supervised(aligned.stamp_ns(self._clock.now_ns()) // _NS_PER_MS)
            self._busy = False
            if self._stopping:
                return
            await self._next_tick(ticker)

    async def _next_tick(self, ticker: Ticker) -> None:
        await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
        ticker.take(self._clock.monotonic_s())

    async def _supervised(self, t_ms: int) -> None:
        """Scrape; a bug that shows in one target's scrape ends neither its loop nor the others."""
        try:
            await self.scrape(t_ms)
        except Exception as exc:  # noqa: BLE001 - the one supervisor: bugs stay with their target
            self._metrics.scrape_panics.inc()
            self._log.exception("Scrape ended by an internal error", err=exc)
            self.target.report = Report(t_ms, 0.0, f"internal error: {exc!r}")

    async def scrape(self, t_ms: int) -> None:
        """Scrape once and commit: samples, stale markers and report, or none of them."""
        started_s = self._clock.monotonic_s()
        if self._started_s is not None:
            self._interval_length.observe(started_s - self._started_s)
            self._interval_histogram.observe(started_s - self._started_s)
        self._started_s = started_s
        await self._scrape(t_ms, started_s)
        if self._job.config.extra_scrape_metrics:
            self._metrics.scrape_duration.observe(self._clock.monotonic_s() - started_s)

    async def _scrape(self, t_ms: int, started_s: float) -> None:
        forced = self._job.forced_error
        answer = await self._fetch() if forced is None else forced
        if isinstance(answer, Response):
            # What a packed body unpacks to is not known before.
            size = len(answer.body) * (PACKED_SHARE if answer.encoding else 1)
            if size >= OFF_LOOP_BYTES:
                put_off = size >= VERY_LARGE_BYTES
                with self._options.collections.pause() if put_off else nullcontext():
                    await self._take_large(answer, t_ms, started_s)
                return
        await self._options.turns.mine()
        self._write(self._read(answer), t_ms, started_s)

    async def _take_large(self, answer: Response, t_ms: int, started_s: float) -> None:
        scanned = await self._options.run_in_thread(lambda: self._read(answer))
        columns = scanned.columns
        if columns is not None and len(columns.series) > PACED_SAMPLES:
            await self._write_paced(scanned, columns, t_ms, started_s)
        else:
            self._write(scanned, t_ms, started_s)

    async def _fetch(self) -> Response | FetchError:
        """Return the answer, or why there is none: a failed scrape goes on like any other."""
        try:
            return await self._client.fetch(self._request)
        except FetchError as exc:
            return exc

    def _read(self, answer: Response | ScrapeError) -> _Scanned:
        """Unpack and scan a body; an empty one is a scrape without samples."""
        if isinstance(answer, Response):
            try:
                return self._scan(answer)
            except FetchError as exc:
                answer = exc
        if isinstance(answer, FetchError):
            self._log.debug("Scrape failed", err=answer)
            self._job.fetch_failed(self.target, answer)
        if isinstance(answer, BodySizeLimitExceeded):
            self._metrics.exceeded_body_size_limit.inc()
            return _Scanned(body_bytes=BODY_TOO_LARGE, error=answer)
        return _Scanned(error=answer)

    def _scan(self, response: Response) -> _Scanned:
        body = self._client.unpack(response)
        if not body:
            return _Scanned()
        try:
            kind = media_type(response.content_type, self._job.config.fallback_scrape_protocol)
        except ParseError as exc:
            return _Scanned(body_bytes=len(body), error=exc)
        return _Scanned(self._ingest.scan(body, BY_MEDIA_TYPE[kind]), len(body))

    def _write(self, scanned: _Scanned, t_ms: int, started_s: float) -> None:
        transaction = Transaction.open(self._options.storage, t_ms)
        try:
            transaction, ingested = self._append(transaction, scanned)
        except BaseException:
            transaction.appender.rollback()
            raise
        self._conclude(transaction, ingested, scanned, started_s)

    async def _write_paced(
        self, scanned: _Scanned, columns: Columns, t_ms: int, started_s: float
    ) -> None:
        """Write a very large body; see `PacedAppend`."""
        ingested = await PacedAppend(self._ingest, self._options, t_ms, self._commit).run(columns)
        if ingested.error is not None:
            self._log.debug("Append failed", err=ingested.error)
        transaction = Transaction.open(self._options.storage, t_ms)
        self._conclude(transaction, ingested, scanned, started_s)

    def _conclude(
        self, transaction: Transaction, ingested: Ingested, scanned: _Scanned, started_s: float
    ) -> None:
        """Append the report, end the transaction, and take note of how it went."""
        t_ms = transaction.t_ms
        duration_s = self._clock.monotonic_s() - started_s
        try:
            error = self._report.append(transaction, ingested, duration_s, scanned.body_bytes)
        except BaseException:
            transaction.appender.rollback()
            raise
        self._end(transaction, error, "Appending scrape report failed")
        self._note_left_out(ingested, scanned.columns, t_ms)
        self.target.report = Report(
            t_ms,
            duration_s,
            str(ingested.error or ""),
            ingested.scraped,
            max(scanned.body_bytes, 0),
            ingested.cut,
        )

    def _note_left_out(self, ingested: Ingested, columns: Columns | None, t_ms: int) -> None:
        """Count what the job leaves out of a body on purpose; say so when that begins."""
        before, job = self.target.report, self._job.config.job_name
        if ingested.cut:
            self._metrics.exceeded_sample_limit.inc()
            self._metrics.samples_over_limit.labels(job).inc(ingested.cut)
            if before is None or not before.cut:
                self._log.warning("Samples over the limit are left out", num_dropped=ingested.cut)
        if columns is None or not columns.bad_count:
            return
        self._metrics.bad_lines.labels(job).inc(columns.bad_count)
        known = self.target.quarantine
        if known is None or before is None or known.t_ms != before.t_ms:
            bad = columns.bad_lines[-1]
            self._log.warning(
                "Bad lines are left out",
                num_dropped=columns.bad_count,
                line=bad.line,
                column=bad.column,
                err=bad.reason,
            )
        self.target.quarantine = add_bad_lines(known, columns, t_ms)

    def _append(self, transaction: Transaction, scanned: _Scanned) -> tuple[Transaction, Ingested]:
        """Append the body, or what a scrape without one owes.

        Returns the transaction to go on with: a failed append leaves nothing of itself behind.
        """
        ingested = Ingested(error=scanned.error)
        if scanned.columns is not None:
            now_ms = self._clock.now_ns() // _NS_PER_MS
            ingested = self._ingest.append(transaction, scanned.columns, now_ms)
            if ingested.error is None:
                return transaction, ingested
            self._log.debug("Append failed", err=ingested.error)
            transaction = self._begin_anew(transaction)
        error = self._ingest.append_nothing(transaction)
        if error is not None:
            self._log.warning("Append failed", err=error)
            ingested.error = ingested.error or error
            transaction = self._begin_anew(transaction)
        return transaction, ingested

    def _begin_anew(self, transaction: Transaction) -> Transaction:
        transaction.appender.rollback()
        return Transaction.open(self._options.storage, transaction.t_ms)

    def _end(self, transaction: Transaction, error: PromscrapeError | None, event: str) -> None:
        """Commit, or roll everything back for `error` and say so."""
        if error is not None:
            self._log.warning(event, err=error)
            transaction.appender.rollback()
            return
        self._commit(transaction)

    def _commit(self, transaction: Transaction) -> None:
        try:
            transaction.appender.commit()
        except StorageError as exc:
            self._log.error("Scrape commit failed", err=exc)

    async def _end_of_run(self, ticker: Ticker) -> None:
        """Mark the target's series stale, unless it comes back meanwhile (L30).

        The markers wait for two more ticks: by then a target that only moved from one job's
        loop to another's has been scraped there, and the storage refuses them as too old.
        """
        await self._next_tick(ticker)
        t_ms = self._clock.now_ns() // _NS_PER_MS
        await self._next_tick(ticker)
        margin_s = self.target.interval_ns / 10 / _NS_PER_S
        await self._clock.sleep_until(self._clock.monotonic_s() + margin_s)
        if not self._marks_end:
            return
        transaction = Transaction.open(self._options.storage, t_ms)
        error = self._ingest.append_end_of_run(transaction)
        error = error or self._report.append_end_of_run(transaction)
        self._end(transaction, error, "Appending stale markers failed")
