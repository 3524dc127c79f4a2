import pytest

from promscrape.errors import MalformedRecord
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.storage.wal.record_types import LoggedExemplar, LoggedMetadata, Tombstone
from promscrape.storage.wal.sparse_record import (
    decode_exemplars,
    decode_metadata,
    decode_tombstones,
    encode_exemplars,
    encode_metadata,
)

EXEMPLAR = "04000000000000000100000000000003e800003fe0000000000000010874726163655f69640161"
METADATA = "0601010204554e4954000448454c500468656c70"


def test_an_exemplar_record() -> None:
    """S7: golden bytes, both ways."""
    logged = LoggedExemplar(1, Exemplar(Labels.from_map({"trace_id": "a"}), 0.5, 1000))
    assert encode_exemplars([logged]).hex() == EXEMPLAR
    assert decode_exemplars(bytes.fromhex(EXEMPLAR)) == [logged]


def test_exemplars_are_told_apart_by_their_distance_to_the_first() -> None:
    """Storage 2.10: refs and timestamps may be before the first one's."""
    labels = Labels.from_map({"trace_id": "a"})
    logged = [
        LoggedExemplar(9, Exemplar(labels, 1.0, 5)),
        LoggedExemplar(2, Exemplar(labels, 2, 1)),
    ]
    assert decode_exemplars(encode_exemplars(logged)) == logged


def test_a_tombstone_record() -> None:
    """S7: a server's log may have one, and is read."""
    assert decode_tombstones(bytes.fromhex("0300000000000000011428")) == [Tombstone(1, 10, 20)]


def test_a_metadata_record() -> None:
    """S8: golden bytes, both ways."""
    logged = LoggedMetadata(1, Metadata(MetricType.COUNTER, "help", ""))
    assert encode_metadata([logged]).hex() == METADATA
    assert decode_metadata(bytes.fromhex(METADATA)) == [logged]


def test_unknown_metadata_fields_are_ignored() -> None:
    """S8: a third field, FOO, does not get in the way of the next entry."""
    foo = bytes.fromhex("03464f4f") + bytes.fromhex("0162")
    entry = bytes.fromhex("010103") + bytes.fromhex(METADATA)[4:] + foo
    help_ = Metadata(MetricType.COUNTER, "help", "")
    assert decode_metadata(b"\x06" + entry + entry) == [LoggedMetadata(1, help_)] * 2


@pytest.mark.parametrize(
    ("number", "type_"),
    [
        (0, MetricType.UNKNOWN),
        (1, MetricType.COUNTER),
        (2, MetricType.GAUGE),
        (3, MetricType.HISTOGRAM),
        (4, MetricType.GAUGE_HISTOGRAM),
        (5, MetricType.SUMMARY),
        (6, MetricType.INFO),
        (7, MetricType.STATESET),
        (8, MetricType.UNKNOWN),
    ],
)
def test_metric_types_have_the_logs_numbers(number: int, type_: MetricType) -> None:
    """Storage 2.10: the type byte; one that is not known yet says nothing."""
    assert decode_metadata(bytes((6, 1, number, 0))) == [LoggedMetadata(1, Metadata(type_))]


@pytest.mark.parametrize("cut", range(2, len(EXEMPLAR) // 2))
def test_an_exemplar_record_cut_anywhere_is_refused(cut: int) -> None:
    """Storage 5.4, but for a cut that leaves the head alone."""
    if cut == 17:
        assert decode_exemplars(bytes.fromhex(EXEMPLAR)[:cut]) == []
        return
    with pytest.raises(MalformedRecord):
        decode_exemplars(bytes.fromhex(EXEMPLAR)[:cut])


@pytest.mark.parametrize("cut", range(2, len(METADATA) // 2))
def test_a_metadata_record_cut_anywhere_is_refused(cut: int) -> None:
    """Storage 5.4: lengths are never believed."""
    with pytest.raises(MalformedRecord):
        decode_metadata(bytes.fromhex(METADATA)[:cut])


def test_empty_records_have_no_entries() -> None:
    """Prometheus reads them so."""
    assert decode_exemplars(b"\x04") == []
    assert decode_metadata(b"\x06") == []
    assert decode_tombstones(b"\x03") == []
