"""Requests of any content, read back with the protobuf library."""

import struct
from array import array
from typing import Any, TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import CounterReset, Histogram, Span
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.encode import Encoder
from tests.support.remote_series import columns_of, remote_series
from tests.support.remote_write.message import WireRequest, decoded

Value: TypeAlias = float | Histogram
Item: TypeAlias = tuple[Labels, Value]

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=150)
LABELS = st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=5).map(Labels.from_map)
BITS = st.integers(0, 2**64 - 1)
TIMES = st.integers(-(2**63) + 1, 2**63 - 1)
SPANS = st.lists(
    st.builds(Span, st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1)), max_size=3
).map(tuple)
FLOATS = st.floats(allow_nan=False)


def of_bits(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    is_float = draw(st.booleans())
    counts = FLOATS if is_float else st.integers(0, 2**64 - 1)
    buckets = st.lists(FLOATS if is_float else st.integers(-(2**63), 2**63 - 1), max_size=4)
    schema = draw(st.sampled_from([-53, -4, 0, 8]))
    return Histogram(
        is_float=is_float,
        counter_reset=draw(st.sampled_from(CounterReset)),
        schema=schema,
        zero_threshold=draw(FLOATS),
        zero_count=draw(counts),
        count=draw(counts),
        sum=draw(FLOATS),
        positive_spans=draw(SPANS),
        negative_spans=draw(SPANS),
        positive_buckets=tuple(draw(buckets)),
        negative_buckets=tuple(draw(buckets)),
        custom_bounds=tuple(draw(st.lists(FLOATS, max_size=3))) if schema == -53 else (),
    )


EXEMPLARS = st.builds(
    Exemplar, st.dictionaries(TEXTS, TEXTS, max_size=3).map(Labels.from_map), FLOATS, TIMES
)
ITEMS = st.lists(
    st.tuples(LABELS, st.one_of(BITS.map(of_bits), histograms()), TIMES, TIMES), max_size=30
)
METADATA = st.builds(Metadata, st.sampled_from(MetricType), st.text(max_size=9), TEXTS)


def check_items(request: WireRequest, columns: Columns, items: list[Item]) -> None:
    """Every item is there, by itself and in its place, with all bits of its values."""
    assert not request.faults
    assert len(request.series) == len(items)
    values = array("Q", columns.values.tobytes())
    for at, (one, (labels, value)) in enumerate(zip(request.series, items, strict=True)):
        assert list(one.labels) == sorted(labels, key=lambda pair: pair[0].encode())
        if isinstance(value, Histogram):
            check_histogram(one.histograms[0].message, value)
            assert one.histograms[0].t_ms == columns.timestamps[at]
            assert not one.samples
        else:
            assert [(s.t_ms, s.bits) for s in one.samples] == [(columns.timestamps[at], values[at])]
        exemplars = columns.exemplars.get(at, ())
        assert [(dict(e.labels), e.value, e.t_ms) for e in one.exemplars] == [
            (e.labels.to_map(), e.value, e.t_ms) for e in exemplars
        ]


def check_histogram(message: Any, value: Histogram) -> None:
    def spans(name: str) -> list[tuple[int, int]]:
        return [(span.offset, span.length) for span in getattr(message, name)]

    def field(name: str) -> Any:
        return getattr(message, name)

    kind = "float" if value.is_float else "int"
    buckets = "counts" if value.is_float else "deltas"
    assert message.WhichOneof("count") == f"count_{kind}"
    assert field(f"count_{kind}") == value.count
    assert field(f"zero_count_{kind}") == value.zero_count
    assert (field("sum"), field("schema")) == (value.sum, value.schema)
    assert field("zero_threshold") == value.zero_threshold
    assert field("reset_hint") == value.counter_reset
    assert spans("positive_spans") == [(s.offset, s.length) for s in value.positive_spans]
    assert spans("negative_spans") == [(s.offset, s.length) for s in value.negative_spans]
    assert tuple(field(f"positive_{buckets}")) == value.positive_buckets
    assert tuple(field(f"negative_{buckets}")) == value.negative_buckets
    assert tuple(field("custom_values")) == value.custom_bounds


@given(ITEMS, st.dictionaries(st.integers(1, 30), METADATA), st.data())
def test_both_versions_say_what_the_columns_say(
    items: list[tuple[Labels, Value, int, int]], known: dict[int, Metadata], data: st.DataObject
) -> None:
    """T16, H1: one message an item; 3.1 to 3.4 hold of the symbols."""
    series = remote_series(metadata=known)
    exemplars = data.draw(
        st.dictionaries(
            st.integers(0, max(len(items) - 1, 0)),
            st.lists(EXEMPLARS, min_size=1, max_size=2).map(tuple),
            max_size=3 if items else 0,
        )
    )
    columns = columns_of(
        series,
        [(labels, value, t_ms) for labels, value, t_ms, _ in items],
        starts=[start for *_, start in items],
        exemplars=exemplars,
    )
    encoder = Encoder(series)
    wanted = [(labels, value) for labels, value, *_ in items]
    check_items(decoded(encoder.encode_v1(columns), 1), columns, wanted)
    request = decoded(encoder.encode_v2(columns), 2)
    check_items(request, columns, wanted)
    assert request.symbols[0] == ""
    assert len(set(request.symbols)) == len(request.symbols)
    for at, one in enumerate(request.series):
        starts = [s.start_ms for s in one.samples] + [h.start_ms for h in one.histograms]
        assert starts == [items[at][3]]
        metadata = known.get(series.refs[columns.rows[at]], Metadata())
        assert one.metadata.kind == tuple(MetricType).index(metadata.type)
        assert (one.metadata.help, one.metadata.unit) == (metadata.help, metadata.unit)


@given(ITEMS)
def test_a_version_reads_as_nothing_in_the_other(
    items: list[tuple[Labels, Value, int, int]],
) -> None:
    """T11: the field numbers of the two do not overlap."""
    series = remote_series()
    columns = columns_of(series, [(labels, value, t) for labels, value, t, _ in items])
    encoder = Encoder(series)
    assert decoded(encoder.encode_v1(columns), 2).series == []
    assert decoded(encoder.encode_v1(columns), 2).symbols == []
    assert decoded(encoder.encode_v2(columns), 1).series == []
