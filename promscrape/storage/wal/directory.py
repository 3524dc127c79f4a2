"""What lies in the log's directory, by name.

    <data>/wal/00000007                   a segment
    <data>/wal/checkpoint.00000004/       replaces segments up to 4; its own begin at 00000000
    <data>/wal/checkpoint.00000009.tmp/   a checkpoint that was not finished

Other names are left alone. Source: Prometheus tsdb/wlog.
"""

import os
import re
import shutil
from pathlib import Path

from promscrape.errors import StorageError

_SEGMENT = re.compile(r"\d+", re.ASCII)
_CHECKPOINT = re.compile(r"checkpoint\.(\d+)", re.ASCII)
_UNFINISHED_SUFFIX = ".tmp"


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}"


def checkpoint_path(directory: Path, number: int) -> Path:
    """Return where the checkpoint lies that replaces segments up to and including `number`."""
    return directory / f"checkpoint.{number:08d}"


def unfinished_path(checkpoint: Path) -> Path:
    """Return where `checkpoint` is written before it is renamed to its own name."""
    return checkpoint.with_name(checkpoint.name + _UNFINISHED_SUFFIX)


def list_segments(directory: Path) -> range:
    """Return the numbers of the segments; raises StorageError where one is missing between."""
    numbers = sorted(int(entry.name) for entry in os.scandir(directory) if _is_segment(entry))
    if not numbers:
        return range(0)
    found = range(numbers[0], numbers[-1] + 1)
    if len(found) != len(numbers):
        raise StorageError(f"segments are not sequential in {directory}")
    return found


def _is_segment(entry: "os.DirEntry[str]") -> bool:
    return _SEGMENT.fullmatch(entry.name) is not None


def list_checkpoints(directory: Path) -> list[int]:
    """Return the numbers of the finished checkpoints, ascending."""
    matches = (
        _CHECKPOINT.fullmatch(entry.name) for entry in os.scandir(directory) if entry.is_dir()
    )
    return sorted(int(match[1]) for match in matches if match)


def remove_unfinished_checkpoints(directory: Path) -> None:
    for entry in os.scandir(directory):
        if entry.name.startswith("checkpoint.") and entry.name.endswith(_UNFINISHED_SUFFIX):
            shutil.rmtree(entry.path)


def size_bytes(directory: Path) -> int:
    """Return the bytes of all files below `directory`."""
    return sum(
        (Path(folder) / name).stat().st_size
        for folder, _, names in os.walk(directory)
        for name in names
    )


def sync_directory(directory: Path) -> None:
    """Make creations, renames and removals in `directory` survive a loss of power."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
