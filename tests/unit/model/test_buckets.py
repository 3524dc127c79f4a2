import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.buckets import (
    Buckets,
    TooManyBucketsError,
    compacted,
    max_schema,
    place_buckets,
    reduced,
    within_limit,
    within_schema,
)
from promscrape.model.histogram import Histogram, Span
from promscrape.model.histogram_check import check_histogram
from tests.support.wal import histogram


def of_buckets(counts: dict[int, float], *, schema: int = 0, is_float: bool = False) -> Histogram:
    """Return a histogram with these positive buckets, and the count that fits them."""
    side = place_buckets(counts, is_float=is_float)
    return msgspec.structs.replace(
        histogram(schema=schema, is_float=is_float),
        zero_count=0,
        count=sum(counts.values()),
        positive_spans=side.spans,
        positive_buckets=side.values,
        negative_spans=(),
        negative_buckets=(),
        custom_bounds=(),
    )


def counts_of(of: Histogram) -> dict[int, float]:
    """Return the positive buckets by index."""
    indices: list[int] = []
    at = 0
    for span in of.positive_spans:
        at += span.offset
        indices += range(at, at + span.length)
        at += span.length
    return dict(zip(indices, of.positive_counts(), strict=True))


def test_buckets_side_by_side_share_a_span() -> None:
    """An integer side has deltas, a float side the counts; a span's offset is from the last end."""
    counts = {-2: 3, -1: 5, 4: 1}
    spans = (Span(-2, 2), Span(4, 1))
    assert place_buckets(counts, is_float=False) == Buckets(spans, (3, 2, -4))
    assert place_buckets(counts, is_float=True) == Buckets(spans, (3, 5, 1))


def test_a_short_gap_is_filled_where_that_is_allowed() -> None:
    """A converted histogram keeps up to two empty buckets, as Prometheus's does."""
    counts = {0: 1, 3: 1, 7: 1}
    side = place_buckets(counts, is_float=True, max_empty=2)
    assert side == Buckets((Span(0, 4), Span(3, 1)), (1, 0, 0, 1, 1))


def test_empty_buckets_and_spans_are_cut_out() -> None:
    """B4: the very same series must not change its layout with each empty bucket a target sends."""
    loose = msgspec.structs.replace(
        of_buckets({0: 1}),
        positive_spans=(Span(0, 0), Span(1, 3), Span(0, 1)),
        positive_buckets=(0, 2, -2, 4),
        count=6,
    )
    assert counts_of(compacted(loose)) == {2: 2, 4: 4}
    assert compacted(loose).positive_spans == (Span(2, 1), Span(1, 1))


def test_a_compact_histogram_is_left_alone() -> None:
    """The usual case costs nothing but the look."""
    compact = of_buckets({1: 1, 2: 3})
    assert compacted(compact) is compact


@pytest.mark.parametrize("is_float", [False, True])
def test_a_coarser_schema_adds_up_neighbors(is_float: bool) -> None:  # noqa: FBT001 - a parameter
    """S15: bucket i goes to ((i - 1) >> d) + 1."""
    fine = of_buckets({-3: 1, -2: 2, 0: 4, 1: 8, 2: 16, 3: 32}, schema=3, is_float=is_float)
    assert counts_of(reduced(fine, 2)) == {-1: 3, 0: 4, 1: 24, 2: 32}
    assert counts_of(reduced(fine, 1)) == {0: 7, 1: 56}
    assert reduced(fine, 1).schema == 1


@pytest.mark.parametrize(
    ("factor", "schema"),
    [
        (65536, -4), (256, -3), (16, -2), (4, -1), (2, 0), (1.4, 1), (1.1, 2), (1.09, 3),
        (1.04, 4), (1.02, 5), (1.01, 6), (1.005, 7), (1.002, 8), (0, 8), (1e300, -4), (1, 8),
    ],
)  # fmt: skip
def test_the_least_factor_sets_the_finest_schema(factor: float, schema: int) -> None:
    """S12: its table, and factors beyond it."""
    assert max_schema(factor) == schema


def test_only_exponential_histograms_are_brought_to_a_schema() -> None:
    """S12: custom bounds have no schema to reduce; a coarse histogram stays as it is."""
    custom, coarse = histogram(schema=-53), of_buckets({1: 1}, schema=-2)
    assert within_schema(custom, 0) is custom
    assert within_schema(coarse, 0) is coarse
    assert within_schema(of_buckets({1: 1}, schema=5), 0).schema == 0


def test_a_limit_is_met_by_the_finest_schema_that_can() -> None:
    """S13, TC075: schema 0 with six buckets fits into four at schema -1."""
    six = of_buckets(dict.fromkeys([1, 2, 3, 4, 5, 6], 1))
    assert within_limit(six, 6) is six
    assert within_limit(six, 4).schema == -1
    assert within_limit(six, 4).bucket_count == 3


def test_a_histogram_that_no_schema_makes_small_enough_is_refused() -> None:
    """S13: at schema -4 there is nothing left to merge."""
    wide = of_buckets({-1000: 1, 0: 1, 1000: 1})
    with pytest.raises(TooManyBucketsError, match=r"^histogram bucket limit exceeded$"):
        within_limit(wide, 2)


@pytest.mark.parametrize("schema", [-53, 20, -7])
def test_schemas_that_cannot_be_reduced_are_refused_at_once(schema: int) -> None:
    """S13, S15, TC076: custom bounds, and the reserved schemas."""
    with pytest.raises(TooManyBucketsError):
        within_limit(of_buckets({1: 1, 2: 1, 3: 1}, schema=schema), 2)


@given(
    st.dictionaries(st.integers(-500, 500), st.integers(0, 1 << 50), max_size=40),
    st.integers(-4, 8),
    st.booleans(),
)
def test_merging_loses_no_observation(
    counts: dict[int, float],
    schema: int,
    is_float: bool,  # noqa: FBT001 - a parameter
) -> None:
    """S15: the counts of the buckets add up to the same, and the result is a valid histogram."""
    fine = of_buckets(counts, schema=8, is_float=is_float)
    coarse = reduced(fine, schema)
    check_histogram(coarse)
    assert sum(counts_of(coarse).values()) == sum(counts.values())
    assert compacted(coarse) is coarse
