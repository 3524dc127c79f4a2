"""Protobuf bodies: what each message becomes, and what is refused (B1 to B9)."""

import math
from typing import Any

import pytest

from promscrape.exposition.body_format import PROTOBUF
from promscrape.exposition.entries import HelpEntry, TypeEntry, UnitEntry
from promscrape.exposition.switches import Switches
from promscrape.exposition.text_format import PROMETHEUS_TEXT
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import CounterReset, Histogram, Span
from promscrape.model.labels import Labels
from promscrape.model.metadata import MetricType
from promscrape.model.sample import STALE_NAN, STALE_NAN_BITS, float_bits
from promscrape.model.varint import uvarint
from tests.support.columns import OneReader, Read, read, values_of
from tests.support.metric_family import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    MetricFamily,
    delimited,
    exemplar,
    family,
    pairs,
)

NATIVE = Switches(native_histograms=True)
NATIVE_AND_CLASSIC = Switches(native_histograms=True, keep_classic=True)
CONVERTED = Switches(convert_classic=True)

CLASSIC: dict[str, Any] = {
    "sample_count": 4,
    "sample_sum": 9.0,
    "bucket": [
        {"cumulative_count": 1, "upper_bound": 1.0},
        {"cumulative_count": 3, "upper_bound": 2.0},
    ],
}
SPARSE: dict[str, Any] = {
    "sample_count": 4,
    "sample_sum": 9.0,
    "schema": 3,
    "zero_threshold": 1e-128,
    "zero_count": 1,
    "positive_span": [{"offset": 2, "length": 2}],
    "positive_delta": [1, 1],
}


def histogram(name: str = "h", type_: int = HISTOGRAM, **fields: Any) -> bytes:
    return delimited([family(name, type_, {"histogram": fields})])


def error_of(body: bytes, switches: Switches = NATIVE) -> str:
    reader = OneReader(switches)
    reader.scan(body, PROTOBUF)
    assert reader.last.error is not None
    return str(reader.last.error)


def test_each_simple_type_is_one_series() -> None:
    """B4: and a value that was not sent is 0 (B9)."""
    body = delimited(
        [
            family("c_total", COUNTER, {"counter": {"value": 2.5}, "label": pairs(b="1", a="2")}),
            family("g", GAUGE, {"gauge": {"value": -1.0}}, {"label": pairs(x="y")}),
            family("u", UNTYPED, {"untyped": {"value": 7.0}}, {"untyped": {}}),
        ]
    )
    assert values_of(read(body, PROTOBUF)) == [
        ('c_total{a="2", b="1"}', 2.5),
        ("g", -1.0),
        ('g{x="y"}', 0.0),
        ("u", 7.0),
        ("u", 0.0),
    ]


def test_a_classic_histogram_gets_its_last_bucket() -> None:
    """TC060, B4: count, sum, buckets, and one at infinity where none was sent."""
    assert values_of(read(histogram(**CLASSIC), PROTOBUF)) == [
        ("h_count", 4.0),
        ("h_sum", 9.0),
        ('h_bucket{le="1.0"}', 1.0),
        ('h_bucket{le="2.0"}', 3.0),
        ('h_bucket{le="+Inf"}', 4.0),
    ]


def test_a_bucket_at_infinity_is_not_added_twice() -> None:
    """B4: nor is a gauge histogram named otherwise than a histogram."""
    bucket = {"cumulative_count": 5, "upper_bound": math.inf}
    body = histogram(type_=GAUGE_HISTOGRAM, sample_count=5, sample_sum=1.0, bucket=[bucket])
    assert values_of(read(body, PROTOBUF)) == [
        ("h_count", 5.0),
        ("h_sum", 1.0),
        ('h_bucket{le="+Inf"}', 5.0),
    ]


