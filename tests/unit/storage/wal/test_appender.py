from array import array
from pathlib import Path

import pytest

from promscrape.errors import InvalidSeries, StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.sample import NO_TIMESTAMP, STALE_NAN, STALE_NAN_BITS
from promscrape.storage.interface import AppendCode, Appender
from promscrape.storage.wal.histogram_record import decode_histograms
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record_types import RecordType
from promscrape.storage.wal.sparse_record import decode_exemplars
from tests.support.wal import (
    Log,
    Target,
    batch_of,
    bits,
    files_limited_to,
    histogram,
    logged_samples,
    logged_series,
    logged_types,
    metric,
)

A, B, C = metric("a"), metric("b"), metric("c")
SERIES, SAMPLES = RecordType.SERIES, RecordType.SAMPLES
OUT_OF_ORDER, ACCEPTED = AppendCode.OUT_OF_ORDER, AppendCode.ACCEPTED


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def exemplars_in(directory: Path) -> list[tuple[int, Exemplar]]:
    records = [logged.framed.record for logged in read_log(directory)]
    return [
        (found.ref, found.exemplar)
        for record in records
        if record[0] == RecordType.EXEMPLARS
        for found in decode_exemplars(record)
    ]


def test_the_appender_keeps_the_contract(log: Log) -> None:
    """Interface, `Appender`: checked by the types."""
    appender: Appender = log.appender()
    appender.rollback()


def test_a_transaction_is_a_series_record_and_a_samples_record(log: Log) -> None:
    """Storage 2.13: in this order, and the series once."""
    target = Target(log, [A, B])
    target.scrape([1.0, 2.0], 1000)
    target.scrape([3.0, 4.0], 2000)
    assert logged_types(log.directory) == [SERIES, SAMPLES, SAMPLES]
    assert logged_samples(log.directory) == {
        str(A): [(1000, bits(1.0)), (2000, bits(3.0))],
        str(B): [(1000, bits(2.0)), (2000, bits(4.0))],
    }


def test_all_batches_of_a_transaction_share_a_record(log: Log) -> None:
    """Storage 2.13: samples, markers and report are one record, whatever their times."""
    samples, report, late = Target(log, [A, B]), Target(log, [C]), Target(log, [metric("d")])
    for t_ms in (1000, 2000):
        appender = log.appender()
        samples.append(appender, [1.0, 2.0], t_ms)
        report.append(appender, [3.0], t_ms)
        late.append(appender, [4.0], t_ms + 1)
        appender.commit()
    assert logged_types(log.directory) == [SERIES, SAMPLES, SAMPLES]
    found = logged_samples(log.directory)
    assert found[str(C)] == [(1000, bits(3.0)), (2000, bits(3.0))]
    assert found[str(metric("d"))] == [(1001, bits(4.0)), (2001, bits(4.0))]


def test_handles_come_back_once(log: Log) -> None:
    """Interface, `Appended.refs`: a new array at first, then the caller's own."""
    target = Target(log, [A, B])
    first = target.scrape([1, 2], 1000)
    assert 0 not in first.refs
    assert target.scrape([1, 2], 2000).refs is first.refs
    assert first.count == 2
    assert first.codes is None
    assert first.error is None


def test_a_stale_marker_reaches_the_disk_bit_for_bit(log: Log) -> None:
    """S18: in a batch that is taken whole, and in one that is picked from."""
    target = Target(log, [A, B])
    target.scrape([1, STALE_NAN], 1000)
    appender = log.appender()
    batch = batch_of(log.generation, [A, B], [1, STALE_NAN], 1500, timestamps=[1000, 1500])
    assert appender.append(batch).codes == bytes((OUT_OF_ORDER, ACCEPTED))
    appender.commit()
    assert logged_samples(log.directory)[str(B)] == [(1000, STALE_NAN_BITS), (1500, STALE_NAN_BITS)]


def test_a_sample_at_the_last_timestamp_is_out_of_order(log: Log) -> None:
    """A6, S22, storage 1.4: equal is refused as well as older."""
    target = Target(log, [A, B])
    target.scrape([1, 1], 1000)
    assert target.scrape([2, 2], 1000).codes == bytes((OUT_OF_ORDER, OUT_OF_ORDER))
    assert target.scrape([2, 2], 999).codes == bytes((OUT_OF_ORDER, OUT_OF_ORDER))
    assert target.scrape([2, 2], 1001).codes is None
    assert log.metrics.out_of_order_samples.value == 4
    assert log.metrics.floats_appended.value == 4


