"""The stretches of the log that a destination reads: usually one, from its position to the end.

With `prefer_fresh` a destination that is far behind goes on at the end of the log at once. What
it has not had yet becomes a backlog, which is read when there is nothing new.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from promscrape.storage.remote.position_file import Gap, StoredPosition
from promscrape.storage.remote.progress import Progress
from promscrape.storage.wal.log_reader import Along, LogReader
from promscrape.storage.wal.tail import Commit, LogTail, Position

FAR_BEHIND_MS: Final = 60_000

MakeReader = Callable[[Position, Position | None], LogReader]
"""Makes a reader from a position on, up to another one or with the log."""


@final
@dataclass(slots=True)
class Lane:
    """One stretch, and how much of it the destination has. stop: None where it has no end."""

    progress: Progress
    reader: LogReader
    stop: Position | None

    @property
    def is_done(self) -> bool:
        """Whether the destination has all of a stretch that ends."""
        if self.stop is None or not self.progress.is_idle:
            return False
        return self.reader.is_through or self.progress.position >= self.stop


@final
class Lanes:
    """The lanes of one destination. The first one follows the log, the others are the backlog.

    skipped: what was before the log's first segment, and is lost, is for the caller to count.
    """

    def __init__(
        self, stored: StoredPosition, tail: LogTail, make_reader: MakeReader, *, prefers_fresh: bool
    ) -> None:
        self._tail, self._make_reader = tail, make_reader
        self._prefers_fresh = prefers_fresh
        self._backlog: list[Lane] = []  # the newest stretch last
        for gap in stored.backlog:
            self._add_backlog(Progress(Position(*gap.start)), Position(*gap.stop))
        start = min(stored.position, tail.end)
        self.fresh = Lane(Progress(start, stored.sent_ms), make_reader(start, None), None)

    def _add_backlog(self, progress: Progress, stop: Position) -> None:
        if progress.position < stop:
            reader = self._make_reader(progress.position, stop)
            self._backlog.append(Lane(progress, reader, stop))

    @property
    def _all(self) -> list[Lane]:
        return [self.fresh, *self._backlog]

    def close(self) -> None:
        for lane in self._all:
            lane.reader.close()

    async def next(self, now_ms: int, along: Along) -> tuple[Lane, Commit]:
        """Return the next commit to send, once there is one, and its lane.

        along: is offered the commits of the fresh lane first, for as long as this waits for one.
        """
        while True:
            self._drop_done()
            if self._is_far_behind(now_ms):
                self._fork(now_ms)
            lane = self._next_lane()
            commit = await lane.reader.read(along if lane is self.fresh else None)
            if commit is not None:
                return lane, commit

    def _next_lane(self) -> Lane:
        if self.fresh.reader.is_idle:
            for lane in reversed(self._backlog):
                if not lane.reader.is_through:
                    return lane
        return self.fresh

    def _is_far_behind(self, now_ms: int) -> bool:
        fresh = self.fresh
        return (
            self._prefers_fresh
            and not fresh.reader.is_at_end
            and fresh.reader.position < self._tail.end
            and now_ms - fresh.progress.done_ms > FAR_BEHIND_MS
        )

    def _fork(self, now_ms: int) -> None:
        """Go on at the end of the log, and make a backlog of what is before it."""
        old, end = self.fresh, self._tail.end
        read = old.reader.position
        old.reader.close()
        # What was read and is on its way still counts for the old stretch.
        self._backlog.append(Lane(old.progress, self._make_reader(read, end), end))
        self.fresh = Lane(Progress(end, now_ms), self._make_reader(end, None), None)

    def _drop_done(self) -> None:
        for lane in [lane for lane in self._backlog if lane.is_done]:
            lane.reader.close()
            self._backlog.remove(lane)

    @property
    def are_at_end(self) -> bool:
        """Whether all commits come from memory, and none from the log's files."""
        return not self._backlog and self.fresh.reader.is_at_end

    @property
    def needed(self) -> Position:
        """Everything before this position is done with."""
        self._drop_done()
        return min(lane.progress.position for lane in self._all)

    def give_up_before(self, position: Position) -> None:
        """Go on at `position` where a lane is before it: the log has nothing older."""
        for lane in self._all:
            lane.progress.skip_to(position)
            lane.reader.skip_to(position)
        self._drop_done()

    def stored(self) -> StoredPosition:
        """Return what to write to the file."""
        self._drop_done()
        progress = self.fresh.progress
        gaps = tuple(
            Gap(lane.progress.position, lane.stop)
            for lane in self._backlog
            if lane.stop is not None and lane.progress.position < lane.stop
        )
        return StoredPosition(*progress.position, progress.done_ms, gaps)