def test_float_counts_win_where_they_are_there() -> None:
    """B5: a classic histogram may have counts of either kind."""
    bucket = {"cumulative_count": 1, "cumulative_count_float": 1.5, "upper_bound": 1.0}
    body = histogram(sample_count=9, sample_count_float=2.5, bucket=[bucket])
    assert [value for _, value in values_of(read(body, PROTOBUF))] == [2.5, 0.0, 1.5, 2.5]


def test_a_summary_has_its_quantiles_last() -> None:
    """TC061, B4, N6."""
    quantiles = [{"quantile": 0.5, "value": 10.0}, {"quantile": 1.0, "value": 20.0}]
    fields = {"sample_count": 3, "sample_sum": 30.0, "quantile": quantiles}
    body = delimited([family("s", SUMMARY, {"summary": fields, "label": pairs(x="y")})])
    assert values_of(read(body, PROTOBUF)) == [
        ('s_count{x="y"}', 3.0),
        ('s_sum{x="y"}', 30.0),
        ('s{quantile="0.5", x="y"}', 10.0),
        ('s{quantile="1.0", x="y"}', 20.0),
    ]


def test_the_bits_of_a_nan_are_kept() -> None:
    """TC062, S2, B9: a protobuf target can say itself that a series is gone."""
    body = delimited([family("g", GAUGE, {"gauge": {"value": STALE_NAN}})])
    reader = OneReader()
    for _ in range(2):
        reader.scan(body, PROTOBUF)
        assert float_bits(reader.last.values[0]) == STALE_NAN_BITS


def test_timestamps_of_zero_are_none() -> None:
    """B6: and what has one stands beside what has none."""
    body = delimited(
        [
            family("a", GAUGE, {"gauge": {"value": 1.0}, "timestamp_ms": 0}),
            family("b", GAUGE, {"gauge": {"value": 2.0}, "timestamp_ms": -5}),
            family("c", GAUGE, {"gauge": {"value": 3.0}}),
        ]
    )
    reader = OneReader()
    for _ in range(3):
        assert [sample.t_ms for sample in reader.scan(body, PROTOBUF)] == [None, -5, None]


def test_starts_are_read_where_they_are_asked_for() -> None:
    """B6, S16: of counters, summaries and histograms of either kind."""
    start = {"start_timestamp": {"seconds": 12, "nanos": 345_999_999}}
    body = delimited(
        [
            family("c", COUNTER, {"counter": {"value": 1.0, **start}}),
            family("g", GAUGE, {"gauge": {"value": 1.0}}),
            family("s", SUMMARY, {"summary": {"sample_count": 1, **start}}),
            family("h", HISTOGRAM, {"histogram": {**SPARSE, **start}}),
        ]
    )
    switches = Switches(native_histograms=True, start_timestamps=True)
    found = read(body, PROTOBUF, switches)
    assert [sample.start_ms for sample in found] == [12_345, 0, 12_345, 12_345, 12_345]
    assert [sample.start_ms for sample in read(body, PROTOBUF)] == [0] * 7


def test_metadata_comes_before_the_samples_of_its_family() -> None:
    """B3: help even where it is empty, unit only where it is not; a family alone is nothing."""
    body = delimited(
        [
            family("a_bytes", GAUGE, {"gauge": {"value": 1.0}}, help="A.", unit="bytes"),
            family("", COUNTER),
            family("b", UNTYPED, {"untyped": {"value": 1.0}}),
        ]
    )
    reader = OneReader()
    reader.scan(body, PROTOBUF)
    assert reader.last.metadata_at == {
        0: (
            HelpEntry("a_bytes", "A."),
            UnitEntry("a_bytes", "bytes"),
            TypeEntry("a_bytes", MetricType.GAUGE),
        ),
        1: (HelpEntry("b", ""), TypeEntry("b", MetricType.UNKNOWN)),
    }
    assert len(reader.last.metadata) == 5


