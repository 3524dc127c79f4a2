"""The metrics of Kubernetes discovery, by Prometheus's names (discovery specification, 1.6)."""

from typing import Final, final

from prometheus_client import CollectorRegistry, Counter, Gauge

from promscrape.summary import Summary

ROLES: Final = ("node", "pod", "service", "endpoints", "endpointslice", "ingress")
EVENTS: Final = ("add", "update", "delete")
NO_ANSWER: Final = "<error>"
"""What stands for the status code of a request that got no answer."""

_PREFIX = "prometheus_sd_kubernetes"


@final
class KubernetesMetrics:
    """What the providers of all jobs move together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        events = Counter(
            f"{_PREFIX}_events",
            "Changes of objects that were seen.",
            ("role", "event"),
            registry=registry,
        )
        self._events = {
            (role, event): events.labels(role, event) for role in ROLES for event in EVENTS
        }
        self.failures = Counter(
            f"{_PREFIX}_failures",
            "Lists and watches that ended in an error.",
            registry=registry,
        )
        self._requests = Counter(
            f"{_PREFIX}_http_request",
            "Answers of the API server, by their status.",
            ("status_code",),
            registry=registry,
        )
        self._request_duration = Summary(
            f"{_PREFIX}_http_request_duration_seconds",
            "How long the API server took to begin its answers.",
            ("endpoint",),
            registry=registry,
        )
        self._make_queue_metrics(registry)

    def _make_queue_metrics(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"{_PREFIX}_workqueue_{name}", text, ("queue_name",), registry=registry)

        def summary(name: str, text: str) -> Summary:
            full_name = f"{_PREFIX}_workqueue_{name}"
            return Summary(full_name, text, ("queue_name",), registry=registry)

        self.queue_depth = gauge("depth", "Objects that wait for their group to be made.")
        self.queue_unfinished = gauge(
            "unfinished_work_seconds", "How long the work that is under way has taken so far."
        )
        self.queue_longest = gauge(
            "longest_running_processor_seconds", "How long the longest piece of it has taken."
        )
        self.queue_items = Counter(
            f"{_PREFIX}_workqueue_items",
            "Objects that were put into the queue.",
            ("queue_name",),
            registry=registry,
        )
        self.queue_latency = summary("latency_seconds", "How long objects waited in the queue.")
        self.queue_work = summary(
            "work_duration_seconds", "How long it took to make the group of an object."
        )

    def note_event(self, role: str, event: str) -> None:
        self._events[role, event].inc()

    def note_answer(self, path: str, status: int | str, duration_s: float) -> None:
        """Count an answer, or NO_ANSWER, and how long it was waited for."""
        self._requests.labels(str(status)).inc()
        self._request_duration.labels(path).observe(duration_s)