def test_the_last_timestamp_moves_at_commit(log: Log) -> None:
    """S22, storage 1.4: two samples of one time in one transaction are both kept."""
    target = Target(log, [A])
    appender = log.appender()
    assert target.append(appender, [1], 1000).codes is None
    assert target.append(appender, [2], 1000).codes is None
    assert target.append(appender, [3], 900).codes is None
    appender.commit()
    assert logged_samples(log.directory)[str(A)] == [
        (1000, bits(1.0)),
        (1000, bits(2.0)),
        (900, bits(3.0)),
    ]
    assert target.scrape([4], 1000).codes == bytes((OUT_OF_ORDER,))


def test_a_window_lets_older_samples_in(tmp_path: Path) -> None:
    """S22: smaller by 1 with a window of 10 is accepted, by 10 is not."""
    log = Log(tmp_path, window_ms=10)
    target = Target(log, [A])
    target.scrape([1], 1000)
    assert target.scrape([2], 999).codes is None
    assert target.scrape([3], 991).codes is None
    assert target.scrape([4], 990).codes == bytes((OUT_OF_ORDER,))
    assert [t_ms for t_ms, _ in logged_samples(tmp_path)[str(A)]] == [1000, 999, 991]


def test_a_batch_can_do_without_the_window(tmp_path: Path) -> None:
    """Interface, `Batch.reject_out_of_order`."""
    log = Log(tmp_path, window_ms=10)
    target = Target(log, [A])
    target.scrape([1], 1000)
    appender = log.appender()
    batch = batch_of(log.generation, [A], [2], 999, refs=target.refs, reject_out_of_order=True)
    assert appender.append(batch).codes == bytes((OUT_OF_ORDER,))
    appender.rollback()


def test_a_refused_sample_does_not_stop_the_others(log: Log) -> None:
    """Interface, `Appended`: it has its handle, and its code."""
    one, both = Target(log, [B]), Target(log, [A, B, C])
    one.scrape([1], 2000)
    appended = both.scrape([1, 2, 3], 1500)
    assert appended.codes == bytes((ACCEPTED, OUT_OF_ORDER, ACCEPTED))
    assert appended.refs[1] == one.refs[0]
    assert logged_samples(log.directory) == {
        str(A): [(1500, bits(1.0))],
        str(B): [(2000, bits(1.0))],
        str(C): [(1500, bits(3.0))],
    }


def test_samples_may_have_timestamps_of_their_own(log: Log) -> None:
    """Interface, `Batch.timestamps`: NO_TIMESTAMP stands for the batch's."""
    appender = log.appender()
    batch = batch_of(log.generation, [A, B], [1, 2], 1000, timestamps=[NO_TIMESTAMP, 400])
    assert appender.append(batch).codes is None
    appender.commit()
    assert logged_samples(log.directory) == {
        str(A): [(1000, bits(1.0))],
        str(B): [(400, bits(2.0))],
    }


def test_an_invalid_series_ends_the_batch(log: Log) -> None:
    """S23, interface, `Appended.error`: samples before it stand, later ones were not looked at."""
    twice = Labels.from_pairs([("a", "1"), ("a", "2")])
    appender = log.appender()
    appended = appender.append(batch_of(log.generation, [A, twice, B], [1, 2, 3], 1000))
    assert isinstance(appended.error, InvalidSeries)
    assert appended.count == 1
    assert appended.codes is None
    assert list(appended.refs[1:]) == [0, 0]
    assert appended.refs[0]
    appender.commit()
    assert logged_series(log.directory) == {1: str(A)}
    assert logged_samples(log.directory) == {str(A): [(1000, bits(1.0))]}


def test_an_invalid_series_at_the_start_leaves_nothing(log: Log) -> None:
    """S23: and the transaction can still be committed."""
    appender = log.appender()
    assert appender.append(batch_of(log.generation, [Labels.from_map({})], [1], 1000)).count == 0
    appender.commit()
    assert logged_types(log.directory) == []


def test_an_empty_batch_is_accepted(log: Log) -> None:
    """An empty body is a scrape without samples."""
    appender = log.appender()
    appended = appender.append(batch_of(log.generation, [], [], 0))
    assert (appended.count, appended.codes, appended.error) == (0, None, None)
    appender.commit()
    assert logged_types(log.directory) == []


