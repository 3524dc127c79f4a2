"""Protobuf bodies under generated and mangled messages; the protobuf library is the oracle."""

import math
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st

from promscrape.errors import ParseError
from promscrape.exposition.body_format import PROTOBUF
from promscrape.exposition.number import format_float
from promscrape.exposition.protobuf_wire import read_frame
from promscrape.exposition.switches import Switches
from promscrape.exposition.text_format import PROMETHEUS_TEXT
from promscrape.model.histogram import Histogram
from promscrape.model.histogram_check import check_histogram
from promscrape.model.labels import Labels
from promscrape.model.sample import NO_TIMESTAMP, float_bits
from tests.support.columns import OneReader, Read, read
from tests.support.metric_family import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    MetricFamily,
    delimited,
    family,
)

STARTS = Switches(start_timestamps=True)
EVERYTHING = [
    STARTS,
    Switches(native_histograms=True),
    Switches(native_histograms=True, keep_classic=True, start_timestamps=True),
    Switches(convert_classic=True),
    Switches(convert_classic=True, keep_classic=True, type_and_unit_labels=True),
]

names = st.sampled_from(["a", "b_total", "c.d", "é"])
texts = st.text(st.characters(codec="utf-8"), max_size=5)
doubles = st.floats(width=64) | st.sampled_from([0.0, -0.0, 1.0, math.inf])
counts = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)
times = st.fixed_dictionaries(
    {}, optional={"seconds": st.integers(-(10**9), 10**10), "nanos": st.integers(0, 10**9 - 1)}
)
labels = st.lists(st.fixed_dictionaries({"name": names}, optional={"value": texts}), max_size=3)
exemplars = st.fixed_dictionaries(
    {}, optional={"label": labels, "value": doubles, "timestamp": times}
)
numbers = st.fixed_dictionaries({}, optional={"value": doubles})
counters = st.fixed_dictionaries(
    {}, optional={"value": doubles, "exemplar": exemplars, "start_timestamp": times}
)
summaries = st.fixed_dictionaries(
    {},
    optional={
        "sample_count": counts,
        "sample_sum": doubles,
        "quantile": st.lists(
            st.fixed_dictionaries({}, optional={"quantile": doubles, "value": doubles}), max_size=3
        ),
        "start_timestamp": times,
    },
)
buckets = st.fixed_dictionaries(
    {},
    optional={
        "cumulative_count": counts,
        "upper_bound": doubles,
        "cumulative_count_float": doubles,
        "exemplar": exemplars,
    },
)
histograms = st.fixed_dictionaries(
    {},
    optional={
        "sample_count": counts,
        "sample_sum": doubles,
        "bucket": st.lists(buckets, max_size=4),
        "sample_count_float": doubles,
        "schema": st.integers(-6, 10),
        "start_timestamp": times,
    },
)
metrics = st.fixed_dictionaries(
    {},
    optional={
        "label": labels,
        "gauge": numbers,
        "counter": counters,
        "untyped": numbers,
        "summary": summaries,
        "histogram": histograms,
        "timestamp_ms": st.integers(-(1 << 63), (1 << 63) - 1),
    },
)
families = st.builds(
    lambda name, type_, of, help_: family(name, type_, *of, help=help_),
    names,
    st.integers(0, 5),
    st.lists(metrics, max_size=3),
    texts,
)
bodies = st.lists(families, max_size=4)

EDITS = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 2), st.integers(0, 255)), max_size=4)


def mangled(body: bytes, edits: list[tuple[int, int, int]]) -> bytes:
    """Return the body with bytes changed, put in and taken out."""
    out = bytearray(body)
    for at, kind, byte in edits:
        if not out:
            break
        place = at % len(out)
        if kind == 0:
            out[place] = byte
        elif kind == 1:
            out.insert(place, byte)
        else:
            del out[place]
    return bytes(out)


def comparable(samples: list[Read]) -> list[tuple[Any, ...]]:
    """Return the samples with floats as their bits: NaNs differ from themselves."""
    return [
        (
            sample.series,
            repr(sample.value) if isinstance(sample.value, Histogram) else float_bits(sample.value),
            sample.t_ms,
            sample.start_ms,
            [(str(e.labels), float_bits(e.value), e.t_ms) for e in sample.exemplars],
        )
        for sample in samples
    ]


def ms_of(message: Any) -> int:
    ms = message.seconds * 1000 + math.trunc(message.nanos / 1_000_000)
    # What a mangled one says may be beyond what a timestamp can be; -2**63 stands for none.
    return int(max(1 - 2**63, min(ms, 2**63 - 1)))


