"""The metrics of the HTTP service, by Prometheus's names."""

from collections.abc import Iterable
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_DURATION_BUCKETS_S = (0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120)
_SIZE_BUCKETS_BYTES = tuple(10**power for power in range(2, 10))
_LISTENER = "http"


@final
class WebMetrics:
    """All counters that the HTTP service moves."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "prometheus_http_requests",
            "HTTP requests by route and status.",
            ("handler", "code"),
            registry=registry,
        )
        self._duration = Histogram(
            "prometheus_http_request_duration_seconds",
            "How long HTTP requests took.",
            ("handler",),
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        self._size = Histogram(
            "prometheus_http_response_size_bytes",
            "Size of the bodies of HTTP answers, compressed where they are.",
            ("handler",),
            buckets=_SIZE_BUCKETS_BYTES,
            registry=registry,
        )
        self.expositions_in_flight = Gauge(
            "promhttp_metric_handler_requests_in_flight",
            "Requests for /metrics that are being answered.",
            registry=registry,
        )
        self._make_counters(registry)

    def _make_counters(self, registry: CollectorRegistry) -> None:
        self.expositions = Counter(
            "promhttp_metric_handler_requests",
            "Requests for /metrics by status.",
            ("code",),
            registry=registry,
        )
        for code in ("200", "500", "503"):
            self.expositions.labels(code)
        accepted = Counter(
            "net_conntrack_listener_conn_accepted",
            "Connections that were accepted.",
            ("listener_name",),
            registry=registry,
        )
        closed = Counter(
            "net_conntrack_listener_conn_closed",
            "Accepted connections that were closed.",
            ("listener_name",),
            registry=registry,
        )
        self.accepted, self.closed = accepted.labels(_LISTENER), closed.labels(_LISTENER)

    def declare(self, handlers: Iterable[str]) -> None:
        """Let the routes' request counters stand at 0 before the first request."""
        for handler in handlers:
            self._requests.labels(handler, "200")

    def observe(self, handler: str, status: int, took_s: float, body_bytes: int) -> None:
        """Count an answer to a request that had a route."""
        self._requests.labels(handler, str(status)).inc()
        self._duration.labels(handler).observe(took_s)
        self._size.labels(handler).observe(body_bytes)
