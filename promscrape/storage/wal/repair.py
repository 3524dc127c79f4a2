"""Cuts a log at its first bad byte. Source: Prometheus tsdb/wlog/wlog.go, Repair."""

import os
from pathlib import Path

from promscrape.errors import CorruptLog
from promscrape.storage.wal.directory import list_segments, segment_path, sync_directory
from promscrape.storage.wal.frame import PAGE_BYTES


def repair(directory: Path, corruption: CorruptLog) -> None:
    """Keep what stands before the corruption, and drop everything after it, deliberately.

    Records refer to series that earlier ones name, so that one after a gap may say nothing, or
    something wrong. A repair that is interrupted leaves what the next one goes on from. Raises
    OSError.
    """
    damaged = int(corruption.path.name)
    # From the last one down, so that no gap comes between the segments.
    for number in reversed(list_segments(directory)):
        if number > damaged:
            segment_path(directory, number).unlink()
    fd = os.open(corruption.path, os.O_WRONLY)
    try:
        os.ftruncate(fd, corruption.offset)
        os.ftruncate(fd, -(-corruption.offset // PAGE_BYTES) * PAGE_BYTES)
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(directory)


def set_aside(checkpoint: Path) -> Path:
    """Rename a bad checkpoint, so that it is no longer one, and return its new path."""
    aside = checkpoint.with_name(f"{checkpoint.name}.corrupt")
    attempt = 1
    while aside.exists():
        attempt += 1
        aside = checkpoint.with_name(f"{checkpoint.name}.corrupt.{attempt}")
    checkpoint.rename(aside)
    sync_directory(checkpoint.parent)
    return aside