def test_exemplars_stand_with_their_series() -> None:
    """B7: a counter's and a bucket's own; nanoseconds are cut off (B6)."""
    timed = {
        "label": pairs(trace="b", app="a"),
        "value": 0.5,
        "timestamp": {"seconds": 9, "nanos": 1_999_999},
    }
    bucket = {"cumulative_count": 1, "upper_bound": 1.0, "exemplar": exemplar(0.25, trace="x")}
    body = delimited(
        [
            family("c", COUNTER, {"counter": {"value": 1.0, "exemplar": timed}}),
            family("h", HISTOGRAM, {"histogram": {"sample_count": 1, "bucket": [bucket]}}),
        ]
    )
    assert [(sample.series, sample.exemplars) for sample in read(body, PROTOBUF)] == [
        ("c", (Exemplar(Labels.from_map({"app": "a", "trace": "b"}), 0.5, 9001),)),
        ("h_count", ()),
        ("h_sum", ()),
        ('h_bucket{le="1.0"}', (Exemplar(Labels.from_map({"trace": "x"}), 0.25),)),
        ('h_bucket{le="+Inf"}', ()),
    ]


def test_a_native_histogram_is_one_sample() -> None:
    """B4, B5: under the family's own name."""
    ((series, found),) = values_of(read(histogram(**SPARSE), PROTOBUF, NATIVE))
    assert series == "h"
    assert found == Histogram(
        is_float=False,
        counter_reset=CounterReset.UNKNOWN,
        schema=3,
        zero_threshold=1e-128,
        zero_count=1,
        count=4,
        sum=9.0,
        positive_spans=(Span(2, 2),),
        negative_spans=(),
        positive_buckets=(1, 1),
        negative_buckets=(),
    )


def test_a_native_histogram_may_be_of_floats_and_of_a_gauge() -> None:
    """B4, B5: empty buckets are cut out, whatever they are counted in."""
    body = histogram(
        type_=GAUGE_HISTOGRAM,
        sample_count_float=3.5,
        sample_sum=-1.0,
        schema=-2,
        negative_span=[{"offset": -1, "length": 3}],
        negative_count=[0.0, 0.5, 3.0],
    )
    ((_, found),) = values_of(read(body, PROTOBUF, NATIVE))
    assert isinstance(found, Histogram)
    assert (found.is_float, found.counter_reset, found.schema) == (True, CounterReset.GAUGE, -2)
    assert (found.negative_spans, found.negative_buckets) == ((Span(0, 2),), (0.5, 3.0))


@pytest.mark.parametrize(
    ("fields", "is_native"),
    [
        ({"zero_threshold": 0.001}, True),
        ({"zero_count": 1, "sample_count": 1}, True),
        ({"positive_span": [{"offset": 0, "length": 0}]}, True),
        ({"zero_count_float": 1.0, "sample_count_float": 1.0}, False),
        ({"schema": 3}, False),
    ],
)
def test_what_makes_a_histogram_native(
    fields: dict[str, Any],
    is_native: bool,  # noqa: FBT001 - a parameter
) -> None:
    """S24: a float zero count alone does not, in Prometheus neither; a span without buckets does."""
    found = read(histogram(**fields), PROTOBUF, NATIVE)
    assert [sample.series for sample in found if isinstance(sample.value, Histogram)] == (
        ["h"] if is_native else []
    )


@pytest.mark.parametrize(
    ("switches", "series"),
    [
        (Switches(), ["h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket"]),
        (NATIVE, ["h"]),
        (NATIVE_AND_CLASSIC, ["h", "h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket"]),
        (CONVERTED, ["h"]),
        (
            Switches(convert_classic=True, keep_classic=True),
            ["h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket", "h"],
        ),
        (Switches(native_histograms=True, convert_classic=True), ["h"]),
        (
            Switches(native_histograms=True, convert_classic=True, keep_classic=True),
            ["h", "h_count", "h_sum", "h_bucket", "h_bucket", "h_bucket"],
        ),
    ],
)
def test_the_switches_choose_what_a_histogram_becomes(
    switches: Switches, series: list[str]
) -> None:
    """TC068, B8, section 6.8: of one that is native and classic; with N never a converted one."""
    found = read(histogram(**SPARSE, bucket=CLASSIC["bucket"]), PROTOBUF, switches)
    assert [sample.series.partition("{")[0] for sample in found] == series
    schemas = [sample.value.schema for sample in found if isinstance(sample.value, Histogram)]
    assert schemas == [3 if switches.native_histograms else -53] * series.count("h")


