"""The end of the log, for those who read along: what a commit wrote, and where it ends.

A reader that keeps up is handed the columns of each commit. One that does not lets them go, and
reads the log's files from where it stood (`log_reader.py`).
"""

from array import array
from collections.abc import Sequence
from typing import NamedTuple, Protocol, Self, final

import msgspec

from promscrape.model.label_store import LabelStore
from promscrape.storage.wal.record_types import LoggedExemplar, LoggedHistogram, LoggedSeries


class Position(NamedTuple):
    """A place between two records: a segment, and the bytes of it that are before the place."""

    segment: int
    offset: int


@final
class Floats(msgspec.Struct):  # made without a line of Python, in each scrape
    """Float samples, a column for each property.

    refs: one and the same array from scrape to scrape while the series stay the same, so that
        what follows from them can be kept by its identity. Not to be changed.
    timestamps: None where all are at `t_ms`.
    starts: start timestamps, 0 where a sample has none; None where none has.
    """

    refs: "array[int]"
    values: "array[float]"
    t_ms: int
    timestamps: "array[int] | None" = None
    starts: "array[int] | None" = None

    @property
    def newest_ms(self) -> int:
        return self.t_ms if self.timestamps is None else max(self.timestamps)


@final
class Commit(msgspec.Struct):
    """What one transaction logged, without the series it created. `end` is where it ends.

    samples: how many there are of either kind. newest_ms: the newest timestamp of one, 0 where
    there is none.
    """

    end: Position
    floats: Sequence[Floats] = ()
    histograms: Sequence[LoggedHistogram] = ()
    exemplars: Sequence[LoggedExemplar] = ()
    samples: int = 0
    newest_ms: int = 0

    @classmethod
    def of(
        cls,
        end: Position,
        floats: Sequence[Floats],
        histograms: Sequence[LoggedHistogram],
        exemplars: Sequence[LoggedExemplar],
    ) -> Self:
        """Return a commit, its samples counted."""
        samples, newest_ms = len(histograms), 0
        for block in floats:
            samples += len(block.refs)
            newest_ms = max(newest_ms, block.newest_ms)
        for logged in histograms:
            newest_ms = max(newest_ms, logged.t_ms)
        return cls(end, floats, histograms, exemplars, samples, newest_ms)


class Follower(Protocol):
    """Someone who reads along. Neither call may wait, or raise.

    is_at_end: whether it wants the next commit's columns, because it has all before it.
    """

    is_at_end: bool

    def take(self, commit: Commit) -> None:
        """Take a commit that was just logged, right after all those before it."""

    def notice(self) -> None:
        """Hear that there is more to read. For a follower that is not at the end."""


class SeriesNames(Protocol):
    """Knows the series of the log."""

    def named(self, ref: int) -> LoggedSeries | None:
        """Return the series with its own ref; None where it cannot tell."""

    def rows_in(self, labels: LabelStore, refs: "array[int]") -> "array[int]":
        """Return the row in a store of each series that has the ref as its own.

        0 stands for those that `named` has to tell of, all of them where the store is another one.
        """


class SeriesInMemory(SeriesNames, Protocol):
    """Knows those that were seen lately."""

    def handles_of(self, refs: "array[int]") -> "array[int]":
        """Return the handle of each ref, 0 where it is unknown."""


@final
class LogTail:
    """Hands each commit to the followers. Used by the event loop's thread alone.

    newest_ms: the newest timestamp of all samples since the start. names: of the series in memory.
    """

    def __init__(self, end: Position, names: SeriesInMemory) -> None:
        self.end = end
        self.newest_ms = 0
        self.names = names
        self._followers: list[Follower] = []

    @property
    def is_followed(self) -> bool:
        """Whether anyone wants columns; otherwise a commit need not put them together."""
        return any(follower.is_at_end for follower in self._followers)

    def join(self, follower: Follower) -> None:
        self._followers.append(follower)

    def leave(self, follower: Follower) -> None:
        self._followers.remove(follower)

    def move(self, commit: Commit, newest_ms: int = 0) -> None:
        """Take note that the log now ends where `commit` does, and pass it on.

        newest_ms: the newest timestamp of its samples, also where it comes without columns.
        """
        self.end = commit.end
        self.newest_ms = max(self.newest_ms, commit.newest_ms, newest_ms)
        for follower in self._followers:
            if follower.is_at_end:
                follower.take(commit)
            else:
                follower.notice()
