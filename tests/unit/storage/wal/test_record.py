import struct
from array import array
from collections.abc import Sequence

import pytest

from promscrape.errors import MalformedRecord
from promscrape.model.sample import STALE_NAN, STALE_NAN_BITS
from promscrape.storage.wal.record import (
    SampleDecoder,
    SampleLayout,
    decode_series,
    encode_entries,
    encode_samples,
    encode_series,
    samples_head,
)
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.started_record import encode_started
from promscrape.storage.wal.tail import Floats
from tests.support.wal import bits, metric

Row = tuple[int, int, float]

SERIES = "01000000000000000101085f5f6e616d655f5f016d"
SAMPLES = "02000000000000000100000000000003e800003ff000000000000002004004000000000000"


def rows_of(record: bytes, decoder: SampleDecoder | None = None) -> list[Row]:
    columns = (decoder or SampleDecoder()).decode(record)
    return list(zip(columns.refs, columns.timestamps_ms(), columns.values(), strict=True))


def encoded(rows: Sequence[Row]) -> bytes:
    refs, timestamps_ms, values = zip(*rows, strict=True)
    return encode_samples(refs, timestamps_ms, array("d", values))


def test_a_series_record() -> None:
    """S2, storage 2.10: golden bytes, both ways."""
    wire = metric("m").wire
    assert encode_series([(1, wire)]).hex() == SERIES
    assert decode_series(bytes.fromhex(SERIES)) == [LoggedSeries(1, wire)]


def test_many_series_in_a_record() -> None:
    """Label values of 128 bytes and more have lengths of two bytes."""
    series = [LoggedSeries(i, metric("m", i=str(i), long="x" * 100 * i).wire) for i in range(9)]
    assert decode_series(encode_series(series)) == series


def test_a_samples_record() -> None:
    """S4, storage 2.10: golden bytes, both ways; the first sample is an entry as well."""
    rows = [(1, 1000, 1.0), (2, 1000, 2.5)]
    assert encoded(rows).hex() == SAMPLES
    assert rows_of(bytes.fromhex(SAMPLES)) == rows


def test_a_layout_fills_the_values_into_the_same_bytes() -> None:
    """S4: the quick way and the plain way write the same record."""
    entries = SampleLayout(1, [1, 2]).encode(array("d", [1.0, 2.5]))
    assert (samples_head(1, 1000) + entries).hex() == SAMPLES


@pytest.mark.parametrize(
    ("record", "starts"),
    [
        pytest.param("0b02d00f003ff00000000000000200004004000000000000", None, id="S5: no starts"),
        pytest.param(
            "0b02d00fe8073ff00000000000000200014004000000000000020002c8014008000000000000",
            [500, 500, 600],
            id="S6: the same start, then another",
        ),
    ],
)
def test_a_second_version_record_is_read(record: str, starts: list[int] | None) -> None:
    """S5, S6, storage 2.11."""
    expected = [(1, 1000, 1.0), (2, 1000, 2.5), (3, 1000, 3.0)]
    assert rows_of(bytes.fromhex(record)) == expected[: len(starts or "12")]
    found = SampleDecoder().decode(bytes.fromhex(record)).starts
    assert (found if found is None else list(found)) == starts


def test_a_sample_without_a_start_among_others_has_none() -> None:
    """Storage 2.11: all three markers, and a start before the first one."""
    refs, values = array("Q", [9, 5, 7, 8]), array("d", [1.0, 2.0, 3.0, 4.0])
    starts = array("q", [500, 0, 400, 400])
    record = encode_started([Floats(refs, values, 1000, starts=starts)])
    columns = SampleDecoder().decode(record)
    assert columns.starts == starts
    assert (columns.refs, columns.values()) == (refs, values)


def test_a_stale_marker_keeps_its_bits() -> None:
    """S18: the marker is one particular NaN, and arithmetic would make it another."""
    layout = SampleLayout(7, [7, 8])
    record = samples_head(7, 5) + layout.encode(array("d", [STALE_NAN, 1.0]))
    values = SampleDecoder().decode(bytes(record)).values()
    assert struct.unpack("=2Q", values.tobytes()) == (STALE_NAN_BITS, bits(1.0))