def expected(of: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the samples of a family as rules B4 to B7 say it, in the classic way."""
    for metric in of.metric:
        pairs = [(each.name, each.value) for each in metric.label]
        field = {COUNTER: "counter", GAUGE: "gauge", SUMMARY: "summary"}.get(of.type)
        histogram = of.type in {HISTOGRAM, GAUGE_HISTOGRAM}
        message = getattr(metric, field or ("histogram" if histogram else "untyped"))
        start = 0
        if of.type not in {GAUGE, 3} and message.HasField("start_timestamp"):
            start = ms_of(message.start_timestamp)
        for suffix, own, value, exemplar in rows(of.type, message):
            labels = Labels.from_pairs([*pairs, *own])
            text = f"{of.name}{suffix}" + (str(labels) if [*pairs, *own] else "")
            found = []
            if exemplar is not None:
                t_ms = ms_of(exemplar.timestamp) if exemplar.HasField("timestamp") else None
                exemplar_labels = Labels.from_pairs((e.name, e.value) for e in exemplar.label)
                found.append((str(exemplar_labels), float_bits(exemplar.value), t_ms))
            yield (
                text,
                float_bits(value),
                max(metric.timestamp_ms, NO_TIMESTAMP + 1) or None,
                start,
                found,
            )


def rows(type_: int, message: Any) -> Iterator[tuple[str, list[tuple[str, str]], float, Any]]:
    """Yield suffix, own label, value and exemplar of each series of one metric."""
    if type_ == SUMMARY:
        yield "_count", [], float(message.sample_count), None
        yield "_sum", [], message.sample_sum, None
        for each in message.quantile:
            yield "", [("quantile", format_float(each.quantile))], each.value, None
    elif type_ in {HISTOGRAM, GAUGE_HISTOGRAM}:
        count = message.sample_count_float or float(message.sample_count)
        yield "_count", [], count, None
        yield "_sum", [], message.sample_sum, None
        for each in message.bucket:
            exemplar = each.exemplar if each.HasField("exemplar") else None
            value = each.cumulative_count_float or float(each.cumulative_count)
            yield "_bucket", [("le", format_float(each.upper_bound))], value, exemplar
        if all(each.upper_bound != math.inf for each in message.bucket):
            yield "_bucket", [("le", "+Inf")], count, None
    else:
        is_counter = type_ == COUNTER
        exemplar = message.exemplar if is_counter and message.HasField("exemplar") else None
        yield "", [], message.value, exemplar


def library(body: bytes) -> list[Any] | None:
    """Return the families of a body by the library, None where it refuses one."""
    found, at = [], 0
    try:
        while at < len(body):
            begin, at = read_frame(body, at)
            found.append(MetricFamily.FromString(body[begin:at]))
            str(found[-1])
    except (ParseError, DecodeError, UnicodeDecodeError):
        return None
    return found


@given(bodies)
def test_a_body_says_what_the_library_reads_in_it(of: list[Any]) -> None:
    """B1, B4 to B7, B9: every field, sent or not."""
    reader = OneReader(STARTS)
    found = reader.scan(delimited(of), PROTOBUF)
    assert reader.last.error is None
    assert comparable(found) == [row for each in of for row in expected(each)]


@given(bodies, EDITS)
def test_a_mangled_body_is_refused_or_read_as_the_library_reads_it(
    of: list[Any], edits: list[tuple[int, int, int]]
) -> None:
    """B2: what both accept means the same to both; nothing else than a refusal comes out."""
    body = mangled(delimited(of), edits)
    reader = OneReader(STARTS)
    found = reader.scan(body, PROTOBUF)
    oracle = library(body)
    if reader.last.error is None and oracle is not None:
        assert comparable(found) == [row for each in oracle for row in expected(each)]


@given(st.binary(max_size=200), st.sampled_from(EVERYTHING))
@example(b"\x02\x22\x00", EVERYTHING[0])
def test_garbage_is_refused(body: bytes, switches: Switches) -> None:
    """Whatever a target sends, a scan returns."""
    OneReader(switches).scan(body, PROTOBUF)


@given(st.lists(st.tuples(bodies, EDITS), min_size=2, max_size=4), st.sampled_from(EVERYTHING))
def test_what_is_remembered_changes_nothing(
    scrapes: list[tuple[list[Any], list[tuple[int, int, int]]]], switches: Switches
) -> None:
    """A reader that knows the target reads each body as one that does not."""
    warm = OneReader(switches)
    for of, edits in [*scrapes, *scrapes]:
        body = mangled(delimited(of), edits)
        cold = OneReader(switches)
        assert comparable(warm.scan(body, PROTOBUF)) == comparable(cold.scan(body, PROTOBUF))
        assert str(warm.last.error) == str(cold.last.error)
        assert warm.last.metadata == cold.last.metadata


@given(
    st.lists(
        st.tuples(st.floats(allow_nan=False), st.integers(0, 1000)),
        max_size=5,
        unique_by=lambda bucket: bucket[0] + 0.0,
    ),
    st.integers(0, 5),
    st.floats(allow_nan=False),
)
def test_text_and_protobuf_convert_a_histogram_to_the_same(
    steps: list[tuple[float, int]], rest: int, total_sum: float
) -> None:
    """S25: buckets in any order; a last one at infinity, or none."""
    counts, at = dict[float, int](), 0
    for bound, step in sorted(steps):
        at += step
        counts[bound] = at
    total = counts.get(math.inf, at + rest)
    shuffled = [(bound, counts[bound]) for bound, _ in steps]
    body = b"# TYPE h histogram\n" + b"".join(
        b'h_bucket{le="%s"} %d\n' % (format_float(bound).encode(), count)
        for bound, count in shuffled
    )
    body += b"h_count %d\nh_sum %s\n" % (total, repr(total_sum).encode())
    message = {
        "sample_count": total,
        "sample_sum": total_sum,
        "bucket": [{"upper_bound": b, "cumulative_count": c} for b, c in shuffled],
    }
    switches = Switches(convert_classic=True)
    theirs = read(delimited([family("h", HISTOGRAM, {"histogram": message})]), PROTOBUF, switches)
    assert read(body, PROMETHEUS_TEXT, switches) == theirs
    (sample,) = theirs
    assert isinstance(sample.value, Histogram)
    check_histogram(sample.value)
    assert sample.value.count == total
