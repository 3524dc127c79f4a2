"""Summaries with quantiles, which prometheus_client leaves out and Prometheus's dashboards use.

Each child keeps its last `WINDOW` observations and sorts them when it is collected, so that an
observation costs an append. The quantiles are therefore exact over the recent observations,
where Prometheus's own are estimates over the last ten minutes.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from typing import final

from prometheus_client import CollectorRegistry
from prometheus_client.core import SummaryMetricFamily
from prometheus_client.registry import Collector

WINDOW = 1024


@final
class _Child:
    __slots__ = ("_recent", "count", "sum")

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self.count, self.sum = 0, 0.0

    def observe(self, amount: float) -> None:
        self._recent.append(amount)
        self.count += 1
        self.sum += amount

    def quantiles(self, ranks: Sequence[float]) -> list[float]:
        ordered = sorted(self._recent)
        if not ordered:
            return [math.nan] * len(ranks)
        return [ordered[min(int(rank * len(ordered)), len(ordered) - 1)] for rank in ranks]


@final
class Summary(Collector):
    """A summary metric. `ranks` are the quantiles to expose; without any, only sum and count."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str] = (),
        *,
        ranks: Sequence[float] = (),
        registry: CollectorRegistry,
    ) -> None:
        self._name, self._documentation = name, documentation
        self._labelnames, self._ranks = tuple(labelnames), tuple(ranks)
        self._children: dict[tuple[str, ...], _Child] = {}
        if not labelnames:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> _Child:
        """Return the child for these label values, made on first use."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = _Child()
        return child

    def observe(self, amount: float) -> None:
        """Observe on a summary without labels."""
        self.labels().observe(amount)

    def remove(self, *values: str) -> None:
        """Forget the child for these label values, if there is one."""
        self._children.pop(values, None)

    def describe(self) -> Iterable[SummaryMetricFamily]:
        return [SummaryMetricFamily(self._name, self._documentation, labels=self._labelnames)]

    def collect(self) -> Iterable[SummaryMetricFamily]:
        family = SummaryMetricFamily(self._name, self._documentation, labels=self._labelnames)
        for values, child in list(self._children.items()):
            labels = dict(zip(self._labelnames, values, strict=True))
            for rank, value in zip(self._ranks, child.quantiles(self._ranks), strict=True):
                family.add_sample(self._name, {**labels, "quantile": str(rank)}, value)
            family.add_sample(f"{self._name}_sum", labels, child.sum)
            family.add_sample(f"{self._name}_count", labels, child.count)
        yield family
