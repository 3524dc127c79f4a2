"""The log read from its files, from any position on, commit by commit and a bounded part at a time.

    commit := series*, samples?, histograms*, exemplars?       in the order of the record types

Nothing in the log says where a commit ends, but each has its records in this order: one whose
kind comes no later than that of the record before begins the next commit. The caller gives a
limit up to which whole commits are written, so that a commit is never seen in part.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, final

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.directory import list_segments, segment_path
from promscrape.storage.wal.frame import PAGE_BYTES, Framed, unframe
from promscrape.storage.wal.histogram_record import decode_histograms
from promscrape.storage.wal.record import SampleColumns, SampleDecoder, decode_series
from promscrape.storage.wal.record_types import (
    HISTOGRAM_TYPES,
    SAMPLE_TYPES,
    LoggedExemplar,
    LoggedHistogram,
    LoggedSeries,
    RecordType,
    record_type,
)
from promscrape.storage.wal.sparse_record import decode_exemplars
from promscrape.storage.wal.tail import Commit, Floats, Position

BYTES_A_PART = 512 << 10
"""Of the files, unless a single commit is longer; decoded it takes some ten times as much."""

_REMEMBERED_SAMPLES = 250_000
_RANKS = {
    RecordType.SERIES: 0,
    RecordType.SAMPLES: 1,
    RecordType.SAMPLES_V2: 1,
    RecordType.HISTOGRAMS: 2,
    RecordType.HISTOGRAMS_V2: 2,
    RecordType.CUSTOM_HISTOGRAMS: 3,
    RecordType.FLOAT_HISTOGRAMS: 4,
    RecordType.FLOAT_HISTOGRAMS_V2: 4,
    RecordType.CUSTOM_FLOAT_HISTOGRAMS: 5,
    RecordType.EXEMPLARS: 6,
}


@final
@dataclass(slots=True)
class LogPart:
    """Some commits on end, and the series that were named between them.

    end: where the next part begins. records: how many of each type were read, "unknown" for
    what is no type. decode_failures: records that were left out because they break their
    layout. corruption: what ended the part early, "" where nothing did.
    """

    end: Position
    commits: list[Commit] = field(default_factory=list)
    series: list[LoggedSeries] = field(default_factory=list)
    records: Counter[RecordType | None] = field(default_factory=Counter)
    decode_failures: int = 0
    corruption: str = ""


@final
class _CommitBuilder:
    """Collects the records of one commit."""

    def __init__(self, samples: SampleDecoder, part: LogPart) -> None:
        self._samples, self._part = samples, part
        self._start_next()

    def _start_next(self) -> None:
        self._rank = -1
        self._floats: list[Floats] = []
        self._histograms: list[LoggedHistogram] = []
        self._exemplars: list[LoggedExemplar] = []

    def take(self, record: bytes, at: Position) -> None:
        """Take a record that begins at `at`; where it begins a commit, the last one is done."""
        type_ = record_type(record)
        rank = _RANKS.get(type_, self._rank) if type_ else self._rank
        if type_ in _RANKS and self._rank > 0 and self._rank >= rank:
            self.finish(at)
        self._rank = max(self._rank, rank)
        self._part.records[type_] += 1
        try:
            self._decode(record, type_)
        except MalformedRecord:
            self._part.decode_failures += 1

    def _decode(self, record: bytes, type_: RecordType | None) -> None:
        if type_ is RecordType.SERIES:
            self._part.series += decode_series(record)
        elif type_ in SAMPLE_TYPES:
            columns = self._samples.decode(record)
            if columns.refs:
                self._floats.append(_floats(columns))
        elif type_ in HISTOGRAM_TYPES:
            self._histograms += decode_histograms(record)
        elif type_ is RecordType.EXEMPLARS:
            self._exemplars += decode_exemplars(record)

    @property
    def has_commits(self) -> bool:
        """Whether a commit is complete."""
        return bool(self._part.commits)

    def finish(self, end: Position) -> None:
        """Complete the commit, which ends at `end`."""
        self._part.end = end
        if self._floats or self._histograms or self._exemplars:
            commit = Commit.of(end, self._floats, self._histograms, self._exemplars)
            self._part.commits.append(commit)
        self._start_next()


def _floats(columns: SampleColumns) -> Floats:
    timestamps = None if columns.offsets_ms is None else columns.timestamps_ms()
    return Floats(columns.refs, columns.values(), columns.base_ms, timestamps, columns.starts)


@final
class LogFiles:
    """Reads parts of a log. One thread at a time; the files may grow, and old ones vanish."""

    def __init__(self, directory: Path, bytes_a_part: int = BYTES_A_PART) -> None:
        self._directory, self._bytes_a_part = directory, bytes_a_part
        self._samples = SampleDecoder(_REMEMBERED_SAMPLES)

    def forget(self) -> None:
        """Let go of what makes reading on fast; it is learnt again."""
        self._samples = SampleDecoder(_REMEMBERED_SAMPLES)

    def read(self, start: Position, limit: Position) -> LogPart:
        """Return the commits from `start`, up to `limit` at most.

        A segment that is gone is passed over. Raises OSError where one cannot be read.
        """
        part = LogPart(start)
        builder = _CommitBuilder(self._samples, part)
        at = start
        while at.segment <= limit.segment:
            # A part ends in the first segment that it has a commit of.
            budget = self._bytes_a_part if at is start else 0
            try:
                if self._fill(builder, at, limit, budget):
                    return part
            except MalformedRecord as exc:
                builder.finish(Position(at.segment, exc.offset))
                part.corruption = exc.reason
                return part
            except FileNotFoundError:
                at = self._next_segment(at.segment, limit)
                builder.finish(at)
            else:
                at = Position(at.segment + 1, 0)
        builder.finish(limit)
        return part

    def _fill(self, builder: _CommitBuilder, start: Position, limit: Position, budget: int) -> bool:
        """Read on in one segment, and return whether there is enough before its end."""
        stop = limit.offset if start.segment == limit.segment else None
        for framed in self._records(start, stop):
            builder.take(framed.record, Position(start.segment, framed.start))
            if framed.end - start.offset > budget and builder.has_commits:
                return True
        return False

    def _records(self, start: Position, stop: int | None) -> Iterator[Framed]:
        if stop is not None and start.offset >= stop:
            return
        path = segment_path(self._directory, start.segment)
        with path.open("rb", buffering=PAGE_BYTES) as file:
            file.seek(start.offset - start.offset % PAGE_BYTES)
            yield from unframe(_pages(file, stop), start.offset)

    def _next_segment(self, missing: int, limit: Position) -> Position:
        numbers = [number for number in list_segments(self._directory) if number > missing]
        return Position(min(numbers), 0) if numbers else Position(limit.segment + 1, 0)


def _pages(file: BinaryIO, stop: int | None) -> Iterator[bytes]:
    """Yield pages up to `stop`, since a write may be under way after it."""
    at = file.tell()
    while stop is None or at < stop:
        size = PAGE_BYTES if stop is None else min(PAGE_BYTES, stop - at)
        page = file.read(size)
        if not page:
            return
        yield page
        at += len(page)
