"""The metrics of discovery, by Prometheus's names (discovery specification, 1.6)."""

from collections.abc import Collection
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promscrape.summary import Summary

RANKS = (0.5, 0.9, 0.99)
_BUCKETS = (0.01, 0.1, 1, 10)


@final
class DiscoveryMetrics:
    """What the discovery manager moves. `name` tells managers apart; there is one, `scrape`."""

    def __init__(self, registry: CollectorRegistry, name: str = "scrape") -> None:
        self._name = name
        self.failed_configs = Gauge(
            "prometheus_sd_failed_configs",
            "Discovery configurations that could not be put to use.",
            ("name",),
            registry=registry,
        ).labels(name)
        self.received_updates = Counter(
            "prometheus_sd_received_updates",
            "Lists of target groups that came from providers.",
            ("name",),
            registry=registry,
        ).labels(name)
        self.updates_delayed = Counter(
            "prometheus_sd_updates_delayed",
            "Target sets that could not be handed on at once, and were tried again.",
            ("name",),
            registry=registry,
        ).labels(name)
        self.updates = Counter(
            "prometheus_sd_updates",
            "Target sets that were handed on.",
            ("name",),
            registry=registry,
        ).labels(name)
        self._discovered = Gauge(
            "prometheus_sd_discovered_targets",
            "Targets that discovery knows of.",
            ("name", "config"),
            registry=registry,
        )
        self._last_update = Gauge(
            "prometheus_sd_last_update_timestamp_seconds",
            "When the targets were last handed on.",
            ("name", "config"),
            registry=registry,
        )
        self.crashes = Counter(
            "promscrape_sd_provider_crashes",
            "Providers that ended with an error nobody foresaw, and were started again.",
            ("provider",),
            registry=registry,
        )
        self.refreshes = RefreshMetrics(registry)

    def note_new_set(self, job: str) -> None:
        self._discovered.labels(self._name, job).set(0)

    def note_set(self, job: str, targets: int, now_s: float) -> None:
        self._discovered.labels(self._name, job).set(targets)
        self._last_update.labels(self._name, job).set(now_s)

    def forget_set(self, job: str) -> None:
        for gauge in (self._discovered, self._last_update):
            gauge.remove(self._name, job)


@final
class RefreshMetrics:
    """What polling providers move, by their kind (`mechanism`) and the first of their jobs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_refresh_failures",
            "Refreshes that failed.",
            ("mechanism", "config"),
            registry=registry,
        )
        self.duration = Summary(
            "prometheus_sd_refresh_duration_seconds",
            "How long refreshes took.",
            ("mechanism", "config"),
            ranks=RANKS,
            registry=registry,
        )
        self.duration_histogram = Histogram(
            "prometheus_sd_refresh_duration_histogram_seconds",
            "How long refreshes took, over all jobs.",
            ("mechanism",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._shown: set[tuple[str, str]] = set()

    def show(self, mechanism: str, job: str) -> None:
        """Expose the series of a provider, which has not been refreshed yet."""
        self._shown.add((mechanism, job))
        self.failures.labels(mechanism, job)
        self.duration.labels(mechanism, job)
        self.duration_histogram.labels(mechanism)

    def keep(self, used: Collection[tuple[str, str]]) -> None:
        """Forget the series of all mechanisms and jobs but these; histograms stay."""
        for gone in self._shown.difference(used):
            self.failures.remove(*gone)
            self.duration.remove(*gone)
        self._shown.intersection_update(used)


@final
class RefreshSeries:
    """The series of one polling provider. `job` changes when its first job leaves it."""

    def __init__(self, metrics: RefreshMetrics, mechanism: str, job: str) -> None:
        self._metrics, self.mechanism, self.job = metrics, mechanism, job
        self._is_shown = False

    def show(self) -> None:
        self._is_shown = True
        self._metrics.show(self.mechanism, self.job)

    def move(self, job: str) -> None:
        self.job = job
        if self._is_shown:
            self.show()

    def note_failure(self) -> None:
        self._metrics.failures.labels(self.mechanism, self.job).inc()

    def observe(self, seconds: float) -> None:
        self._metrics.duration.labels(self.mechanism, self.job).observe(seconds)
        self._metrics.duration_histogram.labels(self.mechanism).observe(seconds)
