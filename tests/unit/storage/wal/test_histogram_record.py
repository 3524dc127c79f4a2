import msgspec
import pytest

from promscrape.errors import MalformedRecord
from promscrape.model.histogram import CounterReset
from promscrape.model.sample import STALE_NAN, STALE_NAN_BITS
from promscrape.storage.wal.histogram_record import (
    decode_histograms,
    encode_histograms,
    encode_histograms_v2,
)
from promscrape.storage.wal.record_types import LoggedHistogram, RecordType, record_type
from tests.support.wal import bits, histogram

PLAIN, CUSTOM = histogram(), histogram(schema=-53)
FLOAT, CUSTOM_FLOAT = histogram(is_float=True), histogram(schema=-53, is_float=True)
EVERYTHING = [
    LoggedHistogram(ref, 1000 + ref, each)
    for ref, each in enumerate((CUSTOM_FLOAT, FLOAT, CUSTOM, PLAIN), start=1)
]


def test_an_integer_histogram_is_laid_out_as_specified() -> None:
    """Storage 2.12: hint, schema, zero bucket, count, sum, spans, buckets, by hand."""
    record = encode_histograms([LoggedHistogram(2, 1000, PLAIN)])[0]
    assert record.hex() == (
        "07" "0000000000000002" "00000000000003e8" "00" "00"  # head, and no distance to it
        "02" "00" "3f50624dd2f1a9fc" "01" "03" "3ff8000000000000"
        "01" "0302" "01" "0a01"  # one span of two buckets at -2, one of one bucket at 5
        "02" "0200" "01" "02"  # two deltas, then one
    )  # fmt: skip


@pytest.mark.parametrize("entry", EVERYTHING, ids=["custom float", "float", "custom", "integer"])
def test_a_histogram_is_read_as_it_was_written(entry: LoggedHistogram) -> None:
    """Storage 2.12: the four kinds, in the types 10, 8, 9 and 7."""
    assert decode_histograms(encode_histograms([entry])[0]) == [entry]


def test_each_kind_has_its_record_in_the_order_of_a_commit() -> None:
    """S17, storage 2.13: integers, custom ones, floats, custom ones, whatever came first."""
    records = encode_histograms(EVERYTHING)
    assert [record_type(record) for record in records] == [
        RecordType.HISTOGRAMS,
        RecordType.CUSTOM_HISTOGRAMS,
        RecordType.FLOAT_HISTOGRAMS,
        RecordType.CUSTOM_FLOAT_HISTOGRAMS,
    ]


def test_a_kind_that_does_not_occur_has_no_record() -> None:
    """S17: custom buckets only, so type 9 only."""
    records = encode_histograms([LoggedHistogram(1, 5, CUSTOM)])
    assert [record_type(record) for record in records] == [RecordType.CUSTOM_HISTOGRAMS]


@pytest.mark.parametrize("is_float", [False, True])
def test_a_second_version_record_keeps_starts(is_float: bool) -> None:  # noqa: FBT001 - a parameter
    """Storage 2.11: no start, the same as before, and one of its own; custom buckets included."""
    kinds = [histogram(is_float=is_float), histogram(schema=-53, is_float=is_float)] * 2
    entries = [
        LoggedHistogram(ref, 1000 - ref, kind, start_ms)
        for ref, kind, start_ms in zip((9, 3, 4, 5), kinds, (500, 500, 0, 600), strict=True)
    ]
    assert decode_histograms(encode_histograms_v2(entries)) == entries


def test_a_stale_histogram_keeps_the_markers_bits() -> None:
    """A stale histogram is told by the bits of its sum."""
    stale = msgspec.structs.replace(FLOAT, sum=STALE_NAN)
    found = decode_histograms(encode_histograms([LoggedHistogram(1, 5, stale)])[0])
    assert bits(found[0].histogram.sum) == STALE_NAN_BITS


def test_unknown_hints_say_nothing() -> None:
    """A hint of a later version must not stop the log from being read."""
    record = bytearray(encode_histograms([LoggedHistogram(1, 5, PLAIN)])[0])
    record[19] = 200
    assert decode_histograms(bytes(record))[0].histogram.counter_reset is CounterReset.UNKNOWN


def test_every_schema_is_read() -> None:
    """The log keeps what it was given; who uses a histogram judges its schema."""
    entry = LoggedHistogram(1, 5, msgspec.structs.replace(PLAIN, schema=77))
    assert decode_histograms(encode_histograms([entry])[0]) == [entry]


@pytest.mark.parametrize("entry", EVERYTHING, ids=["custom float", "float", "custom", "integer"])
def test_a_histogram_record_cut_anywhere_is_refused(entry: LoggedHistogram) -> None:
    """Storage 5.4: but for a cut that leaves the head alone, or nothing."""
    record = encode_histograms([entry])[0]
    assert decode_histograms(record[:17]) == decode_histograms(record[:1]) == []
    for cut in [*range(2, 17), *range(18, len(record))]:
        with pytest.raises(MalformedRecord):
            decode_histograms(record[:cut])
