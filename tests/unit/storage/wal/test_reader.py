from pathlib import Path

import pytest

from promscrape.errors import CorruptLog
from promscrape.storage.wal.directory import checkpoint_path, segment_path
from promscrape.storage.wal.frame import PAGE_BYTES, frame
from promscrape.storage.wal.reader import read_log, read_segment, read_segments


def write_segment(directory: Path, number: int, *records: bytes) -> Path:
    path = segment_path(directory, number)
    segment = bytearray()
    for record in records:
        segment += frame(record, 0, len(segment))
    path.write_bytes(segment)
    return path


def test_a_log_is_its_last_checkpoint_and_the_segments_after_it(tmp_path: Path) -> None:
    """Storage 3.2: older checkpoints and segments that are replaced are not read."""
    for number in (2, 5):
        checkpoint_path(tmp_path, number).mkdir()
    write_segment(checkpoint_path(tmp_path, 2), 0, b"old")
    write_segment(checkpoint_path(tmp_path, 5), 0, b"a")
    write_segment(checkpoint_path(tmp_path, 5), 1, b"b")
    for number, record in ((4, b"replaced"), (5, b"replaced"), (6, b"c"), (7, b"d")):
        write_segment(tmp_path, number, record)
    found = [(logged.segment, logged.framed.record) for logged in read_log(tmp_path)]
    assert found == [(5, b"a"), (5, b"b"), (6, b"c"), (7, b"d")]


def test_without_a_checkpoint_all_segments_are_read(tmp_path: Path) -> None:
    """Storage 3.2: from the first one on."""
    write_segment(tmp_path, 0, b"a", b"b")
    write_segment(tmp_path, 1)
    write_segment(tmp_path, 2, b"c")
    assert [logged.framed.record for logged in read_log(tmp_path)] == [b"a", b"b", b"c"]


def test_a_corruption_is_placed_in_its_file(tmp_path: Path) -> None:
    """Storage 3.5: repair needs the segment and the offset, an operator the text."""
    write_segment(tmp_path, 0, b"a")
    path = write_segment(tmp_path, 1, b"b" * PAGE_BYTES, b"c")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"d")
    with pytest.raises(CorruptLog) as caught:
        list(read_segments(tmp_path, range(2)))
    offset = len(whole) - 8
    assert (caught.value.path, caught.value.offset) == (path, offset)
    assert str(caught.value).startswith(f"corruption in segment {path} at {offset}: unexpected")


def test_records_before_a_corruption_are_read(tmp_path: Path) -> None:
    """Storage 3.5: they are what a repair keeps."""
    path = write_segment(tmp_path, 0, b"a", b"b")
    path.write_bytes(path.read_bytes()[:-1])
    records = read_segment(path)
    assert next(records).record == b"a"
    with pytest.raises(CorruptLog):
        next(records)


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    """It is no corruption, and nothing must be deleted for it."""
    with pytest.raises(FileNotFoundError):
        list(read_segments(tmp_path, range(1)))
