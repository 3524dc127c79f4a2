"""Reads the log for one consumer: along with the commits while it keeps up, from disk otherwise.

Both ways give the same commits in the same order, and the change from one to the other happens
between two of them: nothing is lost, repeated or put in another order.
"""

import asyncio
from array import array
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import StorageError
from promscrape.model.label_store import LabelStore
from promscrape.storage.wal.log_files import LogFiles, LogPart
from promscrape.storage.wal.named_series import find_series
from promscrape.storage.wal.pace import Pace, run_in_thread
from promscrape.storage.wal.record_types import LoggedSeries, RecordType
from promscrape.storage.wal.tail import Commit, LogTail, Position

MAX_WAITING_SAMPLES = 200_000
"""A reader that is further behind lets the columns go and reads from disk: 1.6 MB."""

_PAUSE_AFTER_FAULT_S = 5.0

Along = Callable[[Commit], bool]
"""Takes a commit while it is logged; false where it has to be read. It must not wait, or raise."""


@final
class ReadCounts:
    """What a reader met. Records are counted as read wherever they came from."""

    def __init__(self) -> None:
        self.from_disk: Counter[RecordType | None] = Counter()
        # Of commits that came along, how many had records of each kind.
        self.floats = self.histograms = self.exemplars = 0
        self.decode_failures = 0
        self.notices_skipped = 0
        self.corruptions: Counter[str] = Counter()

    @property
    def records(self) -> Counter[RecordType | None]:
        """How many records of each type were read."""
        along = {
            RecordType.SAMPLES: self.floats,
            RecordType.HISTOGRAMS: self.histograms,
            RecordType.EXEMPLARS: self.exemplars,
        }
        return self.from_disk + Counter(along) if any(along.values()) else self.from_disk


