import math

import msgspec
import pytest

from promscrape.model.histogram import Histogram, Span, stale_histogram
from promscrape.model.histogram_check import check_histogram
from promscrape.model.sample import is_stale

INTEGER = Histogram(
    is_float=False,
    counter_reset=stale_histogram(is_float=False).counter_reset,
    schema=0,
    zero_threshold=0.001,
    zero_count=1,
    count=10,
    sum=1.5,
    positive_spans=(Span(-2, 2),),
    negative_spans=(Span(3, 1),),
    positive_buckets=(2, 1),
    negative_buckets=(4,),
)
FLOAT = msgspec.structs.replace(
    INTEGER, is_float=True, positive_buckets=(2.0, 3.0), negative_buckets=(4.0,), count=10.5
)
CUSTOM = msgspec.structs.replace(
    INTEGER,
    schema=-53,
    zero_threshold=0,
    zero_count=0,
    count=5,
    positive_spans=(Span(0, 2),),
    negative_spans=(),
    negative_buckets=(),
    custom_bounds=(0.5,),
)


@pytest.mark.parametrize("valid", [INTEGER, FLOAT, CUSTOM], ids=["integer", "float", "custom"])
def test_valid_histograms_pass(valid: Histogram) -> None:
    """Nothing that a client library makes may be refused."""
    check_histogram(valid)


@pytest.mark.parametrize("is_float", [False, True])
def test_a_stale_marker_is_valid_and_known_by_its_sum(is_float: bool) -> None:  # noqa: FBT001 - a parameter
    """F3: the sum carries the stale NaN."""
    marker = stale_histogram(is_float=is_float)
    check_histogram(marker)
    assert is_stale(marker.sum)


def test_observations_of_nan_are_in_no_bucket() -> None:
    """Their sum is NaN and the count may be above that of the buckets, but never below."""
    check_histogram(msgspec.structs.replace(INTEGER, sum=math.nan, count=12))
    with pytest.raises(ValueError, match="10 observations found in buckets, but the count is 9"):
        check_histogram(msgspec.structs.replace(INTEGER, sum=math.nan, count=9))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            msgspec.structs.replace(INTEGER, positive_buckets=(2,)),
            "positive side: spans require 2 buckets, have 1",
        ),
        (
            msgspec.structs.replace(INTEGER, negative_spans=()),
            "negative side: spans require 0 buckets, have 1",
        ),
        (
            msgspec.structs.replace(INTEGER, count=11),
            "10 observations found in buckets, but the count is 11",
        ),
        (
            msgspec.structs.replace(INTEGER, positive_buckets=(2, -3), count=6),
            "bucket number 2 has observation",
        ),
        (
            msgspec.structs.replace(FLOAT, negative_buckets=(-0.5,)),
            "negative side: bucket number 1 has observation",
        ),
        (msgspec.structs.replace(FLOAT, count=-1.0), "negative count"),
        (
            msgspec.structs.replace(INTEGER, positive_spans=(Span(5, 1), Span(-1, 1))),
            "positive side: span number 2 has offset -1",
        ),
        (msgspec.structs.replace(INTEGER, schema=53), "invalid schema, which is 53"),
        (msgspec.structs.replace(INTEGER, schema=-10), "invalid schema, which is -10"),
        (msgspec.structs.replace(INTEGER, custom_bounds=(1.0,)), "must not have custom bounds"),
        (msgspec.structs.replace(CUSTOM, zero_count=1), "must not have a zero bucket"),
        (
            msgspec.structs.replace(CUSTOM, negative_spans=(Span(0, 0),)),
            "must not have negative buckets",
        ),
        (msgspec.structs.replace(CUSTOM, custom_bounds=(math.nan,)), "must not be NaN"),
        (msgspec.structs.replace(CUSTOM, custom_bounds=(1.0, 1.0)), "must ascend"),
        (msgspec.structs.replace(CUSTOM, custom_bounds=(1.0, math.inf)), "must be finite"),
        (
            msgspec.structs.replace(CUSTOM, custom_bounds=()),
            "only 0 bounds for spans that reach to bucket 2",
        ),
    ],
)
def test_what_is_wrong_is_named(broken: Histogram, reason: str) -> None:
    """B2, L29: such a histogram fails the scrape, and the target's owner has to find it."""
    with pytest.raises(ValueError, match=reason):
        check_histogram(broken)
