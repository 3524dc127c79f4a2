from array import array
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from promscrape.errors import CorruptLog, StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.model.sample import STALE_NAN
from promscrape.storage.wal.checkpoint import Rewriter, series_in_memory, write_checkpoint
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.directory import checkpoint_path, list_segments
from promscrape.storage.wal.frame import Framed
from promscrape.storage.wal.histogram_record import (
    decode_histograms,
    encode_histograms,
    encode_histograms_v2,
)
from promscrape.storage.wal.pace import Stopped
from promscrape.storage.wal.reader import LoggedRecord, read_checkpoint
from promscrape.storage.wal.record import (
    SampleDecoder,
    decode_series,
    encode_samples,
    encode_series,
)
from promscrape.storage.wal.record_types import (
    LoggedExemplar,
    LoggedHistogram,
    LoggedMetadata,
    LoggedSeries,
)
from promscrape.storage.wal.series import SeriesTable
from promscrape.storage.wal.sparse_record import decode_exemplars, encode_exemplars, encode_metadata
from tests.support.clock import ManualClock
from tests.support.wal import files_limited_to, histogram, metric, no_pace

FLOOR_MS = 1000
SERIES = [LoggedSeries(ref, metric(f"m{ref}").wire) for ref in (1, 2, 3)]


def rewritten(*records: bytes) -> list[bytes]:
    """Return what a checkpoint keeps, where series 2 is no longer needed."""
    logged = [LoggedRecord(0, Path("00000000"), Framed(record, 0, 1)) for record in records]
    rewriter = Rewriter(lambda series: series.ref != 2, FLOOR_MS)
    return list(rewriter.rewrite(logged, no_pace()))


def write(directory: Path, records: Iterator[bytes] | list[bytes], **size: int) -> None:
    write_checkpoint(
        directory,
        5,
        records,
        segment_bytes=size.get("segment_bytes", 1 << 20),
        compression=Compression.SNAPPY,
        clock=ManualClock(),
    )


def records_of(directory: Path) -> list[bytes]:
    return [logged.framed.record for logged in read_checkpoint(directory, 5)]


def test_series_that_are_not_needed_go() -> None:
    """Storage 3.8: a record of which all stay is kept as it stands, an empty one is left out."""
    assert rewritten(encode_series(SERIES)) == [encode_series([SERIES[0], SERIES[2]])]
    assert rewritten(encode_series(SERIES[:1])) == [encode_series(SERIES[:1])]
    assert rewritten(encode_series(SERIES[1:2])) == []


def test_samples_from_the_floor_on_stay() -> None:
    """S28: below it they go, at it they are kept."""
    at, below = (
        encode_samples([1, 3], [t_ms, t_ms], array("d", [1, 2])) for t_ms in (FLOOR_MS, 999)
    )
    mixed = encode_samples([1, 2, 3], [1001, 999, 1000], array("d", [1, 2, STALE_NAN]))
    kept = rewritten(at, below, mixed)
    assert kept[0] == at
    columns = SampleDecoder().decode(kept[1])
    assert list(columns.refs) == [1, 3]
    assert list(columns.timestamps_ms()) == [1001, 1000]
    assert columns.values().tobytes() == array("d", [1, STALE_NAN]).tobytes()
    assert len(kept) == 2


def test_samples_with_starts_stay_as_they_stand_or_lose_them() -> None:
    """Storage 2.11: a record of the second version is kept whole where all of it stays."""
    record = bytes.fromhex("0b02d00f003ff00000000000000200004004000000000000")
    later = bytes.fromhex("0b02d00f003ff000000000000002d00f004004000000000000")
    below = bytes.fromhex("0b02c801003ff0000000000000")
    partly = bytes.fromhex("0b02c801003ff000000000000002d00f004004000000000000")
    assert rewritten(record, later, below) == [record, later]
    assert rewritten(partly) == [encode_samples([2], [1100], array("d", [2.5]))]


def test_histograms_from_the_floor_on_stay() -> None:
    """S28: in records of either version."""
    old, new = LoggedHistogram(1, 999, histogram(), 5), LoggedHistogram(3, 1000, histogram(), 6)
    second = encode_histograms_v2([old, new])
    first = encode_histograms([new])[0]
    assert rewritten(first, encode_histograms([old])[0]) == [first]
    assert decode_histograms(rewritten(second)[0]) == [new]
    assert rewritten(encode_histograms([old, new])[0]) == [first]
    assert rewritten(encode_histograms_v2([old])) == []
    assert decode_histograms(first) == [msgspec.structs.replace(new, start_ms=0)]


