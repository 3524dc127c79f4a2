"""Requests, byte by byte."""

import struct
from array import array
from collections.abc import Callable

import cramjam
import pytest

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import CounterReset, Histogram, Span
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.sample import NORMAL_NAN, STALE_NAN
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote._encode_py import encode_metadata_v1
from promscrape.storage.remote._histogram_message import encode_histogram
from promscrape.storage.remote.encode import Encoder
from tests.support.remote_series import NamedSeries, columns_of, remote_series

M = Labels.from_map({"__name__": "m"})
T1 = "0a1d0a0d0a085f5f6e616d655f5f12016d120c09000000000000f03f10e807"
T3 = "220022085f5f6e616d655f5f22016d2a140a020102120c09000000000000f03f10e8072a00"


def v1(*items: tuple[Labels, float | Histogram, int]) -> bytes:
    series = remote_series()
    return Encoder(series).encode_v1(columns_of(series, items))


def v2(*items: tuple[Labels, float | Histogram, int]) -> bytes:
    series = remote_series()
    return Encoder(series).encode_v2(columns_of(series, items))


def of_bits(bits: int) -> float:
    value: float = struct.unpack("<d", bits.to_bytes(8, "little"))[0]
    return value


def int_histogram(count: int = 3, zero_count: int = 1, *, schema: int = 0) -> Histogram:
    return Histogram(
        is_float=False,
        counter_reset=CounterReset.UNKNOWN,
        schema=schema,
        zero_threshold=0.001,
        zero_count=zero_count,
        count=count,
        sum=6.5,
        positive_spans=(Span(1, 2),),
        negative_spans=(),
        positive_buckets=(1, 0),
        negative_buckets=(),
        custom_bounds=(0.5, 1.0) if schema == -53 else (),
    )


def test_one_sample_in_the_first_version() -> None:
    """T1."""
    assert v1((M, 1.0, 1000)).hex() == T1


def test_one_sample_packed() -> None:
    """T2: one literal, after the length before packing."""
    assert bytes(cramjam.snappy.compress_raw(v1((M, 1.0, 1000)))).hex() == "1f78" + T1


def test_one_sample_in_the_second_version() -> None:
    """T3: the metadata is there, and empty."""
    assert v2((M, 1.0, 1000)).hex() == T3


def test_metadata_and_a_start_timestamp() -> None:
    """T4: the value is left out because it is +0.0."""
    known = Metadata(MetricType.COUNTER, "help", "seconds")
    series = remote_series(metadata={1: known})
    labels = Labels.from_map({"__name__": "m_total"})
    columns = columns_of(series, [(labels, 0.0, 1000)], starts=[500])
    assert Encoder(series).encode_v2(columns).hex() == (
        "220022085f5f6e616d655f5f22076d5f746f74616c220468656c7022077365636f6e6473"
        "2a140a020102120610e80718f4032a06080118032004"
    )


@pytest.mark.parametrize("encode", [v1, v2])
def test_a_negative_zero_is_written_and_a_positive_one_is_not(encode: Callable[..., bytes]) -> None:
    """T5, 2.1."""
    assert bytes.fromhex("090000000000000080") in encode((M, -0.0, 1000))
    assert bytes.fromhex("120310e807") in encode((M, 0.0, 1000))


@pytest.mark.parametrize("encode", [v1, v2])
@pytest.mark.parametrize(
    ("value", "raw"),
    [(STALE_NAN, "020000000000f07f"), (NORMAL_NAN, "010000000000f87f")],
)
def test_nans_keep_their_bits(encode: Callable[..., bytes], value: float, raw: str) -> None:
    """T6, T7."""
    assert bytes.fromhex(f"120b09{raw}1001") in encode((M, value, 1))


def test_a_histogram_of_integers() -> None:
    """T8."""
    assert encode_histogram(int_histogram(), 1000, 0, is_v2=False).hex() == (
        "0803190000000000001a4029fca9f1d24d62503f30015a04080210026202020078e807"
    )


def test_counts_of_zero_are_written() -> None:
    """T9: members of a oneof."""
    raw = encode_histogram(int_histogram(0, 0), 1000, 0, is_v2=False)
    assert raw.startswith(b"\x08\x00")
    assert b"\x30\x00" in raw


