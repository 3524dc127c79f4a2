"""Drops the oldest part of the log, and the series that went silent.

Source: Prometheus tsdb/agent/db.go, run and truncate.
"""

import asyncio
import shutil
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import CorruptLog, StorageError
from promscrape.storage.wal.appender import WalParts
from promscrape.storage.wal.checkpoint import Rewriter, series_in_memory, write_checkpoint
from promscrape.storage.wal.directory import (
    checkpoint_path,
    list_checkpoints,
    list_segments,
    segment_path,
    size_bytes,
)
from promscrape.storage.wal.forgetting import Forgetter, Silent
from promscrape.storage.wal.options import WalOptions
from promscrape.storage.wal.pace import Pace, run_in_thread
from promscrape.storage.wal.reader import (
    LoggedRecord,
    last_checkpoint,
    read_checkpoint,
    read_segments,
    segments_after,
)
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.retention import (
    SegmentFile,
    cut_of,
    give_up,
    held_cut,
    last_old,
    last_over,
    segment_files,
)
from promscrape.storage.wal.tail import Commit

# Half the time of one core, and the event loop waits for two milliseconds at most.
_WORK_S = _REST_S = 0.002
_DROPS_A_TURN = 500
_ROWS_A_STEP = 20_000


def floor_ms(now_ms: int, lowest_needed_ms: int | None, options: WalOptions) -> int:
    """Return the time before which samples, and series silent since, may go.

    `lowest_needed_ms` is the newest time that every destination was sent, None without any.
    """
    sent_ms = max((lowest_needed_ms or 0) - round(options.min_time_s * 1000), 0)
    return max(sent_ms, now_ms - round(options.oldest_kept_s * 1000))