def test_a_native_histogram_that_is_not_wanted_is_converted_too() -> None:
    """TC069: all that is known of it without its native part is one bucket."""
    ((series, found),) = values_of(read(histogram(**SPARSE), PROTOBUF, CONVERTED))
    assert isinstance(found, Histogram)
    assert (series, found.schema, found.custom_bounds) == ("h", -53, ())
    assert (found.positive_spans, found.positive_buckets) == ((Span(0, 1),), (4,))
    assert (found.count, found.sum) == (4, 9.0)


def test_a_native_histograms_exemplars_are_sorted_and_timed() -> None:
    """TC074, S19, S20, B7: its own ones before those of its buckets."""
    own = [exemplar(3.0, 20, t="b"), exemplar(2.0, t="none"), exemplar(1.0, 10, t="a")]
    bucket = {"cumulative_count": 1, "upper_bound": 1.0, "exemplar": exemplar(5.0, 7)}
    (sample,) = read(histogram(**SPARSE, exemplars=own, bucket=[bucket]), PROTOBUF, NATIVE)
    assert [(each.value, each.t_ms) for each in sample.exemplars] == [(1.0, 10_000), (3.0, 20_000)]
    (sample,) = read(histogram(**SPARSE, bucket=[bucket]), PROTOBUF, NATIVE)
    assert [each.value for each in sample.exemplars] == [5.0]


def changing(number: float) -> bytes:
    """Return a body of every type whose numbers all differ from those of another one."""
    count = int(number)
    return delimited(
        [
            family("g", GAUGE, *({"gauge": {"value": number + i}} for i in range(3))),
            family("k", GAUGE, {"gauge": {"value": 1.0}, "label": pairs(constant="yes")}),
            family("c", COUNTER, {"counter": {"value": number}, "label": pairs(a="b")}),
            family("s", SUMMARY, {"summary": {"sample_count": count, "sample_sum": number}}),
            family(
                "h",
                HISTOGRAM,
                {"histogram": {**CLASSIC, "sample_count": 4 + count}, "label": pairs(x="y")},
            ),
        ]
    )


def test_a_body_with_other_numbers_shares_the_columns_that_name_them() -> None:
    """The second scrape of the same series derives nothing anew."""
    reader = OneReader()
    reader.scan(changing(1000.0), PROTOBUF)
    series, metadata = reader.last.series, reader.last.metadata
    for number in (1001.0, 1e9, 2.0):
        found = reader.scan(changing(number), PROTOBUF)
        assert reader.last.series is series
        assert reader.last.metadata is metadata
        assert not reader.last.new
        assert found == read(changing(number), PROTOBUF)


def test_families_may_come_and_go_and_move() -> None:
    """What is known of the others stays known."""
    families = [
        family(f"m{i}", GAUGE, {"gauge": {"value": 1.0}}, {"gauge": {"value": i}}) for i in range(6)
    ]
    reader = OneReader()
    reader.scan(delimited(families), PROTOBUF)
    known = {sample.series for sample in reader.scan(delimited(families[::-1]), PROTOBUF)}
    assert not reader.last.new
    found = reader.scan(delimited([family("new", GAUGE, {}), *families[2:]]), PROTOBUF)
    assert len(reader.last.new) == 1
    assert {sample.series for sample in found} == {"new"} | (known - {"m0", "m1"})