def test_exemplars_from_the_floor_on_stay() -> None:
    """S28, storage 3.8."""
    old, new = (LoggedExemplar(1, Exemplar(Labels(b"\x00"), 1.0, t_ms)) for t_ms in (999, 1000))
    kept = rewritten(encode_exemplars([old, new]), encode_exemplars([new]), encode_exemplars([old]))
    assert [decode_exemplars(record) for record in kept] == [[new], [new]]


def test_what_an_agent_does_not_read_goes() -> None:
    """S34: of a log that was a server's no metadata, tombstones and markers are kept."""
    metadata = encode_metadata([LoggedMetadata(1, Metadata())])
    assert rewritten(metadata, bytes.fromhex("0300000000000000011428"), b"\x05", b"\x77", b"") == []


def test_a_record_that_cannot_be_read_aborts_the_checkpoint() -> None:
    """Storage 3.8: there is no repair, since nobody knows which series are lost."""
    with pytest.raises(CorruptLog, match="corruption in segment 00000000 at 0"):
        rewritten(encode_series(SERIES)[:-1])


def test_a_rewrite_can_be_stopped() -> None:
    """It ends before the next record."""
    pace = no_pace()
    pace.stop()
    logged = LoggedRecord(0, Path("00000000"), Framed(encode_series(SERIES), 0, 1))
    with pytest.raises(Stopped):
        next(Rewriter(lambda _: True, 0).rewrite([logged], pace))


def test_a_checkpoint_is_a_small_log(tmp_path: Path) -> None:
    """Storage 2.1: segments from 00000000 on, with the log's own framing."""
    records = [bytes((i,)) * 100_000 for i in range(40)]
    write(tmp_path, records, segment_bytes=1 << 17)
    assert records_of(tmp_path) == records
    assert list_segments(checkpoint_path(tmp_path, 5)).start == 0
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.00000005"]


def test_an_empty_checkpoint_is_one(tmp_path: Path) -> None:
    """All series went silent, and their segments go."""
    write(tmp_path, [])
    assert records_of(tmp_path) == []


def test_left_overs_of_a_killed_process_go_first(tmp_path: Path) -> None:
    """S29: of this number or another."""
    for number in (3, 5):
        (tmp_path / f"checkpoint.0000000{number}.tmp").mkdir()
        (tmp_path / f"checkpoint.0000000{number}.tmp" / "00000000").write_bytes(b"torn")
    write(tmp_path, [b"a"])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.00000005"]
    assert records_of(tmp_path) == [b"a"]


def test_a_checkpoint_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Storage 3.8: it gets its name when it is whole."""

    def records() -> Iterator[bytes]:
        yield b"a" * (2 << 20)
        raise CorruptLog("bad", Path("00000001"), 7)

    with pytest.raises(CorruptLog):
        write(tmp_path, records())
    assert list(tmp_path.iterdir()) == []
    with files_limited_to(1000), pytest.raises(StorageError):
        write(tmp_path, [bytes(range(256)) * 1000])
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_from_memory_has_each_series_and_its_last_time() -> None:
    """Storage 3.8, in-memory mode: a sample of 0 at last_ts; a batch is a pair of records."""
    table = SeriesTable()
    for series in SERIES:
        table.insert(series.ref, series.wire)
    table.raise_to([1, 3], [70, 90])
    deleted = DeletedSeries(keeps_labels=True)
    deleted.add(LoggedSeries(7, b"\x00"), 6)
    deleted.add(LoggedSeries(8, b"\x00"), 5)
    records = list(series_in_memory(table, deleted, cut=5, batch=2, pace=no_pace()))
    assert [decode_series(record) for record in records[::2]] == [
        SERIES[:2],
        SERIES[2:],
        [LoggedSeries(7, b"\x00")],
    ]
    # Series 2 has no sample yet, so that none is made up for it.
    assert records[1] == encode_samples([1], [70], array("d", [0]))
    assert records[3] == encode_samples([3], [90], array("d", [0]))


def test_a_checkpoint_from_memory_skips_what_was_dropped() -> None:
    """Free rows are no series."""
    table = SeriesTable()
    for series in SERIES:
        table.insert(series.ref, series.wire)
    table.drop([1, 2, 3], 1)
    deleted = DeletedSeries(keeps_labels=True)
    assert list(series_in_memory(table, deleted, cut=5, batch=2, pace=no_pace())) == []
