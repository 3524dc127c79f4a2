from pathlib import Path

import pytest

from promscrape.errors import CorruptLog
from promscrape.storage.wal.directory import checkpoint_path, list_segments, segment_path
from promscrape.storage.wal.frame import PAGE_BYTES, frame
from promscrape.storage.wal.reader import read_segments
from promscrape.storage.wal.repair import repair, set_aside


def write_segments(directory: Path, count: int = 5, records: int = 50) -> None:
    """Write segments of some pages each, with the number of the record in it."""
    for number in range(count):
        segment = bytearray()
        for record in range(records):
            segment += frame(bytes((number, record)) * 1000, 0, len(segment))
        segment_path(directory, number).write_bytes(segment)


def records_in(directory: Path) -> list[tuple[int, int]]:
    records = (
        logged.framed.record for logged in read_segments(directory, list_segments(directory))
    )
    return [(record[0], record[1]) for record in records]


def corruption_in(directory: Path) -> CorruptLog:
    with pytest.raises(CorruptLog) as caught:
        records_in(directory)
    return caught.value


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 0xFF
    path.write_bytes(raw)


def test_a_torn_tail_is_cut_off(tmp_path: Path) -> None:
    """S31, storage 3.5: the records before it are kept, in whole pages."""
    write_segments(tmp_path, count=1)
    path = segment_path(tmp_path, 0)
    path.write_bytes(path.read_bytes()[:-111])
    repair(tmp_path, corruption_in(tmp_path))
    assert records_in(tmp_path) == [(0, record) for record in range(49)]
    assert path.stat().st_size % PAGE_BYTES == 0


def test_everything_after_a_flipped_byte_goes(tmp_path: Path) -> None:
    """S32: in segment 3 of 5, so 4 is deleted and 3 ends with the record before."""
    write_segments(tmp_path)
    flip(segment_path(tmp_path, 3), 20_000)  # in the tenth record
    repair(tmp_path, corruption_in(tmp_path))
    expected = [(number, record) for number in range(3) for record in range(50)]
    assert records_in(tmp_path) == expected + [(3, record) for record in range(9)]
    assert list_segments(tmp_path) == range(4)


def test_appended_garbage_costs_nothing_else(tmp_path: Path) -> None:
    """S32: a hundred bytes that were never logged."""
    write_segments(tmp_path, count=2)
    path = segment_path(tmp_path, 1)
    path.write_bytes(path.read_bytes() + b"\x55" * 100)
    repair(tmp_path, corruption_in(tmp_path))
    assert len(records_in(tmp_path)) == 100


def test_a_bad_first_byte_empties_the_segment(tmp_path: Path) -> None:
    """Storage 3.5: there is no record before it."""
    write_segments(tmp_path, count=2)
    flip(segment_path(tmp_path, 1), 0)
    repair(tmp_path, corruption_in(tmp_path))
    assert len(records_in(tmp_path)) == 50
    assert segment_path(tmp_path, 1).stat().st_size == 0


def test_a_repair_that_was_interrupted_is_done_by_the_next(tmp_path: Path) -> None:
    """Segments go from the last one down: no gap is left where the process ends in between."""
    write_segments(tmp_path)
    flip(segment_path(tmp_path, 1), 5000)
    segment_path(tmp_path, 4).unlink()
    repair(tmp_path, corruption_in(tmp_path))
    assert list_segments(tmp_path) == range(2)


def test_checkpoints_are_left_alone(tmp_path: Path) -> None:
    """Storage 3.4: a repair is of segments."""
    write_segments(tmp_path, count=2)
    checkpoint_path(tmp_path, 7).mkdir()
    flip(segment_path(tmp_path, 0), 0)
    repair(tmp_path, corruption_in(tmp_path))
    assert checkpoint_path(tmp_path, 7).exists()


def test_a_bad_checkpoint_is_set_aside_whatever_lies_there(tmp_path: Path) -> None:
    """S31a: what an operator may want to look at is not overwritten by the next one."""
    names = []
    for _ in range(3):
        checkpoint = checkpoint_path(tmp_path, 4)
        checkpoint.mkdir()
        names.append(set_aside(checkpoint).name)
        assert not checkpoint.exists()
    assert names == [
        "checkpoint.00000004.corrupt",
        "checkpoint.00000004.corrupt.2",
        "checkpoint.00000004.corrupt.3",
    ]