@final
class LogReader:
    """Implements `storage.wal.tail.Follower`. Belongs to one task, which reads.

    is_at_end: whether commits come from memory, because all before them were read.
    position: the end of the last commit that was read. stop: where the reader is done, None
    where it goes on with the log.
    """

    def __init__(
        self,
        tail: LogTail,
        directory: Path,
        start: Position,
        *,
        clock: Clock,
        log: FilteringBoundLogger,
        stop: Position | None = None,
        counts: ReadCounts | None = None,
    ) -> None:
        self._tail, self._directory, self._clock, self._log = tail, directory, clock, log
        self._files = LogFiles(directory)
        self._stop = stop
        self.position = self._next = start  # `_next` is the end of what waits in the queue
        self.counts = counts or ReadCounts()
        self._waiting: deque[tuple[Commit, int]] = deque()  # each with the number of its samples
        self._waiting_samples = 0
        self.is_at_end = stop is None and start >= tail.end
        self._changed = asyncio.Event()
        self._along: Along | None = None
        self._named: dict[int, bytes] = {}  # series that are in the log's files only
        self._has_searched = False
        tail.join(self)

    def close(self) -> None:
        """Follow the log no longer."""
        self._tail.leave(self)
        self._waiting.clear()

    @property
    def has_waiting(self) -> bool:
        """Whether `read` would return at once."""
        return bool(self._waiting)

    @property
    def is_idle(self) -> bool:
        """Whether everything was read, so that `read` would wait for the next commit."""
        return not self._waiting and self._next >= self._tail.end

    @property
    def is_through(self) -> bool:
        """Whether everything up to `stop` was read."""
        return self._stop is not None and not self._waiting and self._next >= self._stop

    def take(self, commit: Commit) -> None:
        """Let the commit wait to be read, unless it can be had at once, or there is no room."""
        if self._along is not None and not self._waiting and self._along(commit):
            self.position = self._next = commit.end
            self._count(commit)
            return
        samples = commit.samples
        if self._waiting and self._waiting_samples + samples > MAX_WAITING_SAMPLES:
            self._fall_back()
            return
        if self._waiting:
            self.counts.notices_skipped += 1
        self._waiting.append((commit, samples))
        self._waiting_samples += samples
        self._next = commit.end
        self._changed.set()

    def notice(self) -> None:
        self._changed.set()

    def _fall_back(self) -> None:
        self._waiting.clear()
        self._waiting_samples = 0
        self._next, self.is_at_end = self.position, False
        self._changed.set()

    def skip_to(self, position: Position) -> None:
        """Go on at `position`, where that is ahead."""
        if position > self._next or (position > self.position and self._waiting):
            self._waiting.clear()
            self._waiting_samples = 0
            self.position = self._next = position
            self.is_at_end = False
            self._changed.set()

    async def read(self, along: Along | None = None) -> Commit | None:
        """Return the next commit, once there is one; None at `stop`.

        A cancellation loses nothing: the next call goes on where this one stood.
        along: is offered each commit for which this would otherwise end its wait.
        """
        while not self._waiting:
            if self._stop is not None and self._next >= self._stop:
                return None
            self._changed.clear()
            if self.is_at_end:
                self._along = along
                try:
                    await self._changed.wait()
                finally:
                    self._along = None
            elif self._next >= self._tail.end:
                self._join_end()
            else:
                await self._read_part()
        return self._taken()

    def read_along(self) -> Commit | None:
        """Return the next commit where it is at hand because the reader keeps up, else None."""
        return self._taken() if self._waiting and self.is_at_end else None

    def _taken(self) -> Commit:
        commit, samples = self._waiting.popleft()
        self._waiting_samples -= samples
        self.position = commit.end
        if self.is_at_end:
            self._count(commit)
        return commit

    def _count(self, commit: Commit) -> None:
        counts = self.counts
        counts.floats += bool(commit.floats)
        counts.histograms += bool(commit.histograms)
        counts.exemplars += bool(commit.exemplars)

    def _join_end(self) -> None:
        self.is_at_end = True
        self._has_searched = False
        self._files.forget()
        self._named.clear()

    async def _read_part(self) -> None:
        start = self._next
        limit = self._tail.end if self._stop is None else min(self._tail.end, self._stop)
        try:
            part = await run_in_thread(lambda: self._files.read(start, limit))
        except (OSError, StorageError) as exc:
            self._log.error("Reading the WAL failed, trying again", err=str(exc))
            await self._clock.sleep_until(self._clock.monotonic_s() + _PAUSE_AFTER_FAULT_S)
            return
        if self._next != start:  # `skip_to` meanwhile
            return
        self.counts.from_disk += part.records
        self.counts.decode_failures += part.decode_failures
        self._keep_names(part.series)
        for commit in part.commits:
            self._waiting.append((commit, commit.samples))
            self._waiting_samples += commit.samples
        self._next = part.end
        if part.corruption:
            await self._pass_corruption(part)

    async def _pass_corruption(self, part: LogPart) -> None:
        """Go on in the next segment; the one that is written to gets another try (T61)."""
        self.counts.corruptions[part.corruption] += 1
        segment, offset = part.end
        self._log.error("Corrupt WAL segment", segment=segment, offset=offset, err=part.corruption)
        if segment < self._tail.end.segment:
            self._next = Position(segment + 1, 0)
        else:
            await self._clock.sleep_until(self._clock.monotonic_s() + _PAUSE_AFTER_FAULT_S)

    def _keep_names(self, series: list[LoggedSeries]) -> None:
        handles = self._tail.names.handles_of(array("Q", [ref for ref, _ in series]))
        self._named |= {
            ref: wire for (ref, wire), at in zip(series, handles, strict=True) if not at
        }

    def named(self, ref: int) -> LoggedSeries | None:
        """Return the series of a sample that was read; None where only `search` may find it."""
        series = self._tail.names.named(ref)
        if series is None and (wire := self._named.get(ref)) is not None:
            return LoggedSeries(ref, wire)
        return series

    def rows_in(self, labels: LabelStore, refs: "array[int]") -> "array[int]":
        """See `SeriesNames`."""
        return self._tail.names.rows_in(labels, refs)

    async def search(self) -> bool:
        """Look through the log before the position for series that left memory.

        Returns whether that was of any use: it is done once, until the reader has caught up.
        """
        if self._has_searched or self.is_at_end:
            return False
        self._has_searched = True
        pace = Pace(self._clock, work_s=0.002, rest_s=0.002)
        limit, named = self.position, self._tail.names.named
        try:
            found = await run_in_thread(
                lambda: find_series(self._directory, limit, named, pace), pace
            )
        except (OSError, StorageError) as exc:
            self._log.error("Looking for series in the WAL failed", err=str(exc))
            return False
        self._keep_names(found)
        return True
