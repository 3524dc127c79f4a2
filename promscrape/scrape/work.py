"""One target: what a scrape of it does, from the request to the commit, and what a failure means.

Rules L7 to L32 of the scrape specification; source: Prometheus scrape/scrape.go, scrapeLoop.
"""

from contextlib import nullcontext
from typing import Protocol, final

import msgspec
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
from promscrape.exposition.body_format import BY_MEDIA_TYPE, BodyFormat
from promscrape.exposition.columns import Columns
from promscrape.exposition.negotiation import media_type
from promscrape.exposition.text_format import PROMETHEUS_TEXT
from promscrape.httpclient.lease import Lease
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
from promscrape.scrape.steady import SteadyPath
from promscrape.scrape.target import Report, Target
from promscrape.scrape.transaction import Transaction

_NS_PER_MS = 1_000_000
_SHORTEST_GATHERED_NS = 1_000_000_000
# A connection that is seldom used is left to those who look whether it is still of use.
_LONGEST_BOOKED_NS = 60_000_000_000


class Fetcher(Protocol):
    """How a loop's requests are made; see `ScrapeClient`."""

    def request(self, url: str, timeout_s: float) -> ScrapeRequest: ...

    async def fetch(self, request: ScrapeRequest, lease: Lease | None = None) -> Response: ...

    def lease(self, request: ScrapeRequest) -> Lease | None: ...

    def received(self, lease: Lease) -> Response | None: ...

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


@final
class _Scanned(msgspec.Struct):  # made without a line of Python
    """What came of a request: `columns` is None where there is nothing to append."""

    columns: Columns | None = None
    body_bytes: int = 0
    error: ScrapeError | None = None