@final
class Truncator:
    """Truncates a log that is in use: the files in a thread, the series on the event loop."""

    def __init__(
        self,
        parts: WalParts,
        forgetter: Forgetter,
        options: WalOptions,
        first_segment: int,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self.first_segment = first_segment
        self._parts, self._forgetter, self._options = parts, forgetter, options
        self._deleted = forgetter.deleted
        self._clock, self._log = clock, log
        self._directory = options.wal_directory
        # Held for a whole truncation: a second one would write the same checkpoint.
        self._one_at_a_time = asyncio.Lock()

    async def truncate(self, before_ms: int) -> None:
        """Drop series silent since `before_ms`, and replace two thirds of the segments.

        The checkpoint that replaces them keeps samples from `before_ms` on. Segments stay that a
        holder needs, unless all in them is too old, or the log is too large. Raises OSError and
        StorageError; the log is then as it was, or has segments that its checkpoint replaces. A
        cancellation removes an unfinished checkpoint.
        """
        async with self._one_at_a_time:
            started_s = self._clock.monotonic_s()
            await self._drop_silent_series(before_ms)
            last = self._parts.writer.current
            self._parts.writer.rotate()
            self._parts.tail.move(Commit(self._parts.writer.position))
            self._parts.on_logged()
            previous, files = await run_in_thread(lambda: self._complete_segments(last))
            if not files:
                return
            first, over = files[0].number, self._last_over_limit(files)
            cut = max(self._regular_cut(files, last), over)
            if cut < first:
                return
            # Where there is too much, the checkpoint must not have the samples again.
            floor_ms = self._now_ms() if cut == over else before_ms
            await self._replace(range(first, cut + 1), previous, floor_ms)
            give_up(self._forgetter.holders, files, cut)
            self.first_segment = cut + 1
            took_s = self._clock.monotonic_s() - started_s
            self._parts.metrics.truncate_seconds.observe(took_s)
            self._log.info("WAL truncated", first=first, last=cut, seconds=round(took_s, 3))

    def _complete_segments(self, last: int) -> tuple[int | None, list[SegmentFile]]:
        """Return the newest checkpoint, and the segments after it, up to `last`."""
        previous = last_checkpoint(self._directory)
        first = segments_after(self._directory, previous).start
        return previous, segment_files(self._directory, range(first, last + 1))

    def _regular_cut(self, files: Sequence[SegmentFile], last: int) -> int:
        """Return the last segment that need not be kept, -1 where all are to stay."""
        old = last_old(files, self._now_ms() - round(self._options.oldest_kept_s * 1000))
        cut = held_cut(cut_of(files[0].number, last), self._forgetter.holders, old)
        return -1 if cut is None else cut

    @property
    def is_over_limit(self) -> bool:
        """Whether the log takes more bytes than it may."""
        limit = self._options.max_bytes
        return 0 < limit < self._parts.metrics.storage_bytes.value

    def _last_over_limit(self, files: Sequence[SegmentFile]) -> int:
        if not self.is_over_limit:
            return -1
        total = int(self._parts.metrics.storage_bytes.value)
        return last_over(files, total, self._options.max_bytes)

    def _now_ms(self) -> int:
        return self._clock.now_ns() // 1_000_000

    async def _drop_silent_series(self, before_ms: int) -> None:
        last_ms = self._parts.table.last_ms[:]
        pace = self._pace()
        rows = await run_in_thread(lambda: _silent_rows(last_ms, before_ms, pace), pace)
        for start in range(0, len(rows), _DROPS_A_TURN):
            # Between turns the series may have got samples, which the table looks at.
            turn = rows[start : start + _DROPS_A_TURN]
            self._forgetter.drop((Silent(turn, before_ms),), self._parts.writer.current)
            await asyncio.sleep(0)

    async def _replace(self, segments: range, previous: int | None, before_ms: int) -> None:
        cut, metrics = segments[-1], self._parts.metrics
        pace = self._pace()
        records = self._records(segments, previous, before_ms, pace)
        metrics.checkpoint_creations.value += 1
        # A checkpoint from memory goes over the rows, which must not change hands meanwhile.
        self._forgetter.is_held = self._options.checkpoint_from_memory
        try:
            written = await run_in_thread(lambda: self._write(cut, records), pace)
        except (OSError, StorageError) as exc:
            metrics.checkpoint_creations_failed.value += 1
            metrics.corruptions.value += isinstance(exc, CorruptLog)
            raise
        finally:
            self._forgetter.is_held = False
        freed = await run_in_thread(lambda: self._remove_replaced(cut))
        metrics.storage_bytes.value += written - freed
        self._deleted.forget(cut)
        metrics.deleted_series.value = len(self._deleted)

    def _pace(self) -> Pace:
        return Pace(self._clock, work_s=_WORK_S, rest_s=_REST_S)

    def _records(
        self, segments: range, previous: int | None, before_ms: int, pace: Pace
    ) -> Iterator[bytes]:
        table, deleted, cut = self._parts.table, self._deleted, segments[-1]
        if self._options.checkpoint_from_memory:
            return series_in_memory(table, deleted, cut, self._options.checkpoint_batch, pace)

        # Series may leave memory meanwhile, and what is needed now is needed then.
        refs, needed = table.refs[:], deleted.refs_used_after(cut)

        def is_needed(series: LoggedSeries) -> bool:
            return series.ref in needed

        def records() -> Iterator[bytes]:
            for start in range(0, len(refs), _ROWS_A_STEP):
                pace.step()
                needed.add(refs[start : start + _ROWS_A_STEP])
            logged = self._logged(segments, previous)
            yield from Rewriter(is_needed, before_ms).rewrite(logged, pace)

        return records()

    def _logged(self, segments: range, previous: int | None) -> Iterator[LoggedRecord]:
        kept: Iterable[LoggedRecord] = ()
        if previous is not None:
            kept = read_checkpoint(self._directory, previous)
        return chain(kept, read_segments(self._directory, segments))

    def _write(self, cut: int, records: Iterator[bytes]) -> int:
        write_checkpoint(
            self._directory,
            cut,
            records,
            segment_bytes=self._options.segment_bytes,
            compression=self._options.compression,
            clock=self._clock,
        )
        return size_bytes(checkpoint_path(self._directory, cut))

    def _remove_replaced(self, cut: int) -> int:
        """Remove what the checkpoint `cut` replaces, and return its bytes.

        What cannot be removed is only in the way: the next truncation tries again.
        """
        metrics, freed = self._parts.metrics, 0
        metrics.truncations.value += 1
        try:
            freed += _remove_segments(self._directory, cut)
        except OSError as exc:
            metrics.truncations_failed.value += 1
            self._log.error("Removing old WAL segments failed", err=str(exc))
        metrics.checkpoint_deletions.value += 1
        try:
            freed += _remove_checkpoints_before(self._directory, cut)
        except OSError as exc:
            metrics.checkpoint_deletions_failed.value += 1
            self._log.error("Removing old checkpoints failed", err=str(exc))
        return freed


def _silent_rows(last_ms: "array[int]", before_ms: int, pace: Pace) -> list[int]:
    rows: list[int] = []
    for start in range(0, len(last_ms), _ROWS_A_STEP):
        pace.step()
        part = last_ms[start : start + _ROWS_A_STEP]
        rows += [row for row, t_ms in enumerate(part, start) if t_ms < before_ms]
    return rows


def _remove_segments(directory: Path, last: int) -> int:
    """Remove the segments up to `last`, in an order that leaves no gap; return their bytes."""
    freed = 0
    for number in list_segments(directory):
        if number <= last:
            path = segment_path(directory, number)
            freed += path.stat().st_size
            path.unlink()
    return freed


def _remove_checkpoints_before(directory: Path, number: int) -> int:
    freed = 0
    for older in list_checkpoints(directory):
        if older < number:
            path = checkpoint_path(directory, older)
            freed += size_bytes(path)
            shutil.rmtree(path)
    return freed
