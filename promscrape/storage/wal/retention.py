"""Which segments may go: never one that somebody needs, unless it is too old or too much.

    first ......... cut ......... last
          may go     |   stay          two thirds of the segments that are complete, at most

A segment is as old as its last write, which its file tells.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import final

import msgspec

from promscrape.storage.wal.directory import segment_path
from promscrape.storage.wal.holder import GivenUp, Holder
from promscrape.storage.wal.tail import Position


@final
class SegmentFile(msgspec.Struct, frozen=True):
    """One complete segment."""

    number: int
    size: int
    written_ms: int


def segment_files(directory: Path, numbers: range) -> list[SegmentFile]:
    """Return what the files of these segments tell. Raises OSError."""
    found = []
    for number in numbers:
        status = segment_path(directory, number).stat()
        found.append(SegmentFile(number, status.st_size, status.st_mtime_ns // 1_000_000))
    return found


def cut_of(first: int, last: int) -> int | None:
    """Return the last segment that a checkpoint shall replace, None where it is not worth one.

    Two thirds go of the segments before `last`, which is the one that was written to.
    """
    cut = first + (last - 1 - first) * 2 // 3
    return cut if cut > first else None


def held_cut(cut: int | None, holders: Sequence[Holder], lost: int) -> int | None:
    """Return the cut that leaves what holders need; segments up to `lost` go all the same."""
    needed = min((holder.needed.segment for holder in holders), default=None)
    if needed is not None and cut is not None:
        cut = min(cut, max(needed - 1, lost))
    return cut


def last_old(files: Sequence[SegmentFile], before_ms: int) -> int:
    """Return the last segment of which everything is before `before_ms`, -1 where none is."""
    old = -1
    for file in files:
        if file.written_ms >= before_ms:
            break
        old = file.number
    return old


def last_over(files: Sequence[SegmentFile], total: int, limit: int) -> int:
    """Return the last segment to go so that `total` bytes come down to `limit`, -1 for none."""
    over = -1
    for file in files:
        if total <= limit:
            break
        total -= file.size
        over = file.number
    return over


def give_up(holders: Sequence[Holder], files: Sequence[SegmentFile], cut: int) -> None:
    """Tell the holders that need a segment up to `cut`; it is about to be dropped."""
    position = Position(cut + 1, 0)
    for holder in holders:
        needed = holder.needed
        if needed < position:
            size = sum(file.size for file in files if needed.segment <= file.number <= cut)
            first = next((file.size for file in files if file.number == needed.segment), 0)
            holder.give_up(GivenUp(position, size - min(needed.offset, first)))