@pytest.mark.parametrize("count", [1, 16, 63, 64, 65, 507, 9000])
@pytest.mark.parametrize(
    "gaps",
    [
        pytest.param((1,), id="ascending"),
        pytest.param((1, 1, 1, 1, 900), id="in groups"),
        pytest.param((70_000, -3, 250), id="jumping"),
    ],
)
def test_the_quick_way_agrees_with_the_plain_one(count: int, gaps: Sequence[int]) -> None:
    """A record's entries differ in width by how far their refs are from the first."""
    refs = [1000]
    for i in range(count - 1):
        refs.append(refs[-1] + gaps[i % len(gaps)])
    values = array("d", [i / 3 for i in range(count)])
    head = refs[0], 5000
    plain = encode_entries(head, refs, [5000] * count, values)
    assert SampleLayout(refs[0], refs).encode(values) == plain
    assert rows_of(samples_head(*head) + plain) == [
        (ref, 5000, value) for ref, value in zip(refs, values, strict=True)
    ]


def test_samples_with_timestamps_of_their_own() -> None:
    """Storage 2.10: t is given by its distance to the first one, before or after it."""
    rows = [(5, 1000, 1.0), (3, -7, 2.0), (900, 1 << 40, 3.0), (5, 1001, 4.0)]
    assert rows_of(encoded(rows)) == rows


def test_records_with_the_same_refs_share_them() -> None:
    """Who reads a log works out once what follows from an array of refs."""
    decoder = SampleDecoder()
    first = decoder.decode(encoded([(1, 1000, 1.0), (2, 1000, 2.0)]))
    again = decoder.decode(encoded([(1, 2000, 3.0), (2, 2000, 4.0)]))
    other = decoder.decode(encoded([(1, 2000, 3.0), (3, 2000, 4.0)]))
    assert again.refs is first.refs
    assert list(other.refs) == [1, 3]


def test_what_a_decoder_remembers_is_bounded() -> None:
    """A log with ever new refs does not fill the memory of who reads it."""
    decoder = SampleDecoder(remembered_samples=4)
    for ref in range(1, 100):
        assert rows_of(encoded([(ref, 1, 1.0), (ref + 1, 1, 2.0)]), decoder)[0][0] == ref
        assert len(decoder._known) <= 2


@pytest.mark.parametrize("type_", [2, 11])
def test_a_record_without_samples_is_empty(type_: int) -> None:
    """Prometheus reads such a record as no samples."""
    assert rows_of(bytes((type_,))) == []


@pytest.mark.parametrize("cut", range(2, len(SAMPLES) // 2))
def test_a_samples_record_cut_anywhere_is_refused_or_ends_earlier(cut: int) -> None:
    """Storage 5.4: no cut makes a decoder read past the end or make up a sample."""
    record = bytes.fromhex(SAMPLES)[:cut]
    whole = {17: [], 27: [(1, 1000, 1.0)]}
    if cut in whole:
        assert rows_of(record) == whole[cut]
    else:
        with pytest.raises(MalformedRecord):
            rows_of(record)


@pytest.mark.parametrize("cut", range(2, len(SERIES) // 2))
def test_a_series_record_cut_anywhere_is_refused(cut: int) -> None:
    """A series without all its labels would be another series."""
    with pytest.raises(MalformedRecord):
        decode_series(bytes.fromhex(SERIES)[:cut])


def test_a_label_count_beyond_the_record_is_refused_at_once() -> None:
    """Five bytes must not make a decoder count to four billion."""
    with pytest.raises(MalformedRecord, match="labels do not fit"):
        decode_series(bytes(9) + b"\xff\xff\xff\xff\x0f")


def test_values_and_refs_of_different_lengths_are_a_bug() -> None:
    """A value must never go to the neighbor's series."""
    with pytest.raises(ValueError, match=r"slice|values"):
        SampleLayout(1, list(range(1, 40))).encode(array("d", [1.0]))
