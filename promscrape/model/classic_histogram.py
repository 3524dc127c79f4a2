"""From the cumulative buckets of a classic histogram to one sample with custom bounds (S25)."""

import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import final

from promscrape.model.buckets import compacted
from promscrape.model.histogram import CUSTOM_BUCKETS_SCHEMA, CounterReset, Histogram, Span

_INTEGERS_KEPT_EMPTY = 2
"""So many empty buckets between two others Prometheus keeps in a histogram of integers."""

_INT64_END = 2.0**63


@final
class ClassicHistogram:
    """What is known of one histogram, gathered in any order; `converted` judges it.

    The first mention of a bound counts, and of the count and the sum the last.
    """

    def __init__(self) -> None:
        self.count: float | None = None
        self.sum = 0.0
        self._bounds: list[float] = []
        self._counts: list[float] = []

    def add_bucket(self, bound: float, count: float) -> None:
        """Take in a bucket; raises ValueError where it cannot be one of this histogram."""
        if math.isnan(bound):
            raise ValueError("bucket boundary must not be NaN")
        if count < 0:
            raise ValueError(f"bucket count must be non-negative: le={bound:g}, count={count:g}")
        bounds, counts = self._bounds, self._counts
        at = bisect_left(bounds, bound) if bounds and bounds[-1] >= bound else len(bounds)
        if at < len(bounds):
            if bounds[at] == bound:
                return
            if count > counts[at]:
                raise ValueError(f"count is not cumulative: {count:g} > {counts[at]:g}")
        if at and count < counts[at - 1]:
            raise ValueError(f"count is not cumulative: {count:g} < {counts[at - 1]:g}")
        bounds.insert(at, bound)
        counts.insert(at, count)

    def converted(self, counter_reset: CounterReset = CounterReset.UNKNOWN) -> Histogram:
        """Return the histogram with custom bounds; raises ValueError where there is none."""
        count = self.count
        if count is None:
            if not self._counts:
                raise ValueError("count must be provided when no buckets are present")
            count = self._counts[-1]
        if count < 0:
            raise ValueError(f"count must be non-negative: count={count:g}")
        cumulative, bounds = [*self._counts], [*self._bounds]
        if bounds and bounds[-1] == math.inf:
            bounds.pop()
        else:
            if cumulative and count < cumulative[-1]:
                raise ValueError(f"count is not cumulative: {count:g} < {cumulative[-1]:g}")
            cumulative.append(count)
        if cumulative[-1] != count:
            raise ValueError(f"count mismatch: count={count:g} != le=+Inf count={cumulative[-1]:g}")
        is_float = not all(number.is_integer() and number < _INT64_END for number in cumulative)
        return compacted(
            Histogram(
                is_float=is_float,
                counter_reset=counter_reset,
                schema=CUSTOM_BUCKETS_SCHEMA,
                zero_threshold=0.0,
                zero_count=0,
                count=count if is_float else int(count),
                sum=self.sum,
                positive_spans=(Span(0, len(cumulative)),),
                negative_spans=(),
                positive_buckets=_buckets(cumulative, is_float=is_float),
                negative_buckets=(),
                custom_bounds=tuple(bounds),
            ),
            0 if is_float else _INTEGERS_KEPT_EMPTY,
        )


def _buckets(cumulative: Iterable[float], *, is_float: bool) -> tuple[float, ...]:
    """Return the values of buckets as a histogram has them: counts, or differences of counts."""
    values: list[float] = []
    before = before_count = 0.0
    for number in cumulative:
        count = number - before
        values.append(count if is_float else int(count - before_count))
        before, before_count = number, count
    return tuple(values)
