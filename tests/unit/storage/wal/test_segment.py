import os
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from promscrape.errors import StorageError
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.directory import list_segments, segment_path
from promscrape.storage.wal.frame import HEADER_BYTES, PAGE_BYTES
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.reader import read_segment, read_segments
from promscrape.storage.wal.segment import SegmentWriter
from tests.support.clock import ManualClock
from tests.support.wal import files_limited_to

KIB = 1 << 10


def writer_in(
    directory: Path,
    *,
    first: int = 0,
    segment_bytes: int = 64 * KIB,
    compression: Compression = Compression.NONE,
    metrics: WalMetrics | None = None,
) -> SegmentWriter:
    return SegmentWriter(
        directory,
        first,
        segment_bytes=segment_bytes,
        compression=compression,
        metrics=metrics or WalMetrics(CollectorRegistry()),
        clock=ManualClock(),
    )


def sizes(directory: Path) -> list[int]:
    return [segment_path(directory, number).stat().st_size for number in list_segments(directory)]


def records_in(directory: Path) -> list[bytes]:
    segments = list_segments(directory)
    return [logged.framed.record for logged in read_segments(directory, segments)]


def test_opening_makes_an_empty_segment(tmp_path: Path) -> None:
    """S19, storage 2.3: and it is there before anything is written."""
    writer = writer_in(tmp_path, first=4)
    assert writer.current == 4
    assert sizes(tmp_path) == [0]
    writer.close()


def test_an_existing_segment_is_never_written_to(tmp_path: Path) -> None:
    """Storage 2.3: to be asked for one that is there is an error, not an append."""
    segment_path(tmp_path, 0).write_bytes(b"precious")
    with pytest.raises(StorageError, match=r"create segment .*00000000: File exists"):
        writer_in(tmp_path)


def test_what_was_appended_is_in_the_file(tmp_path: Path) -> None:
    """Storage 2.7: the end of the process loses nothing that a log call returned from."""
    writer = writer_in(tmp_path)
    writer.append([b"a", b"b"])
    assert [framed.record for framed in read_segment(segment_path(tmp_path, 0))] == [b"a", b"b"]
    writer.close()


def test_a_record_that_does_not_fit_begins_a_segment(tmp_path: Path) -> None:
    """S13, storage 2.2: 40 KiB and 40 KiB in segments of 64 KiB; the first one is padded."""
    writer = writer_in(tmp_path)
    first, second = b"a" * 40 * KIB, b"b" * 40 * KIB
    writer.append([first])
    writer.append([second])
    writer.close()
    assert sizes(tmp_path) == [64 * KIB, 64 * KIB]
    assert records_in(tmp_path) == [first, second]


def test_a_record_that_just_fits_stays(tmp_path: Path) -> None:
    """Storage 2.2: what is left is counted without the headers of the pages to come."""
    writer = writer_in(tmp_path)
    fits = b"a" * (2 * (PAGE_BYTES - HEADER_BYTES))
    writer.append([fits])
    assert writer.current == 0
    writer.append([b"b"])
    writer.append([fits + b"c"])
    writer.close()
    assert sizes(tmp_path)[:2] == [64 * KIB, PAGE_BYTES]


def test_records_of_one_call_move_on_together(tmp_path: Path) -> None:
    """A transaction lies in one segment where it can, so that a failed write takes all of it."""
    writer = writer_in(tmp_path)
    writer.append([b"a" * 40 * KIB])
    writer.append([b"b" * KIB, b"c" * 40 * KIB])
    writer.close()
    assert [logged.segment for logged in read_segments(tmp_path, range(2))] == [0, 1, 1]


def test_records_too_large_for_one_segment_together_take_several(tmp_path: Path) -> None:
    """S13: with both records in one call."""
    writer = writer_in(tmp_path)
    records = [b"a" * 40 * KIB, b"b" * 40 * KIB, b"c" * KIB]
    writer.append(records)
    writer.close()
    assert records_in(tmp_path) == records
    assert sizes(tmp_path) == [64 * KIB, 64 * KIB]


def test_a_record_larger_than_a_segment_has_its_own(tmp_path: Path) -> None:
    """S14, storage 2.2: it is oversized, and readable."""
    writer = writer_in(tmp_path)
    records = [b"a", b"b" * 200 * KIB, b"c"]
    for record in records:
        writer.append([record])
    writer.close()
    assert records_in(tmp_path) == records
    assert sizes(tmp_path) == [PAGE_BYTES, 7 * PAGE_BYTES, PAGE_BYTES]


