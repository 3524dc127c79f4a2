from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.errors import StorageError
from promscrape.storage.wal.directory import checkpoint_path, list_segments, segment_path
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from promscrape.storage.wal.recovery import Recovered, Recovery
from tests.support.wal import Log, Target, metric, no_pace

A, B, C = metric("a"), metric("b"), metric("c")


class Opened:
    """A recovery that was run, and what it counted and said."""

    def __init__(self, directory: Path) -> None:
        self.metrics = WalMetrics(CollectorRegistry())
        with capture_logs() as self.said:
            recovery = Recovery(
                WalOptions(directory), self.metrics, structlog.get_logger(), no_pace()
            )
            self.recovered: Recovered = recovery.run()
        self.table = self.recovered.table

    def has(self, *names: str) -> list[bool]:
        return [bool(self.table.find(metric(name).wire)) for name in names]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory: series a in checkpoint 4, series b and c in segments 5 and 6."""
    checkpoint = checkpoint_path(tmp_path / "wal", 4)
    checkpoint.mkdir(parents=True)
    log = Log(checkpoint)
    Target(log, [A]).scrape([1], 1000)
    log.writer.close()
    log = Log(tmp_path / "wal", first=5, table=log.table)
    Target(log, [A, B]).scrape([1, 2], 2000)
    log.writer.rotate()
    Target(log, [A, C]).scrape([1, 2], 3000)
    log.writer.close()
    return tmp_path


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 0xFF
    path.write_bytes(raw)


def test_a_first_start_makes_the_directory(tmp_path: Path) -> None:
    """S19: and begins with segment 0 and ref 1."""
    opened = Opened(tmp_path / "data")
    assert (tmp_path / "data" / "wal").is_dir()
    assert (opened.recovered.first_segment, opened.recovered.next_segment) == (0, 0)
    assert opened.table.next_ref == 1


def test_a_log_is_recovered_from_checkpoint_and_segments(data: Path) -> None:
    """S20, storage 3.2: the next segment is a new one."""
    opened = Opened(data)
    assert opened.has("a", "b", "c") == [True, True, True]
    assert list(opened.table.last_ms[1:]) == [3000, 2000, 3000]
    assert (opened.recovered.first_segment, opened.recovered.next_segment) == (5, 7)
    assert opened.metrics.active_series.value == 3
    assert opened.metrics.storage_bytes.value == 3 * 32768
    assert opened.said == []


def test_a_corrupt_checkpoint_costs_no_segment(data: Path) -> None:
    """S31a, storage 3.4: it is set aside, an error is logged, and the process starts.

    Prometheus deletes all segments here, and ends.
    """
    wal = data / "wal"
    flip(wal / "checkpoint.00000004" / "00000000", 12)
    opened = Opened(data)
    assert list_segments(wal) == range(5, 7)
    assert (wal / "checkpoint.00000004.corrupt").is_dir()
    assert opened.metrics.corruptions.value == 1
    assert [(line["log_level"], line["event"]) for line in opened.said] == [
        ("error", "Corrupt checkpoint set aside"),
        ("warning", "Samples of unknown series skipped"),
    ]
    # Series a was in the checkpoint alone: its two samples are skipped, and its ref stays taken.
    assert opened.has("a", "b", "c") == [False, True, True]
    assert opened.metrics.unknown_series_samples.value == 2
    assert opened.table.next_ref == 4
    assert Opened(data).metrics.corruptions.value == 0


def test_an_older_checkpoint_takes_over(data: Path) -> None:
    """Storage 3.4: where the removal of one had failed, it knows series that the others lack."""
    wal = data / "wal"
    (wal / "checkpoint.00000004").rename(wal / "checkpoint.00000002")
    newer = checkpoint_path(wal, 4)
    newer.mkdir()
    (newer / "00000000").write_bytes(b"\x01garbage")
    opened = Opened(data)
    assert opened.has("a", "b", "c") == [True, True, True]
    assert opened.metrics.corruptions.value == 1


def test_a_gap_in_a_checkpoint_makes_it_a_corrupt_one(data: Path) -> None:
    """Storage 2.1: what was in the gap is not known."""
    checkpoint = data / "wal" / "checkpoint.00000004"
    (checkpoint / "00000002").touch()
    assert Opened(data).has("a", "b") == [False, True]
    assert not checkpoint.exists()


def test_a_corrupt_segment_is_cut(data: Path) -> None:
    """S31, storage 3.5: one corruption, one line; the next segment follows what is left."""
    flip(data / "wal" / "00000005", 3)
    opened = Opened(data)
    assert list_segments(data / "wal") == range(5, 6)
    assert opened.metrics.corruptions.value == 1
    assert [line["event"] for line in opened.said] == ["Corrupt log cut at the first bad byte"]
    assert opened.has("a", "b", "c") == [True, False, False]
    assert opened.recovered.next_segment == 6
    again = Opened(data)
    assert again.metrics.corruptions.value == 0
    assert again.has("a", "b", "c") == [True, False, False]


def test_a_gap_between_segments_is_an_error(data: Path) -> None:
    """Storage 2.1: opening fails, and nothing is touched."""
    segment_path(data / "wal", 9).touch()
    with pytest.raises(StorageError, match="segments are not sequential"):
        Opened(data)


def test_a_log_whose_segments_are_gone_goes_on_after_its_checkpoint(data: Path) -> None:
    """A new segment 0 would be replaced by checkpoint 4 before anybody read it."""
    wal = data / "wal"
    for number in (5, 6):
        segment_path(wal, number).unlink()
    segment_path(wal, 3).touch()
    opened = Opened(data)
    assert opened.recovered.next_segment == 5
    assert list_segments(wal) == range(0)
    assert opened.has("a", "b", "c") == [True, False, False]


def test_a_directory_that_cannot_be_read_is_a_storage_error(tmp_path: Path) -> None:
    """The operator reads what the system said."""
    (tmp_path / "wal").write_bytes(b"a file")
    with pytest.raises(StorageError, match=r"read WAL in .*wal: File exists"):
        Opened(tmp_path)