def test_a_rollback_logs_the_series_and_no_sample(log: Log) -> None:
    """S25, storage 1.5: they are in memory, and later transactions refer to them."""
    target = Target(log, [A])
    appender = log.appender()
    target.append(appender, [1], 1000)
    appender.rollback()
    assert logged_types(log.directory) == [SERIES]
    assert target.scrape([2], 500).codes is None
    assert logged_samples(log.directory) == {str(A): [(500, bits(2.0))]}


def test_a_rollback_of_known_series_writes_nothing(log: Log) -> None:
    """S25: there is nothing to say."""
    target = Target(log, [A])
    target.scrape([1], 1000)
    appender = log.appender()
    target.append(appender, [1], 2000)
    appender.rollback()
    assert logged_types(log.directory) == [SERIES, SAMPLES]


def test_series_are_logged_by_the_transaction_that_ends_first(log: Log) -> None:
    """Two transactions are open; the samples of one refer to a series that the other created."""
    first, second = log.appender(), log.appender()
    Target(log, [A]).append(first, [1], 1000)
    Target(log, [A]).append(second, [2], 1000)
    second.commit()
    first.commit()
    assert logged_types(log.directory) == [SERIES, SAMPLES, SAMPLES]
    assert len(logged_samples(log.directory)[str(A)]) == 2


def test_a_failed_commit_is_gone_and_its_series_are_not(log: Log) -> None:
    """Storage 5.4: what memory holds and the log lacks is written with the next transaction."""
    target = Target(log, [A, B])
    with files_limited_to(10), pytest.raises(StorageError):
        target.scrape([1, 2], 1000)
    assert logged_types(log.directory) == []
    assert log.metrics.writes_failed.value == 1
    # The last timestamps did not move either: the same time is in order.
    assert target.scrape([3, 4], 1000).codes is None
    assert logged_types(log.directory) == [SERIES, SAMPLES]
    assert logged_samples(log.directory)[str(A)] == [(1000, bits(3.0))]


def test_a_rollback_that_cannot_write_is_silent(log: Log) -> None:
    """Interface, `Appender.rollback`: the series are logged later; the failure is counted."""
    target = Target(log, [A])
    appender = log.appender()
    target.append(appender, [1], 1000)
    with files_limited_to(10):
        appender.rollback()
    assert log.metrics.writes_failed.value == 1
    target.scrape([1], 1000)
    assert logged_types(log.directory) == [SERIES, SAMPLES]


def test_histograms_have_records_of_their_own(log: Log) -> None:
    """S17, storage 2.13: one of schema 0 and one of -53; the value beside them is not a sample."""
    appender = log.appender()
    plain, custom = histogram(), histogram(schema=-53)
    batch = batch_of(log.generation, [A, B, C], [0, 5, 0], 1000, histograms={0: plain, 2: custom})
    assert appender.append(batch).codes is None
    appender.commit()
    assert logged_types(log.directory) == [
        SERIES,
        SAMPLES,
        RecordType.HISTOGRAMS,
        RecordType.CUSTOM_HISTOGRAMS,
    ]
    assert logged_samples(log.directory) == {str(B): [(1000, bits(5.0))]}
    records = [logged.framed.record for logged in read_log(log.directory)][2:]
    found = [(entry.ref, entry.t_ms) for record in records for entry in decode_histograms(record)]
    assert found == [(1, 1000), (3, 1000)]
    assert log.metrics.histograms_appended.value == 2


def test_histograms_are_held_to_the_order_too(log: Log) -> None:
    """Storage 1.4: their series' last timestamps move with them."""
    for code in (None, bytes((OUT_OF_ORDER,))):
        appender = log.appender()
        batch = batch_of(log.generation, [A], [0], 1000, histograms={0: histogram()})
        assert appender.append(batch).codes == code
        appender.commit()
    assert logged_types(log.directory) == [SERIES, RecordType.HISTOGRAMS]


def exemplar(trace: str, *, value: float = 0.5, t_ms: int | None = None) -> Exemplar:
    return Exemplar(Labels.from_map({"trace_id": trace}), value, t_ms)


