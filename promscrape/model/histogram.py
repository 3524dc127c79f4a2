"""Native histograms: sparse exponential buckets, or custom bounds (schema -53).

A bucket has an index; the spans say which indices the bucket values stand for. With an
exponential schema s, bucket i of the positive side reaches up to 2**(i * 2**-s); with custom
bounds bucket i reaches up to `custom_bounds[i]`, and the one behind the last bound to infinity.
"""

from collections.abc import Iterable
from enum import IntEnum
from itertools import accumulate

import msgspec

from promscrape.model.sample import STALE_NAN

CUSTOM_BUCKETS_SCHEMA = -53
MIN_SCHEMA = -4
MAX_SCHEMA = 8
EXPONENTIAL_SCHEMAS = range(-9, 53)
"""Those beyond `MIN_SCHEMA` and `MAX_SCHEMA` are reserved."""


class CounterReset(IntEnum):
    """What is known of a reset before this histogram; the numbers are the log's."""

    UNKNOWN = 0
    RESET = 1
    NOT_RESET = 2
    GAUGE = 3


class Span(msgspec.Struct, frozen=True):
    """A run of `length` buckets, `offset` buckets after the end of the run before."""

    offset: int
    length: int


class Histogram(msgspec.Struct, frozen=True):
    """One histogram sample.

    Where `is_float` is false, bucket values are deltas to the bucket before, as on the wire;
    where it is true they are absolute. `custom_bounds` holds the upper bounds of schema -53.
    A stale marker is a histogram whose `sum` is the stale NaN.
    """

    is_float: bool
    counter_reset: CounterReset
    schema: int
    zero_threshold: float
    zero_count: float
    count: float
    sum: float
    positive_spans: tuple[Span, ...]
    negative_spans: tuple[Span, ...]
    positive_buckets: tuple[float, ...]
    negative_buckets: tuple[float, ...]
    custom_bounds: tuple[float, ...] = ()

    @property
    def has_custom_bounds(self) -> bool:
        return self.schema == CUSTOM_BUCKETS_SCHEMA

    @property
    def bucket_count(self) -> int:
        """How many buckets are populated, the zero bucket left out."""
        return len(self.positive_buckets) + len(self.negative_buckets)

    def positive_counts(self) -> Iterable[float]:
        """Return what each positive bucket holds, in the order of the spans."""
        return self.positive_buckets if self.is_float else accumulate(self.positive_buckets)

    def negative_counts(self) -> Iterable[float]:
        """Return what each negative bucket holds, in the order of the spans."""
        return self.negative_buckets if self.is_float else accumulate(self.negative_buckets)


def stale_histogram(*, is_float: bool) -> Histogram:
    """Return the stale marker of a series of histograms (F3)."""
    return msgspec.structs.replace(_EMPTY, is_float=is_float, sum=STALE_NAN)


def empty_like(histogram: Histogram) -> Histogram:
    """Return what a histogram was when it began: no observations in the same kind of buckets."""
    return msgspec.structs.replace(
        _EMPTY,
        is_float=histogram.is_float,
        counter_reset=CounterReset.RESET,
        schema=histogram.schema,
        zero_threshold=histogram.zero_threshold,
        custom_bounds=histogram.custom_bounds,
    )


_EMPTY = Histogram(
    is_float=False,
    counter_reset=CounterReset.UNKNOWN,
    schema=0,
    zero_threshold=0.0,
    zero_count=0,
    count=0,
    sum=0.0,
    positive_spans=(),
    negative_spans=(),
    positive_buckets=(),
    negative_buckets=(),
)
