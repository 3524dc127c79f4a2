"""Native histograms: sparse exponential buckets, or custom bounds (schema -53)."""

from dataclasses import dataclass
from enum import IntEnum


class CounterReset(IntEnum):
    """What is known of a reset before this histogram; the numbers are the log's."""

    UNKNOWN = 0
    RESET = 1
    NOT_RESET = 2
    GAUGE = 3


@dataclass(frozen=True, slots=True)
class Span:
    """A run of `length` buckets, `offset` buckets after the end of the run before."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """One histogram sample.

    Where `is_float` is false, bucket values are deltas to the bucket before, as on the wire;
    where it is true they are absolute. `custom_bounds` holds the upper bounds of schema -53.
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