def test_a_bad_scrape_leaves_what_is_known() -> None:
    """C10: the next good body is read as if the bad one had not been."""
    reader = OneReader()
    good = reader.scan(changing(5.0), PROTOBUF)
    series = reader.last.series
    reader.scan(changing(6.0)[:-1], PROTOBUF)
    assert reader.last.error is not None
    assert reader.scan(changing(5.0), PROTOBUF) == good
    assert reader.last.series is series


def test_a_target_may_change_its_format() -> None:
    """C2: a series without labels has one key in both, others have two; none is taken for another."""
    reader = OneReader()
    for number in (1.0, 2.0):
        expected = read(changing(number), PROTOBUF)
        assert reader.scan(changing(number), PROTOBUF) == expected
        text = b'# TYPE c counter\nc{a="b"} 1\ng 2\n'
        assert values_of(reader.scan(text, PROMETHEUS_TEXT)) == [('c{a="b"}', 1.0), ("g", 2.0)]


def test_labels_may_stand_anywhere_in_a_metric() -> None:
    """Protocol buffers leave the order of fields to the writer."""
    label = family("", 0, {"label": pairs(a="b")}).metric[0].SerializeToString()
    value = family("", 0, {"gauge": {"value": 3.0}}).metric[0].SerializeToString()
    reader = OneReader()
    for metric in (value + label, label + value, value + label):
        message = b"\x0a\x01g\x18\x01\x22" + uvarint(len(metric)) + metric
        found = reader.scan(uvarint(len(message)) + message, PROTOBUF)
        assert found == [Read('g{a="b"}', 3.0)]
    assert not reader.last.new


def test_type_and_unit_become_labels() -> None:
    """S23: in place of what the target says of them, where they are known."""
    own = pairs(__type__="mine", __unit__="mine")
    metric = {"gauge": {"value": 1.0}, "label": own}
    body = delimited([family("a", UNTYPED, metric), family("b_bytes", GAUGE, metric, unit="bytes")])
    found = read(body, PROTOBUF, Switches(type_and_unit_labels=True))
    assert [sample.series for sample in found] == [
        'a{__type__="mine", __unit__="mine"}',
        'b_bytes{__type__="gauge", __unit__="bytes"}',
    ]


def test_a_family_without_metrics_is_skipped() -> None:
    """TC063: unnamed or not."""
    body = delimited([family("", 99), family("a", GAUGE, {"gauge": {"value": 1.0}})])
    assert values_of(read(body, PROTOBUF)) == [("a", 1.0)]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (delimited([family("", GAUGE, {})]), "invalid metric name: "),
        (delimited([family("a", 9, {})]), 'unknown metric type for metric "a": 9'),
        (delimited([family("a", -1, {})]), 'unknown metric type for metric "a": -1'),
        (delimited([family("a", GAUGE, {"label": pairs(**{"": "x"})})]), "invalid label name: "),
        (
            histogram("n", **{**SPARSE, "positive_delta": [1]}),
            'histogram "n": positive side: spans require 2 buckets, have 1',
        ),
        (histogram("n", **{**SPARSE, "sample_count": 9}), 'histogram "n": 4 observations found'),
        (histogram("n", **{**SPARSE, "schema": 99}), 'histogram "n": histogram has an invalid'),
        (b"\x05\x0a\x09abc", "unexpected EOF"),
        (b"\xff\xff\xff\xff\xff\x01", "clientpb: invalid varint encountered"),
        (b"\x80", "clientpb: invalid varint encountered"),
        (
            b"\x0a\x0a\x01a",
            "clientpb: insufficient length of buffer, expected at least 11 bytes, got 4 bytes",
        ),
        (b"\x02\x08\x01", "proto: wrong wireType = 0 for field MetricFamily.Name"),
        (b"\x02\x02\x00", "proto: illegal tag 0 (wire type 2)"),
        (b"\x02\x0f\x01", "proto: illegal wireType 7"),
        (b"\x01\x0c", "proto: illegal wireType 4"),
        (b"\x0c\x18" + b"\xff" * 11, "proto: integer overflow"),
    ],
)
def test_what_is_wrong_is_named(body: bytes, reason: str) -> None:
    """B2, TC064, TC065, TC066, TC067: and ends the scrape."""
    assert error_of(body).startswith(reason)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (b"\x0a\x01\xff\x18\x01\x22\x00", "invalid metric name: "),
        (b"\x0a\x01a\x12\x01\xff\x18\x01\x22\x00", 'invalid help for metric "a": '),
        (b"\x0a\x01a\x18\x01\x22\x05\x0a\x03\x0a\x01\xff", "invalid label name: "),
        (b"\x0a\x01a\x18\x01\x22\x08\x0a\x06\x0a\x01b\x12\x01\xff", "invalid label value: "),
    ],
)
def test_texts_must_be_utf8(fields: bytes, reason: str) -> None:
    """B2: names, help and label values."""
    assert error_of(uvarint(len(fields)) + fields).startswith(reason)


