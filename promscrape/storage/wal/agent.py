"""The storage of an agent: the series in memory and the log on disk, as one component."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import StorageError
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.storage.wal.appender import WalAppender, WalParts
from promscrape.storage.wal.departures import Departures
from promscrape.storage.wal.forgetting import Forgetter
from promscrape.storage.wal.holder import Holder
from promscrape.storage.wal.layout import LayoutCache
from promscrape.storage.wal.lock import DirectoryLock
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from promscrape.storage.wal.pace import Pace, run_in_thread
from promscrape.storage.wal.recovery import Recovered, Recovery
from promscrape.storage.wal.repeater import WalRepeater
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.series import Handles
from promscrape.storage.wal.sync import Syncer
from promscrape.storage.wal.tail import LogTail
from promscrape.storage.wal.truncation import Truncator, floor_ms

_SIZE_CHECK_S = 60.0


@dataclass(frozen=True, slots=True)
class WalStatistics:
    """The state of a log, for the API and for tests."""

    active_series: int
    deleted_series: int
    first_segment: int
    current_segment: int
    bytes_on_disk: int
    corruptions: int
    replay_s: float


@final
class AgentStorage:
    """Implements `storage.interface.Appendable` for as long as it is entered.

    tail: where readers of the log follow it. `hold` keeps what they need on disk.
    departures: the series that left memory.

    All calls come from the event loop's thread. A commit writes there, as a scrape has to land
    whole; the replay, syncs and truncations have their slow parts in threads.
    """

    _parts: WalParts
    _truncator: Truncator
    _forgetter: Forgetter
    _opened: AsyncExitStack
    tail: LogTail

    def __init__(
        self,
        options: WalOptions,
        *,
        metrics: WalMetrics,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._options, self._metrics, self._clock, self._log = options, metrics, clock, log
        self.departures = Departures()

    async def __aenter__(self) -> Self:
        """Lock the directory, replay the log, and begin a new segment.

        Raises StorageError where another process has the directory, or the log cannot be read.
        A cancellation ends the replay soon, and leaves nothing running and nothing locked.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(self._locked())
            syncer = self._build(await self._recovered())
            stack.push_async_callback(self._close)
            await stack.enter_async_context(self._kept_up(syncer))
            self._opened = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the background tasks, make the log complete on disk, and let the directory go."""
        await self._opened.aclose()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self._options.use_lock_file:
            self._metrics.clean_start.value = -1
            yield
            return
        directory = self._options.directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise StorageError(f"create {directory}: {exc.strerror}") from exc
        lock = DirectoryLock(directory)
        was_clean = lock.acquire()
        self._metrics.clean_start.value = int(was_clean)
        if not was_clean:
            self._log.warning("Lock file of an earlier process replaced", dir=str(directory))
        try:
            yield
        finally:
            lock.release()

    async def _recovered(self) -> Recovered:
        started_s = self._clock.monotonic_s()
        pace = Pace(self._clock, work_s=float("inf"), rest_s=0)
        recovery = Recovery(self._options, self._metrics, self._log, pace)
        recovered = await run_in_thread(recovery.run, pace)
        took_s = self._clock.monotonic_s() - started_s
        self._metrics.replay_seconds.value = took_s
        self._log.info("WAL replayed", series=len(recovered.table), seconds=round(took_s, 3))
        return recovered

    def _build(self, recovered: Recovered) -> Syncer:
        options, metrics, clock, log = self._options, self._metrics, self._clock, self._log
        writer = SegmentWriter(
            options.wal_directory,
            recovered.next_segment,
            segment_bytes=options.segment_bytes,
            compression=options.compression,
            metrics=metrics,
            clock=clock,
        )
        syncer = Syncer(writer, options.fsync, clock, log)
        window_ms = options.out_of_order_window_ms
        self.tail = LogTail(writer.position, recovered.table)
        self._parts = WalParts(
            recovered.table,
            LayoutCache(),
            writer,
            metrics,
            window_ms,
            syncer.notice,
            self.tail,
            # What is older is not kept anyway, and most receivers would refuse it.
            zero_age_ms=int(options.oldest_kept_s * 1000) if options.injects_zeros else 0,
            logs_starts=options.logs_starts,
        )
        for ended in recovered.ended:
            self._parts.ended.note(ended)
        self._forgetter = Forgetter(self._parts, recovered.deleted, self.departures, clock)
        self._truncator = Truncator(
            self._parts, self._forgetter, options, recovered.first_segment, clock, log
        )
        return syncer

    @asynccontextmanager
    async def _kept_up(self, syncer: Syncer) -> AsyncIterator[None]:
        """Run the background tasks for as long as the body; one that fails ends the body."""
        tasks = asyncio.TaskGroup()
        await tasks.__aenter__()
        running = [
            tasks.create_task(syncer.run(), name="wal:sync"),
            tasks.create_task(self._truncate_regularly(), name="wal:truncate"),
            tasks.create_task(self._forgetter.run(), name="wal:forget"),
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            # What the body raised is not the group's to wrap: it goes on by itself.
            await tasks.__aexit__(None, None, None)

    async def _truncate_regularly(self) -> None:
        frequency_s = self._options.truncate_frequency_s
        step_s = min(frequency_s, _SIZE_CHECK_S) if self._options.max_bytes else frequency_s
        due_s = self._clock.monotonic_s() + frequency_s
        while True:
            await self._clock.sleep_until(min(self._clock.monotonic_s() + step_s, due_s))
            now_s = self._clock.monotonic_s()
            if now_s < due_s and not self._truncator.is_over_limit:
                continue
            due_s = max(due_s, now_s + frequency_s) if now_s >= due_s else due_s
            now_ms = self._clock.now_ns() // 1_000_000
            try:
                await self.truncate(floor_ms(now_ms, self._lowest_done_ms(), self._options))
            except (OSError, StorageError) as exc:
                self._log.error("Truncating the WAL failed", err=str(exc))

    def _lowest_done_ms(self) -> int | None:
        return min((holder.done_ms for holder in self._forgetter.holders), default=None)

    @contextmanager
    def hold(self, holder: Holder) -> Iterator[None]:
        """Keep what `holder` needs, as long as the bounds on age and size allow."""
        self._forgetter.holders.append(holder)
        try:
            yield
        finally:
            self._forgetter.holders.remove(holder)

    async def _close(self) -> None:
        try:
            await run_in_thread(self._parts.writer.close)
        except OSError as exc:
            self._log.error("Closing the WAL failed", err=str(exc))

    @property
    def labels(self) -> LabelStore:
        """The store of the label sets of the series in memory."""
        return self._parts.table.labels

    @property
    def generation(self) -> int:
        """Changes whenever handles were taken back; never repeats in one process."""
        return self._parts.table.generation

    @property
    def keeps_metadata(self) -> bool:
        """Whether what is known of series is kept for `metadata_of`, as it is unless told not to."""
        return self._parts.table.metadata.is_kept

    def keep_metadata(self, *, is_kept: bool) -> None:
        """Let metadata be kept from now on, or not."""
        if is_kept == self.keeps_metadata:
            return
        self._parts.table.metadata.keep(is_kept=is_kept)
        # What repeats a transaction brings none: the next one of each is to be worked out again.
        self._parts.layouts.forget_all()

    def appender(self) -> WalAppender:
        """Open a transaction."""
        return WalAppender(self._parts)

    def repeater(self, refs: Handles) -> WalRepeater | None:
        """Return what appends to these series again and again; None where nothing is saved."""
        return None if self._parts.logs_starts else WalRepeater(self._parts, refs)

    @property
    def wal_directory(self) -> Path:
        """Where the segments are."""
        return self._options.wal_directory

    def metadata_at(self, ref: int) -> Metadata | None:
        """As `metadata_of`, for the series that the log has under `ref`."""
        series = self._parts.table.named(ref)
        return None if series is None else self._parts.table.metadata_of(series.wire)

    def metadata_of(self, labels: Labels) -> Metadata | None:
        """Return the newest type, help and unit that were appended with the series.

        Kept in memory only, for the series that are: an agent's log has no place for them. It
        stays what it is while `metadata_changes` does.
        """
        return self._parts.table.metadata_of(labels.wire)

    @property
    def metadata_changes(self) -> int:
        """How often the metadata of a series has changed."""
        return self._parts.table.metadata.changes

    async def truncate(self, before_ms: int) -> None:
        """Drop what is older than `before_ms`; see `Truncator.truncate`."""
        await self._truncator.truncate(before_ms)

    def statistics(self) -> WalStatistics:
        return WalStatistics(
            active_series=len(self._parts.table),
            deleted_series=int(self._metrics.deleted_series.value),
            first_segment=self._truncator.first_segment,
            current_segment=self._parts.writer.current,
            bytes_on_disk=int(self._metrics.storage_bytes.value),
            corruptions=int(self._metrics.corruptions.value),
            replay_s=self._metrics.replay_seconds.value,
        )
