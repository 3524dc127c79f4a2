"""The log read from disk, record by record, each with its place."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from promscrape.errors import CorruptLog, MalformedRecord
from promscrape.storage.wal.directory import (
    checkpoint_path,
    list_checkpoints,
    list_segments,
    segment_path,
)
from promscrape.storage.wal.frame import PAGE_BYTES, Framed, unframe

_PAGES_A_READ = 32


def read_segment(path: Path) -> Iterator[Framed]:
    """Yield the records of one segment.

    Raises CorruptLog at the first byte that breaks the format, OSError where it cannot be read.
    """
    with path.open("rb", buffering=PAGE_BYTES * _PAGES_A_READ) as file:
        try:
            yield from unframe(_pages(file))
        except MalformedRecord as exc:
            raise CorruptLog(exc.reason, path, exc.offset) from exc


def _pages(file: BinaryIO) -> Iterator[bytes]:
    while page := file.read(PAGE_BYTES):
        yield page


class LoggedRecord(NamedTuple):
    """`segment` is the one that holds the record, or the checkpoint's number."""

    segment: int
    path: Path
    framed: Framed


def read_checkpoint(directory: Path, number: int) -> Iterator[LoggedRecord]:
    """Yield the records of a checkpoint; errors as `read_segment`."""
    folder = checkpoint_path(directory, number)
    for part in list_segments(folder):
        path = segment_path(folder, part)
        for framed in read_segment(path):
            yield LoggedRecord(number, path, framed)


def read_segments(directory: Path, numbers: range) -> Iterator[LoggedRecord]:
    """Yield the records of these segments; errors as `read_segment`."""
    for number in numbers:
        path = segment_path(directory, number)
        for framed in read_segment(path):
            yield LoggedRecord(number, path, framed)


def segments_after(directory: Path, checkpoint: int | None) -> range:
    """Return the segments that a checkpoint does not replace."""
    numbers = list_segments(directory)
    return (
        numbers if checkpoint is None else range(max(numbers.start, checkpoint + 1), numbers.stop)
    )


def last_checkpoint(directory: Path) -> int | None:
    return max(list_checkpoints(directory), default=None)


def read_log(directory: Path) -> Iterator[LoggedRecord]:
    """Yield all that counts of a log: its last checkpoint, then the segments after it."""
    number = last_checkpoint(directory)
    if number is not None:
        yield from read_checkpoint(directory, number)
    yield from read_segments(directory, segments_after(directory, number))