def test_exemplars_come_after_the_samples(log: Log) -> None:
    """Storage 2.13: one without a timestamp has its sample's."""
    appender = log.appender()
    own, borrowed = exemplar("own", t_ms=900), exemplar("borrowed")
    batch = batch_of(log.generation, [A, B], [1, 2], 1000, exemplars={1: [own, borrowed]})
    appender.append(batch)
    appender.commit()
    assert logged_types(log.directory) == [SERIES, SAMPLES, RecordType.EXEMPLARS]
    assert exemplars_in(log.directory) == [(2, own), (2, exemplar("borrowed", t_ms=1000))]
    assert log.metrics.exemplars_appended.value == 2


def test_an_exemplar_that_is_exposed_again_is_logged_once(log: Log) -> None:
    """S24, storage 1.4: in silence, across transactions and within one."""
    for t_ms in (1000, 2000):
        appender = log.appender()
        same = [exemplar("x"), exemplar("x")]
        appender.append(batch_of(log.generation, [A], [1], t_ms, exemplars={0: same}))
        appender.commit()
    assert exemplars_in(log.directory) == [(1, exemplar("x", t_ms=1000))]
    assert log.metrics.exemplars_refused.value == 0


def test_an_exemplar_whose_commit_failed_is_logged_the_next_time(log: Log) -> None:
    """Memory must not claim what the log lacks."""

    def scrape(t_ms: int) -> None:
        appender = log.appender()
        appender.append(batch_of(log.generation, [A], [1], t_ms, exemplars={0: [exemplar("x")]}))
        appender.commit()

    with files_limited_to(10), pytest.raises(StorageError):
        scrape(1000)
    scrape(1000)
    assert len(exemplars_in(log.directory)) == 1


@pytest.mark.parametrize(
    ("unfit", "accepted"),
    [
        pytest.param(Labels.from_map({"trace_id": "x" * 120}), 1, id="128 characters"),
        pytest.param(Labels.from_map({"trace_id": "x" * 121}), 0, id="129 characters"),
        pytest.param(Labels.from_map({"trace_id": "ü" * 120}), 1, id="128 characters, more bytes"),
        pytest.param(Labels.from_pairs([("a", "1"), ("a", "2")]), 0, id="a name twice"),
        pytest.param(Labels.from_map({}), 1, id="no labels"),
    ],
)
def test_an_unfit_exemplar_does_not_cost_its_sample(log: Log, unfit: Labels, accepted: int) -> None:
    """A7, S24, storage 1.3: it is counted, and the sample is kept."""
    appender = log.appender()
    exemplars = {0: [Exemplar(unfit, 1.0)]}
    assert (
        appender.append(batch_of(log.generation, [A], [1], 1000, exemplars=exemplars)).codes is None
    )
    appender.commit()
    assert len(logged_samples(log.directory)) == 1
    assert len(exemplars_in(log.directory)) == accepted
    assert log.metrics.exemplars_refused.value == 1 - accepted


def test_stale_and_refused_samples_take_no_exemplars(log: Log) -> None:
    """Storage 1.4: a stale histogram counts as stale as well."""
    Target(log, [C]).scrape([1], 2000)
    appender = log.appender()
    batch = batch_of(
        log.generation,
        [A, B, C],
        [STALE_NAN, 0, 1],
        1000,
        exemplars={0: [exemplar("a")], 1: [exemplar("b")], 2: [exemplar("c")]},
        histograms={1: histogram(is_float=True, total_sum=STALE_NAN)},
    )
    assert appender.append(batch).codes == bytes((ACCEPTED, ACCEPTED, OUT_OF_ORDER))
    appender.commit()
    assert exemplars_in(log.directory) == []


def test_readers_are_told_of_what_was_logged(log: Log) -> None:
    """Storage 1.7: and not of what was not."""
    target = Target(log, [A])
    target.scrape([1], 1000)
    assert log.notices == 1
    log.appender().commit()
    log.appender().rollback()
    with files_limited_to(10), pytest.raises(StorageError):
        target.scrape([1], 2000)
    assert log.notices == 1


def test_many_series_take_several_records(log: Log) -> None:
    """A record is decoded in one go, which must not take long."""
    labels = [metric("m", i=str(i)) for i in range(2500)]
    Target(log, labels).scrape([1.0] * 2500, 1000)
    assert logged_types(log.directory) == [SERIES, SERIES, SERIES, SAMPLES]
    assert len(logged_series(log.directory)) == 2500
    assert len(logged_samples(log.directory)) == 2500


