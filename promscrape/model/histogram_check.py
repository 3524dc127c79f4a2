"""What makes a native histogram valid. Source: Prometheus model/histogram, Validate."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from promscrape.model.histogram import EXPONENTIAL_SCHEMAS, Histogram, Span

_INT64_MAX = (1 << 63) - 1


def check_histogram(histogram: Histogram) -> None:
    """Raise ValueError, with the reason, for a histogram that no storage may take."""
    if histogram.has_custom_bounds:
        _check_custom(histogram)
    elif histogram.schema not in EXPONENTIAL_SCHEMAS:
        raise ValueError(f"histogram has an invalid schema, which is {histogram.schema}")
    elif histogram.custom_bounds:
        raise ValueError("histogram with exponential schema must not have custom bounds")
    sides = (
        ("positive", histogram.positive_spans, histogram.positive_counts()),
        ("negative", histogram.negative_spans, histogram.negative_counts()),
    )
    total: float = histogram.zero_count
    for side, spans, counts in sides:
        held = list(counts)
        _check_spans(side, spans, len(held))
        _check_counts(side, held, is_float=histogram.is_float)
        total += math.fsum(held) if histogram.is_float else sum(held)
    if not histogram.is_float:
        _check_total(histogram, total)
    elif histogram.count < 0 or histogram.zero_count < 0:
        raise ValueError("histogram has a negative count")


def _check_custom(histogram: Histogram) -> None:
    bounds = histogram.custom_bounds
    if histogram.zero_count or histogram.zero_threshold:
        raise ValueError("custom buckets: histogram must not have a zero bucket")
    if histogram.negative_spans or histogram.negative_buckets:
        raise ValueError("custom buckets: histogram must not have negative buckets")
    if any(math.isnan(bound) for bound in bounds):
        raise ValueError("custom buckets: bucket bound must not be NaN")
    if any(after <= before for before, after in pairwise(bounds)):
        raise ValueError("custom buckets: bucket bounds must ascend")
    if bounds and bounds[-1] == math.inf:
        raise ValueError("custom buckets: the last bound must be finite")
    reach = sum(span.offset + span.length for span in histogram.positive_spans)
    if reach > len(bounds) + 1:
        raise ValueError(
            f"custom buckets: only {len(bounds)} bounds for spans that reach to bucket {reach}"
        )


def _check_spans(side: str, spans: Sequence[Span], buckets: int) -> None:
    for number, span in enumerate(spans[1:], start=2):
        if span.offset < 0:
            raise ValueError(f"{side} side: span number {number} has offset {span.offset}")
    needed = sum(span.length for span in spans)
    if needed != buckets:
        raise ValueError(f"{side} side: spans require {needed} buckets, have {buckets}")


def _check_counts(side: str, counts: Iterable[float], *, is_float: bool) -> None:
    for number, count in enumerate(counts, start=1):
        if count < 0:
            raise ValueError(f"{side} side: bucket number {number} has observation count {count:g}")
        if not is_float and count > _INT64_MAX:
            raise ValueError(f"{side} side: bucket number {number} has more than {_INT64_MAX}")


def _check_total(histogram: Histogram, total: float) -> None:
    """Check the count against the buckets: observations of NaN are in none of them."""
    if math.isnan(histogram.sum):
        if total > histogram.count:
            raise ValueError(
                f"{total} observations found in buckets, but the count is {histogram.count}"
            )
    elif total != histogram.count:
        raise ValueError(
            f"{total} observations found in buckets, but the count is {histogram.count}"
        )
