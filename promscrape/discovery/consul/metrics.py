"""What all Consul providers of the process count."""

from typing import final

from prometheus_client import CollectorRegistry, Counter

from promscrape.summary import Summary

_RANKS = (0.5, 0.9, 0.99)


@final
class ConsulMetrics:
    """Calls of the catalog: `services` are its lists, `service` the health of one (C-18)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_consul_rpc_failures",
            "Calls of Consul's API that failed.",
            registry=registry,
        )
        durations = Summary(
            "prometheus_sd_consul_rpc_duration_seconds",
            "How long calls of Consul's API took, failed ones included.",
            ("endpoint", "call"),
            ranks=_RANKS,
            registry=registry,
        )
        self.services = durations.labels("catalog", "services")
        self.service = durations.labels("catalog", "service")