def test_an_empty_segment_is_left_behind_by_a_rotation(tmp_path: Path) -> None:
    """S26: a truncation starts a segment however little the last one holds."""
    writer = writer_in(tmp_path)
    writer.rotate()
    assert writer.current == 1
    writer.close()
    assert sizes(tmp_path) == [0, 0]


def test_nothing_is_written_to_a_closed_log(tmp_path: Path) -> None:
    """A late commit is an error, not a segment that nobody closes."""
    writer = writer_in(tmp_path)
    writer.close()
    with pytest.raises(StorageError, match="the WAL is closed"):
        writer.append([b"late"])
    assert sizes(tmp_path) == [0]


def test_syncing_closes_full_segments(tmp_path: Path) -> None:
    """Storage 2.7: they are synced by whoever syncs, not by who fills them."""
    metrics = WalMetrics(CollectorRegistry())
    writer = writer_in(tmp_path, metrics=metrics)
    writer.append([b"a"])
    writer.rotate()
    assert writer.has_finished_segments
    assert metrics.fsync_seconds.labels().count == 0
    writer.sync()
    assert metrics.fsync_seconds.labels().count == 2
    writer.sync()  # nothing was written since
    assert metrics.fsync_seconds.labels().count == 2
    assert not writer._finished
    writer.close()


def test_a_failed_write_leaves_no_trace(tmp_path: Path) -> None:
    """Storage 5.4: a torn record would cost every segment after it at the next start."""
    metrics = WalMetrics(CollectorRegistry())
    writer = writer_in(tmp_path, metrics=metrics)
    writer.append([b"a" * KIB])
    with (
        files_limited_to(2 * KIB),
        pytest.raises(StorageError, match=r"write to .*00000000: File too large"),
    ):
        writer.append([b"b" * KIB, b"c" * KIB])
    assert metrics.writes_failed.value == 1
    assert sizes(tmp_path) == [KIB + HEADER_BYTES]
    writer.append([b"d"])
    writer.close()
    assert writer.current == 1
    assert records_in(tmp_path) == [b"a" * KIB, b"d"]


def test_a_full_disk_does_not_collect_empty_segments(tmp_path: Path) -> None:
    """Each scrape tries again; a segment that could be emptied is used for the next try."""
    writer = writer_in(tmp_path)
    writer.append([b"a"])
    with files_limited_to(100):
        for _ in range(5):
            with pytest.raises(StorageError):
                writer.append([b"b" * KIB])
    assert list_segments(tmp_path) == range(2)
    writer.append([b"c"])
    writer.close()
    assert records_in(tmp_path) == [b"a", b"c"]


def test_a_write_that_cannot_be_taken_back_ends_its_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage 5.4: what follows goes to a new one, even where this one held nothing yet."""

    def fail(fd: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    writer = writer_in(tmp_path)
    monkeypatch.setattr(os, "ftruncate", fail)
    with files_limited_to(100), pytest.raises(StorageError):
        writer.append([b"a" * KIB])
    writer.append([b"b"])
    writer.close()
    assert sizes(tmp_path) == [100, PAGE_BYTES]


def test_padding_that_fails_does_no_harm(tmp_path: Path) -> None:
    """Storage 2.8: a short last page is read as padded."""
    writer = writer_in(tmp_path)
    writer.append([b"a"])
    with files_limited_to(100):
        writer.rotate()
    writer.append([b"b"])
    writer.close()
    assert records_in(tmp_path) == [b"a", b"b"]


def test_a_directory_that_went_away_is_a_storage_error(tmp_path: Path) -> None:
    """The next segment cannot be created, and the one after it is tried with the next call."""
    directory = tmp_path / "wal"
    directory.mkdir()
    writer = writer_in(directory)
    segment_path(directory, 0).unlink()
    directory.rmdir()
    with pytest.raises(StorageError, match=r"create segment .*00000001"):
        writer.rotate()
    directory.mkdir()
    writer.append([b"a"])
    writer.close()
    assert records_in(directory) == [b"a"]


def test_writes_are_counted(tmp_path: Path) -> None:
    """Storage 3.10: pages, fragments, bytes, and what compression spared."""
    metrics = WalMetrics(CollectorRegistry())
    writer = writer_in(tmp_path, compression=Compression.SNAPPY, metrics=metrics)
    writer.append([bytes(KIB), bytes(KIB)])
    written = sizes(tmp_path)[0]
    assert metrics.page_flushes.value == 1
    assert metrics.record_part_writes.value == 2
    assert metrics.record_part_bytes.value == metrics.storage_bytes.value == written
    assert metrics.record_bytes_saved["snappy"].value == 2 * (KIB + HEADER_BYTES) - written
    assert metrics.completed_pages.value == 0
    writer.close()
    assert metrics.storage_bytes.value == sizes(tmp_path)[0]