def test_handles_of_dropped_series_are_resolved_again(log: Log) -> None:
    """Interface, `Batch.refs`: a row that was taken back may be another series'."""
    target, other = Target(log, [A, B]), Target(log, [C])
    target.scrape([1, 2], 1000)
    log.table.drop(target.refs, 5000)
    log.parts.layouts.forget_rows(target.refs)
    other.scrape([3], 1000)
    assert other.refs[0] in target.refs
    target.scrape([4, 5], 2000)
    found = logged_samples(log.directory)
    assert found[str(C)] == [(1000, bits(3.0))]
    assert found[str(A)] == [(1000, bits(1.0)), (2000, bits(4.0))]
    assert logged_series(log.directory) == {1: str(A), 2: str(B), 3: str(C), 4: str(A), 5: str(B)}


def test_a_batch_is_not_written_to(log: Log) -> None:
    """A4, interface, `Batch`: the storage changes none of the columns."""
    columns = array("Q", [0, 0]), array("d", [1, 2])
    batch = batch_of(log.generation, [A, B], columns[1], 1000, refs=columns[0])
    appender = log.appender()
    appender.append(batch)
    appender.commit()
    assert (batch.refs, batch.values) == columns


def test_the_stale_marker_of_a_histogram_series_is_a_histogram(log: Log) -> None:
    """A8, F3: the scraper marks every series with a float; a reader sees one kind a series."""
    generation, labels = log.table.generation, [A, B, C]
    kinds = {0: histogram(is_float=True), 2: histogram()}
    appender = log.appender()
    appender.append(batch_of(generation, labels, [0, 1, 0], 1000, histograms=kinds))
    appender.commit()
    appender = log.appender()
    markers = batch_of(generation, labels, [STALE_NAN] * 3, 2000, reject_out_of_order=True)
    assert appender.append(markers).codes is None
    appender.commit()
    records = [logged.framed.record for logged in read_log(log.directory)][-3:]
    assert [record[0] for record in records] == [
        RecordType.SAMPLES,
        RecordType.HISTOGRAMS,
        RecordType.FLOAT_HISTOGRAMS,
    ]
    assert logged_samples(log.directory)[str(B)] == [(1000, bits(1)), (2000, STALE_NAN_BITS)]
    for record, ref in zip(records[1:], (3, 1), strict=True):
        (logged,) = decode_histograms(record)
        assert (logged.ref, logged.t_ms, bits(logged.histogram.sum)) == (ref, 2000, STALE_NAN_BITS)


def test_metadata_is_remembered_by_series_and_looked_at_once(log: Log) -> None:
    """S22: a column that is the one of the batch before says nothing new."""
    table = log.table
    column = [Metadata(MetricType.COUNTER, "help", "unit"), None]
    refs = array("Q", [0, 0])
    for t_ms in (1000, 2000):
        appender = log.appender()
        batch = batch_of(table.generation, [A, B], [1, 2], t_ms, metadata=column)
        batch.refs = refs
        refs = appender.append(batch).refs
        appender.commit()
        assert table.metadata.changes == 1
    assert table.metadata_of(A.wire) is column[0]
    assert table.metadata_of(B.wire) is None
    assert table.metadata_of(C.wire) is None


def test_metadata_that_nobody_has_a_use_for_take_no_memory(log: Log) -> None:
    """S22: the column of the batch before is looked at as soon as somebody has."""
    table, column = log.table, [Metadata(help="help"), Metadata(help="other")]
    batch = batch_of(table.generation, [A, B], [1, 2], 1000, metadata=column)
    for is_kept, expected in ((False, None), (True, column[0]), (False, None)):
        table.metadata.keep(is_kept=is_kept)
        appender = log.appender()
        batch.refs, batch.t_ms = appender.append(batch).refs, batch.t_ms + 1000
        appender.commit()
        assert table.metadata_of(A.wire) is expected
        assert len(table.metadata) == (2 if is_kept else 0)


def test_metadata_that_is_no_longer_sent_stays(log: Log) -> None:
    """C18: what a target does not say is not forgotten; a dropped series is."""
    table, help_ = log.table, Metadata(help="h")
    appender = log.appender()
    appender.append(batch_of(table.generation, [A], [1], 1000, metadata=[help_]))
    appender.append(batch_of(table.generation, [A], [1], 2000, metadata=[None]))
    appender.commit()
    assert table.metadata_of(A.wire) is help_
    table.drop([1], 5000)
    row = table.insert(9, B.wire)
    assert row == 1
    assert table.metadata_of(B.wire) is None
