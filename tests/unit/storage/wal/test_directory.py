from pathlib import Path

import pytest

from promscrape.errors import StorageError
from promscrape.storage.wal.directory import (
    checkpoint_path,
    list_checkpoints,
    list_segments,
    remove_unfinished_checkpoints,
    segment_path,
    size_bytes,
    unfinished_path,
)


def test_names_have_eight_digits(tmp_path: Path) -> None:
    """Storage 2.1: the documents say six, the code writes eight."""
    assert segment_path(tmp_path, 7).name == "00000007"
    assert checkpoint_path(tmp_path, 12).name == "checkpoint.00000012"
    assert unfinished_path(checkpoint_path(tmp_path, 12)).name == "checkpoint.00000012.tmp"


def test_names_that_are_no_numbers_are_no_segments(tmp_path: Path) -> None:
    """Storage 2.1: they are ignored, checkpoints and left-overs of repairs among them."""
    for name in ("00000003", "00000004", "00000002.repair", "notes", "x00000009", "٣"):
        (tmp_path / name).touch()
    checkpoint_path(tmp_path, 2).mkdir()
    assert list_segments(tmp_path) == range(3, 5)


def test_a_missing_segment_is_an_error(tmp_path: Path) -> None:
    """Storage 2.1: what is in the gap may be what the later ones refer to."""
    for number in (1, 3):
        segment_path(tmp_path, number).touch()
    with pytest.raises(StorageError, match="segments are not sequential"):
        list_segments(tmp_path)


def test_an_empty_directory_has_no_segments(tmp_path: Path) -> None:
    """A first start."""
    assert list_segments(tmp_path) == range(0)
    assert list_checkpoints(tmp_path) == []


def test_only_finished_checkpoints_count(tmp_path: Path) -> None:
    """Storage 3.2: unfinished ones, those set aside and files are not looked at."""
    for name in ("checkpoint.00000010", "checkpoint.00000009", "checkpoint.00000011.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "checkpoint.00000008.corrupt").mkdir()
    (tmp_path / "checkpoint.00000012").touch()
    assert list_checkpoints(tmp_path) == [9, 10]


def test_unfinished_checkpoints_are_removed_whole(tmp_path: Path) -> None:
    """Storage 3.8: left-overs go before the next one is written; others stay."""
    for name in ("checkpoint.00000010", "checkpoint.00000011.tmp", "other.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "00000000").write_bytes(b"x")
    remove_unfinished_checkpoints(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.00000010", "other.tmp"]


def test_the_size_counts_checkpoints(tmp_path: Path) -> None:
    """Storage 3.10: it is the size of the whole directory."""
    segment_path(tmp_path, 1).write_bytes(b"12345")
    checkpoint_path(tmp_path, 0).mkdir()
    segment_path(checkpoint_path(tmp_path, 0), 0).write_bytes(b"123")
    assert size_bytes(tmp_path) == 8