def test_converting_a_histogram_that_is_none_fails_the_scrape() -> None:
    """TC073: in protobuf, unlike in text, one histogram is a message of its own."""
    buckets = [{"cumulative_count": 4, "upper_bound": math.inf}]
    body = histogram(sample_count=5, bucket=buckets)
    assert "count mismatch" in error_of(body, CONVERTED)
    assert read(body, PROTOBUF)


def test_samples_before_an_error_are_handed_on() -> None:
    """L10, TC032: up to the metric that is bad."""
    body = delimited(
        [
            family("a", GAUGE, {"gauge": {"value": 1.0}}),
            family("b", GAUGE, {"gauge": {"value": 2.0}}, {"label": pairs(**{"": "x"})}),
        ]
    )
    reader = OneReader()
    assert values_of(reader.scan(body, PROTOBUF)) == [("a", 1.0), ("b", 2.0)]
    assert str(reader.last.error) == "invalid label name: "


def test_unknown_fields_are_skipped_however_deep_they_nest() -> None:
    """B9: groups within groups cost neither memory nor a stack."""
    depth = 100_000
    nested = b"\x8b\x01" * depth + b"\x8c\x01" * depth
    fields = b"\x0a\x01a\x18\x01\x22\x0b\x12\x09\x09" + bytes(8) + nested + b"\xf5\x07" + bytes(4)
    body = uvarint(len(fields)) + fields
    assert values_of(read(body, PROTOBUF)) == [("a", 0.0)]
    assert error_of(uvarint(depth) + (b"\x8b\x01" * depth)[:depth]) == "unexpected EOF"


def test_lengths_that_lie_reserve_nothing() -> None:
    """B2: a span may claim four thousand million buckets, and a field as many bytes."""
    span = [{"offset": 0, "length": (1 << 32) - 1}] * 10
    assert "require 42949672950 buckets, have 1" in error_of(
        histogram(positive_span=span, positive_delta=[1])
    )
    fields = b"\x0a\xff\xff\xff\xff\x0f"
    assert error_of(uvarint(len(fields)) + fields) == "unexpected EOF"


def test_numbers_that_fit_nowhere_are_refused() -> None:
    """A count beyond 63 bits could not be logged."""
    huge = {**SPARSE, "positive_delta": [(1 << 63) - 1, (1 << 63) - 1], "sample_sum": math.nan}
    assert "has more than" in error_of(histogram(**{**huge, "sample_count": (1 << 64) - 1}))


def test_the_oracle_and_the_tests_mean_the_same_message() -> None:
    """Prometheus's field numbers (B1), by bytes that were written by hand."""
    message = MetricFamily.FromString(
        b"\x0a\x01a\x18\x01\x22\x0b\x12\x09\x09" + bytes(6) + b"\xf0?"
    )
    assert message == family("a", GAUGE, {"gauge": {"value": 1.0}})
