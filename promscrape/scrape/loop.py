"""One target: when it is scraped; what a scrape does is `work.py`.

Rules L1 to L6 and L30 of the scrape specification; source: Prometheus scrape/scrape.go,
scrapeLoop.
"""

import asyncio
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.httpclient.lease import NOT_SENT, Lease
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.schedule import AlignedTime
from promscrape.scrape.target import Report, Target
from promscrape.scrape.work import Fetcher, Job, ScrapeWork
from promscrape.ticker import Ticker

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000


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
        self._options, self._seed, self._log = options, seed, log
        self._clock, self._metrics = options.clock, options.metrics
        self._work = ScrapeWork(target, job, client, cache, options, log)
        self._interval_length = self._metrics.interval_length.labels(target.interval_text)
        self._started_s: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = self._busy = self._is_woken = False
        self._marks_end = True
        self._booked: Lease | None = None
        self._stopped = asyncio.Event()
        target.metadata = cache.metadata

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
            self._work.unbook()
            self._stopped.set()
        if ticker is not None and self._marks_end and self._started_s is not None:
            await self._end_of_run(ticker)

    def stop(self) -> None:
        """Ask the loop to end. A scrape under way is finished and committed first (M18)."""
        task, booked = self._task, self._booked
        is_waiting = not (self._stopping or self._busy or self._stopped.is_set())
        # An answer that is waited for is one of a scrape under way.
        if task is not None and is_waiting and (booked is None or booked.withdraw()):
            task.cancel()
            self._is_woken = True
        self._stopping = True

    def _must_stop(self) -> bool:
        return self._stopping

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
        clock, work = self._clock, self._work
        aligned = AlignedTime(clock.now_ns(), self.target.interval_ns, self._options.tolerance_ns)
        lease: Lease | None = None
        while True:
            self._busy = True
            if lease is None:
                began_ns, started_s = clock.now_ns(), clock.monotonic_s()
            else:
                began_ns, started_s = lease.exchange.sent_wall_ns, lease.exchange.sent_s
            t_ms = aligned.stamp_ns(began_ns) // _NS_PER_MS
            # As `_supervised`, without its frames: each wake goes through all that wait.
            try:
                await work.scrape(t_ms, self._begin(started_s), lease)
            except Exception as exc:  # noqa: BLE001 - see `_note_bug`
                self._note_bug(t_ms, exc)
            self._busy = False
            if self._stopping:
                return
            due_s = ticker.next_due_s(clock.monotonic_s())
            self._booked = lease = work.book(due_s)
            if lease is not None:
                await lease.answered
                self._booked = None
                if lease.exchange.outcome != NOT_SENT:
                    ticker.take(lease.exchange.sent_s)
                    continue
                lease = None
                work.unbook()
                if self._must_stop():
                    return
            await clock.sleep_until(due_s)
            ticker.take(clock.monotonic_s())

    async def _next_tick(self, ticker: Ticker) -> None:
        await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
        ticker.take(self._clock.monotonic_s())

    async def _supervised(self, t_ms: int) -> None:
        try:
            await self.scrape(t_ms)
        except Exception as exc:  # noqa: BLE001 - see `_note_bug`
            self._note_bug(t_ms, exc)

    def _note_bug(self, t_ms: int, bug: Exception) -> None:
        """Let a bug that shows in one target's scrape end neither its loop nor the others."""
        self._metrics.scrape_panics.inc()
        self._log.exception("Scrape ended by an internal error", err=bug)
        self.target.report = Report(t_ms, 0.0, f"internal error: {bug!r}")

    async def scrape(self, t_ms: int) -> None:
        """Scrape once and commit: samples, stale markers and report, or none of them."""
        await self._work.scrape(t_ms, self._begin(self._clock.monotonic_s()))

    def _begin(self, started_s: float) -> float:
        """Take note of when a scrape begins, and of how long it was since the last one."""
        if self._started_s is not None:
            self._interval_length.observe(started_s - self._started_s)
        self._started_s = started_s
        return started_s

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
        await self._work.mark_end(t_ms)
