"""How long it was from one scrape of a target to the next, as a summary and as a histogram.

Both are of the same observations, one a scrape, and are moved together: prometheus_client's own
histogram, with a lock for each of its numbers, would cost more than the commit of a small scrape.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, final

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from promscrape.summary import Summary

_NAME: Final = "prometheus_target_interval_length_seconds"
_HISTOGRAM_NAME: Final = "prometheus_target_interval_length_histogram_seconds"
_TEXT: Final = "Actual time between the starts of two scrapes."
_RANKS: Final = (0.01, 0.05, 0.5, 0.9, 0.99)
_BOUNDS: Final = (0.01, 0.1, 1, 10)
_BOUND_TEXTS: Final = (*(str(float(bound)) for bound in _BOUNDS), "+Inf")


@final
class _Child:
    """The observations of all targets with one interval."""

    __slots__ = ("_observe", "counts", "sum")

    def __init__(self, summary: Summary, interval: str) -> None:
        self._observe = summary.labels(interval).observe
        self.counts = [0] * len(_BOUND_TEXTS)  # each bucket's own
        self.sum = 0.0

    def observe(self, length_s: float) -> None:
        self._observe(length_s)
        self.counts[bisect_left(_BOUNDS, length_s)] += 1
        self.sum += length_s


@final
class IntervalLength(Collector):
    """Registers itself in `registry`, once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._summary = Summary(_NAME, _TEXT, ("interval",), ranks=_RANKS, registry=registry)
        self._children: dict[str, _Child] = {}
        registry.register(self)

    def labels(self, interval: str) -> _Child:
        """Return what the targets of this interval share, made on first use."""
        child = self._children.get(interval)
        if child is None:
            child = self._children[interval] = _Child(self._summary, interval)
        return child

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(_HISTOGRAM_NAME, _TEXT, labels=("interval",))]

    def collect(self) -> Iterable[Metric]:
        family = HistogramMetricFamily(_HISTOGRAM_NAME, _TEXT, labels=("interval",))
        for interval, child in list(self._children.items()):
            below, buckets = 0, list[tuple[str, float]]()
            for bound, count in zip(_BOUND_TEXTS, child.counts, strict=True):
                below += count
                buckets.append((bound, below))
            family.add_metric((interval,), buckets, child.sum)
        yield family
