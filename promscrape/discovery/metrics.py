"""The metrics of discovery, by Prometheus's names (discovery specification, 1.6)."""

from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge


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

    def note_set(self, job: str, targets: int, now_s: float) -> None:
        self._discovered.labels(self._name, job).set(targets)
        self._last_update.labels(self._name, job).set(now_s)

    def forget_set(self, job: str) -> None:
        self._discovered.remove(self._name, job)
        self._last_update.remove(self._name, job)