def test_custom_bounds_and_their_schema() -> None:
    """T23: schema -53 is the zigzag varint 105."""
    raw = encode_histogram(int_histogram(schema=-53), 1000, 400, is_v2=True)
    assert b"\x20\x69" in raw
    assert raw.endswith(
        b"\x82\x01\x10" + struct.pack("<dd", 0.5, 1.0) + b"\x88\x01" + bytes.fromhex("9003")
    )


def test_metadata_alone() -> None:
    """T10."""
    assert encode_metadata_v1([("m_total", 1, "help", "")]).hex() == (
        "1a11080112076d5f746f74616c220468656c70"
    )


def test_a_string_stands_once_in_the_symbols() -> None:
    """T12, 3.2."""
    job = {"job": "a"}
    raw = v2(
        (Labels.from_map({"__name__": "x", **job}), 1.0, 1),
        (Labels.from_map({"__name__": "y", **job}), 1.0, 1),
    )
    assert raw.count(b"\x22\x03job") == 1
    assert raw.count(b"\x22\x01a") == 1
    assert raw.startswith(b"\x22\x00")


def test_labels_are_sorted_by_bytes() -> None:
    """T13, 4.4: the name stands after upper case and before lower case."""
    labels = Labels.from_map({"b": "1", "a": "2", "__name__": "x", "Z": "3"})
    raw = v1((labels, 1.0, 1))
    places = [raw.index(b"\x0a" + bytes((len(n),)) + n) for n in (b"Z", b"__name__", b"a", b"b")]
    assert places == sorted(places)


def test_a_label_that_relabeling_empties_is_absent() -> None:
    """T14."""
    rule = RelabelConfig(target_label="gone", replacement="")
    series = remote_series(rules=[rule])
    labels = Labels.from_map({"__name__": "m", "gone": "x"})
    assert Encoder(series).encode_v1(columns_of(series, [(labels, 1.0, 1000)])).hex() == T1


def test_each_request_has_its_own_symbols() -> None:
    """T15, 3.4."""
    series = remote_series()
    encoder, source = Encoder(series), NamedSeries(M, Labels.from_map({"__name__": "other"}))
    raw = []
    for ref in (1, 2):
        columns = columns_of(series, [(M, 1.0, 1)])
        columns.rows[0] = series.rows(array("Q", [ref]), source).rows[0]
        raw.append(encoder.encode_v2(columns))
    assert b"\x22\x01m" not in raw[1]
    assert raw[1].startswith(b"\x22\x00\x22\x08__name__\x22\x05other")


@pytest.mark.parametrize("encode", [v1, v2])
def test_a_request_without_items(encode: Callable[..., bytes]) -> None:
    """T17: nothing packs to a single byte."""
    assert bytes(cramjam.snappy.compress_raw(v1())) == b"\x00"
    assert encode() == (b"" if encode is v1 else b"\x22\x00")


def test_an_unknown_family_has_no_metadata_and_a_new_help_is_seen() -> None:
    """T25."""
    known: dict[int, Metadata] = {}
    series = remote_series(metadata=known)
    encoder = Encoder(series)
    columns = columns_of(series, [(M, 1.0, 1000)])
    assert encoder.encode_v2(columns).hex() == T3
    known[1] = Metadata(MetricType.GAUGE, "old")
    assert b"\x22\x03old" in encoder.encode_v2(columns)
    known[1] = Metadata(MetricType.GAUGE, "new")
    raw = encoder.encode_v2(columns)
    assert b"\x22\x03new" in raw
    assert b"old" not in raw


def test_strings_of_exemplars_are_not_kept() -> None:
    """A trace id comes once: it must not stay in memory for as long as the process lives."""
    series = remote_series()
    exemplar = Exemplar(Labels.from_map({"trace_id": "abc", "__name__": "m"}), 0.5, 900)
    columns = columns_of(series, [(M, 1.0, 1000)], exemplars={0: (exemplar,)})
    raw = Encoder(series).encode_v2(columns)
    assert raw.count(b"\x22\x01m") == 1
    assert b"\x22\x08trace_id" in raw
    assert series.label_sets.find_text(b"abc") == 0


def test_timestamps_before_the_epoch_and_at_it() -> None:
    """2.1: an int64 below zero takes ten bytes, and zero none."""
    assert b"\x10" + b"\xff" * 9 + b"\x01" in v1((M, 1.0, -1))
    assert v1((M, 1.0, 0)).endswith(b"\x12\x09\x09" + struct.pack("<d", 1.0))
