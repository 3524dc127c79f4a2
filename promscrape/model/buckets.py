"""The buckets of native histograms: made few, and kept within a limit.

Rules S12, S13 and S15; source: Prometheus model/histogram/generic.go.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from promscrape.model.histogram import (
    CUSTOM_BUCKETS_SCHEMA,
    MAX_SCHEMA,
    MIN_SCHEMA,
    Histogram,
    Span,
)

_SMALLEST_FACTOR = 1.00271
"""That of schema 8: what is asked for below it cannot be had."""


class TooManyBucketsError(ValueError):
    """A histogram has more buckets than allowed in the coarsest schema that it may have."""


class Buckets(msgspec.Struct, frozen=True):
    """One side of a histogram as the log has it: where the buckets are, and their values."""

    spans: tuple[Span, ...] = ()
    values: tuple[float, ...] = ()


def place_buckets(counts: Mapping[int, float], *, is_float: bool, max_empty: int = 0) -> Buckets:
    """Return the side whose buckets hold `counts`, by index; empty ones are left out.

    max_empty: as many empty buckets between two others are kept, since a span costs more.
    """
    runs: list[tuple[int, int]] = []
    values: list[float] = []
    for index in sorted(index for index, count in counts.items() if count):
        start, end = runs[-1] if runs else (index, index)
        if runs and index - end <= max_empty:
            values += [0] * (index - end)
            runs[-1] = (start, index + 1)
        else:
            runs.append((index, index + 1))
        values.append(counts[index])
    starts = [0, *(end for _, end in runs)]
    spans = tuple(
        Span(start - before, end - start)
        for before, (start, end) in zip(starts, runs, strict=False)
    )
    return Buckets(spans, tuple(values if is_float else _deltas(values)))


def _deltas(values: Iterable[float]) -> Iterator[float]:
    before: float = 0
    for value in values:
        yield value - before
        before = value


def compacted(histogram: Histogram, max_empty: int = 0) -> Histogram:
    """Return the histogram without empty buckets and spans; the very same where it has none."""
    if _is_compact(histogram.positive_spans, histogram.positive_counts()) and _is_compact(
        histogram.negative_spans, histogram.negative_counts()
    ):
        return histogram
    return _moved(histogram, histogram.schema, lambda index: index, max_empty)


def _is_compact(spans: Sequence[Span], counts: Iterable[float]) -> bool:
    return (
        all(span.length for span in spans)
        and all(span.offset for span in spans[1:])
        and 0 not in counts
    )


def reduced(histogram: Histogram, schema: int) -> Histogram:
    """Return an exponential histogram merged down to a coarser schema (S15)."""
    shift = histogram.schema - schema
    return _moved(histogram, schema, lambda index: ((index - 1) >> shift) + 1)


def _moved(
    histogram: Histogram, schema: int, move: Callable[[int], int], max_empty: int = 0
) -> Histogram:
    """Return the histogram with each bucket's count added to that of the index it moves to."""
    sides = []
    for spans, counts in (
        (histogram.positive_spans, histogram.positive_counts()),
        (histogram.negative_spans, histogram.negative_counts()),
    ):
        moved: dict[int, float] = {}
        for index, count in zip(_indices(spans), counts, strict=True):
            target = move(index)
            moved[target] = moved.get(target, 0) + count
        sides.append(place_buckets(moved, is_float=histogram.is_float, max_empty=max_empty))
    positive, negative = sides
    return msgspec.structs.replace(
        histogram,
        schema=schema,
        positive_spans=positive.spans,
        negative_spans=negative.spans,
        positive_buckets=positive.values,
        negative_buckets=negative.values,
    )


def _indices(spans: Iterable[Span]) -> Iterator[int]:
    at = 0
    stretches = []
    for span in spans:
        at += span.offset
        stretches.append(range(at, at + span.length))
        at += span.length
    return chain.from_iterable(stretches)


def max_schema(min_bucket_factor: float) -> int:
    """Return the finest schema whose buckets grow by this factor at least (S12)."""
    factor = max(min_bucket_factor, _SMALLEST_FACTOR) if min_bucket_factor > 1 else _SMALLEST_FACTOR
    finest = math.floor(-math.log2(math.log2(factor)))
    return min(max(finest, MIN_SCHEMA), MAX_SCHEMA)


def within_schema(histogram: Histogram, schema: int) -> Histogram:
    """Return the histogram in this schema at the finest; custom bounds stay as they are."""
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA or histogram.schema <= schema:
        return histogram
    return reduced(histogram, schema)


def within_limit(histogram: Histogram, limit: int) -> Histogram:
    """Return the histogram merged down until no more than `limit` buckets are populated (S13).

    Raises TooManyBucketsError where no allowed schema makes it small enough.
    """
    while histogram.bucket_count > limit:
        if not MIN_SCHEMA < histogram.schema <= MAX_SCHEMA:
            raise TooManyBucketsError("histogram bucket limit exceeded")
        histogram = reduced(histogram, histogram.schema - 1)
    return histogram