@final
class ScrapeWork:
    """The scrapes of one target, which are the caller's to make one after the other."""

    def __init__(
        self,
        target: Target,
        job: Job,
        client: Fetcher,
        cache: SeriesCache,
        options: ScrapeOptions,
        log: FilteringBoundLogger,
    ) -> None:
        self.target = target
        self._job, self._client, self._options, self._log = job, client, options, log
        self._clock, self._metrics = options.clock, options.metrics
        self._ingest = Ingest(job.config, target.public_labels, cache, options.metrics, log)
        self._report = ReportSeries(
            job.config,
            target.public_labels,
            target.timeout_s,
        )
        self._steady = SteadyPath(options.storage, cache, self._report)
        self._request = client.request(target.url, target.timeout_s)
        self._content_type: str | None = None
        self._format: BodyFormat = PROMETHEUS_TEXT
        # Who is due again soon cannot wait for others.
        self._may_wait = target.interval_ns >= _SHORTEST_GATHERED_NS
        self._may_book = self._may_wait and target.interval_ns <= _LONGEST_BOOKED_NS
        self._is_bookable = False
        self._lease: Lease | None = None

    def book(self, due_s: float) -> Lease | None:
        """Have the request of the next scrape made when it is due, by the monotonic clock.

        None where the event loop has to make it. The lease is for `scrape`, or for `unbook`.
        """
        if not self._is_bookable or self._job.forced_error is not None:
            self.unbook()
            return None
        lease = self._lease
        if lease is None:
            lease = self._lease = self._client.lease(self._request)
            if lease is None:
                return None
        if not lease.book(due_s, self.target.timeout_s):
            self.unbook()
            return None
        return lease

    def unbook(self) -> None:
        """Make no more requests ahead; what is on its way is given up."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.end()

    async def scrape(self, t_ms: int, started_s: float, lease: Lease | None = None) -> None:
        """Scrape once and commit: samples, stale markers and report, or none of them.

        started_s: when the scrape began, by the monotonic clock.
        lease: what has made the request; it is the caller's turn.
        """
        self._is_bookable = False
        answer: Response | ScrapeError | None = self._job.forced_error
        if lease is not None:
            # That it waited for others is left out, see below.
            started_s = self._clock.monotonic_s() - lease.exchange.waited_s
            answer = answer or self._client.received(lease)
        if answer is None:
            try:
                answer = await self._client.fetch(self._request, lease)
            except FetchError as exc:  # a failed scrape goes on like any other
                answer = exc
        if isinstance(answer, Response):
            # What a packed body unpacks to is not known before.
            size = len(answer.body) * (PACKED_SHARE if answer.encoding else 1)
            if size >= OFF_LOOP_BYTES:
                put_off = size >= VERY_LARGE_BYTES
                with self._options.collections.pause() if put_off else nullcontext():
                    await self._take_large(answer, t_ms, started_s)
                return
            self._is_bookable = self._may_book
        if lease is None:
            turn = self._options.turns.mine(may_wait=self._may_wait)
            if turn is not None:
                fetched_s = self._clock.monotonic_s()
                await turn
                # The wait for others is none that the target would have to answer for.
                started_s += self._clock.monotonic_s() - fetched_s
        scanned = self._read(answer)
        if not self._write_steadily(scanned, t_ms, started_s):
            await self._write_otherwise(scanned, t_ms, started_s)

    async def _take_large(self, answer: Response, t_ms: int, started_s: float) -> None:
        scanned = await self._options.run_in_thread(lambda: self._read(answer))
        if not self._write_steadily(scanned, t_ms, started_s):
            await self._write_otherwise(scanned, t_ms, started_s)

    async def _write_otherwise(self, scanned: _Scanned, t_ms: int, started_s: float) -> None:
        count = len(scanned.columns.series) if scanned.columns is not None else 0
        if max(count, self._ingest.cache.owed) > PACED_SAMPLES:
            await self._write_paced(scanned, t_ms, started_s)
        else:
            self._write_anything(scanned, t_ms, started_s)

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
        # The client gives the same text while a target says the same.
        if response.content_type is not self._content_type:
            try:
                kind = media_type(response.content_type, self._job.config.fallback_scrape_protocol)
            except ParseError as exc:
                return _Scanned(None, len(body), exc)
            self._content_type, self._format = response.content_type, BY_MEDIA_TYPE[kind]
        return _Scanned(self._ingest.scan(body, self._format), len(body))

    def _write_steadily(self, scanned: _Scanned, t_ms: int, started_s: float) -> bool:
        """Write a body that brings the last one's series; false where it is for the long way."""
        columns, size, steady = scanned.columns, scanned.body_bytes, self._steady
        duration_s = self._clock.monotonic_s() - started_s
        try:
            if columns is None or not steady.append(columns, t_ms, duration_s, size):
                return False
        except StorageError as exc:
            self._note_failed_commit(exc)
        self._note_end(Report(t_ms, duration_s, "", steady.ingested.scraped, size), started_s)
        return True

    def _write_anything(self, scanned: _Scanned, t_ms: int, started_s: float) -> None:
        self._steady.leave()
        transaction = Transaction.open(self._options.storage, t_ms)
        try:
            transaction, ingested = self._append(transaction, scanned)
        except BaseException:
            transaction.appender.rollback()
            raise
        self._conclude(transaction, ingested, scanned, started_s)
        self._steady.seek(scanned.columns, ingested)

    async def _write_paced(self, scanned: _Scanned, t_ms: int, started_s: float) -> None:
        """Write a very large body, or what follows one; see `PacedAppend`."""
        self._steady.leave()
        paced = PacedAppend(self._ingest, self._options, t_ms, self._commit)
        if scanned.columns is None:
            ingested = await paced.run_nothing(scanned.error)
        else:
            ingested = await paced.run(scanned.columns)
        if ingested.error is not scanned.error:
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
        self._note_end(
            Report(
                t_ms,
                duration_s,
                str(ingested.error or ""),
                ingested.scraped,
                max(scanned.body_bytes, 0),
                ingested.cut,
            ),
            started_s,
        )

    def _note_end(self, report: Report, started_s: float) -> None:
        self.target.report = report
        if self._job.config.extra_scrape_metrics:
            self._metrics.scrape_duration.observe(self._clock.monotonic_s() - started_s)

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
            self._note_failed_commit(exc)

    def _note_failed_commit(self, error: StorageError) -> None:
        self._log.error("Scrape commit failed", err=error)

    async def mark_end(self, t_ms: int) -> None:
        """Mark all series stale: the target is gone (L30)."""
        error: PromscrapeError | None = None
        is_large = self._ingest.cache.owed > PACED_SAMPLES
        if is_large:
            paced = PacedAppend(self._ingest, self._options, t_ms, self._commit)
            error = await paced.run_end()
        transaction = Transaction.open(self._options.storage, t_ms)
        if not is_large:
            error = self._ingest.append_end_of_run(transaction)
        error = error or self._report.append_end_of_run(transaction)
        self._end(transaction, error, "Appending stale markers failed")
