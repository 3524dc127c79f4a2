from array import array
from collections.abc import Sequence
from pathlib import Path

import pytest

from promscrape.errors import CorruptLog
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.storage.wal.frame import Framed
from promscrape.storage.wal.histogram_record import encode_histograms
from promscrape.storage.wal.pace import Stopped
from promscrape.storage.wal.reader import LoggedRecord
from promscrape.storage.wal.record import encode_samples, encode_series
from promscrape.storage.wal.record_types import LoggedHistogram, LoggedMetadata, LoggedSeries
from promscrape.storage.wal.replay import Replayer
from promscrape.storage.wal.sparse_record import encode_metadata
from tests.support.wal import histogram, metric, no_pace

A, B, C = metric("a"), metric("b"), metric("c")


def series(*entries: tuple[int, Labels]) -> bytes:
    return encode_series([(ref, labels.wire) for ref, labels in entries])


def samples(t_ms: int, *refs: int) -> bytes:
    return encode_samples(refs, [t_ms] * len(refs), array("d", [1.0] * len(refs)))


def replayed(*segments: Sequence[bytes], keeps_labels: bool = False) -> Replayer:
    replayer = Replayer(keeps_deleted_labels=keeps_labels)
    replayer.replay(
        [
            LoggedRecord(number, Path(f"{number:08d}"), Framed(record, 10 * i, 10 * i + 10))
            for number, records in enumerate(segments)
            for i, record in enumerate(records)
        ],
        no_pace(),
    )
    return replayer


def last_ms(replayer: Replayer, labels: Labels) -> int:
    return replayer.table.last_ms[replayer.table.find(labels.wire)]


def test_series_come_back_with_their_refs_and_last_times() -> None:
    """S20, storage 3.1, 3.3: the next ref is the highest one and one."""
    replayer = replayed(
        [series((1, A), (5, B)), samples(1000, 1, 5), samples(900, 1)], [samples(2000, 5)]
    )
    table = replayer.table
    assert len(table) == 2
    assert (last_ms(replayer, A), last_ms(replayer, B)) == (1000, 2000)
    assert table.refs[table.find(B.wire)] == 5
    assert table.next_ref == 6
    assert not table.has_unlogged


def test_the_same_refs_scrape_after_scrape() -> None:
    """The second record of a target is known by the first, and moves the same series."""
    refs = range(1, 101)
    replayer = replayed(
        [
            series(*[(ref, metric("m", i=str(ref))) for ref in refs]),
            *[samples(t_ms, *refs) for t_ms in (1000, 2000, 1500, 3000)],
            encode_samples(list(refs), [4000] + [2500] * 99, array("d", [1.0] * 100)),
        ]
    )
    assert list(replayer.table.last_ms[1:]) == [4000] + [3000] * 99


def test_a_second_ref_of_the_same_labels_counts_for_the_first() -> None:
    """S21, storage 3.3: series 1; samples of 7 are its own; 7 stays until its last use is gone."""
    replayer = replayed(
        [series((1, A)), samples(1000, 1)],
        [series((7, A))],
        [samples(2000, 7)],
        [samples(3000, 1)],
    )
    assert len(replayer.table) == 1
    assert last_ms(replayer, A) == 3000
    assert replayer.table.next_ref == 8
    assert 7 in replayer.deleted.refs_used_after(1)
    assert 7 not in replayer.deleted.refs_used_after(2)


def test_a_series_that_is_named_again_is_no_second_one() -> None:
    """Where a write failed half-way the series record is written again."""
    replayer = replayed([series((1, A))], [series((1, A)), samples(1000, 1)])
    assert len(replayer.deleted) == 0
    assert last_ms(replayer, A) == 1000


def test_labels_of_second_refs_are_kept_for_checkpoints_from_memory() -> None:
    """Storage 3.8, in-memory mode."""
    replayer = replayed([series((1, A), (7, A))], keeps_labels=True)
    assert list(replayer.deleted.used_after(-1)) == [LoggedSeries(7, A.wire)]


def test_samples_of_unknown_series_are_counted_and_their_refs_not_used() -> None:
    """Storage 3.1, 3.3: a new series must not inherit them."""
    replayer = replayed([series((1, A)), samples(1000, 1, 90), samples(2000, 1, 90)])
    assert replayer.unknown_series_samples == 2
    assert last_ms(replayer, A) == 2000
    assert replayer.table.next_ref == 91


def test_a_series_may_be_named_after_a_sample_of_it() -> None:
    """What was skipped before is not skipped for good."""
    replayer = replayed([samples(1000, 1), series((1, A)), samples(2000, 1)])
    assert last_ms(replayer, A) == 2000
    assert replayer.unknown_series_samples == 1


def test_histograms_move_last_times_too() -> None:
    """Storage 3.3."""
    entries = [LoggedHistogram(ref, 1000 + ref, histogram()) for ref in (1, 2)]
    replayer = replayed([series((1, A)), *encode_histograms(entries)])
    assert last_ms(replayer, A) == 1001
    assert replayer.unknown_series_samples == 1


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(encode_metadata([LoggedMetadata(1, Metadata())]), id="metadata"),
        pytest.param(b"\x05" + bytes(16), id="markers"),
        pytest.param(bytes.fromhex("0300000000000000011428"), id="tombstones"),
        pytest.param(b"\x63abc", id="of a later version"),
        pytest.param(b"", id="empty"),
    ],
)
def test_a_record_of_another_kind_is_passed_over(record: bytes) -> None:
    """Storage 2.14: Prometheus's agent loses the log to one, and hangs at two."""
    replayer = replayed([series((1, A)), record, record, samples(1000, 1)])
    assert last_ms(replayer, A) == 1000


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(series((1, A))[:-1], id="cut short"),
        pytest.param(series((0, A)), id="ref 0"),
        pytest.param(series(((1 << 64) - 1, A)), id="no ref left after it"),
    ],
)
def test_a_record_that_cannot_be_read_is_a_corruption(record: bytes) -> None:
    """Storage 3.4: at the place where the record starts; what came before it counts."""
    with pytest.raises(CorruptLog) as caught:
        replayed([series((1, B)), record, series((2, C))])
    assert (caught.value.path.name, caught.value.offset) == ("00000000", 10)


def test_a_hostile_ref_does_not_use_up_the_refs() -> None:
    """A sample can claim any ref; the next series must still get one."""
    replayer = replayed([samples(1000, (1 << 64) - 2)])
    assert replayer.table.next_ref == 1


def test_a_replay_can_be_stopped() -> None:
    """A log can take minutes to read, and the daemon must end when it is told to."""
    pace = no_pace()
    pace.stop()
    with pytest.raises(Stopped):
        Replayer(keeps_deleted_labels=False).replay(
            [LoggedRecord(0, Path("0"), Framed(b"", 0, 0))], pace
        )


def test_what_is_remembered_between_records_is_bounded() -> None:
    """Targets that change with each scrape do not fill the memory."""
    replayer = Replayer(keeps_deleted_labels=False)
    replayer._room = 4
    for ref in range(1, 50):
        for record in (series((ref, metric(f"m{ref}"))), samples(ref, ref)):
            replayer.replay([LoggedRecord(0, Path("0"), Framed(record, 0, 1))], no_pace())
    assert replayer.table.last_ms[49] == 49
    assert len(replayer._layouts) < 50
