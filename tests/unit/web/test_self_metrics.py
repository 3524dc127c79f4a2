import gzip
from collections.abc import Iterable

import pytest
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from tests.support.service import FakeService, serving


class Broken(Collector):
    def collect(self) -> Iterable[Metric]:
        raise LookupError("no such thing")

    def describe(self) -> Iterable[Metric]:
        return []


async def test_metrics_are_text_that_a_prometheus_reads() -> None:
    """Service 10, 59: format 0.0.4, whatever the client accepts."""
    registry = CollectorRegistry()
    Gauge("a_gauge", "Help.", ["name"], registry=registry).labels('quote " and \n').set(1.5)
    async with serving(FakeService(), registry=registry) as client:
        answer = await client.get("/metrics", {"Accept": "application/openmetrics-text"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    (sample,) = families["a_gauge"].samples
    assert (sample.labels, sample.value) == ({"name": 'quote " and \n'}, 1.5)
    assert "prometheus_http_requests" in families


async def test_metrics_are_compressed_on_request() -> None:
    """Service 10: a scrape costs the network a tenth."""
    async with serving(FakeService()) as client:
        answer = await client.get("/metrics", {"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body).startswith(b"# HELP ")


async def test_scrapes_of_the_metrics_are_counted_in_them() -> None:
    """Service 10: a scrape counts itself as in flight, and is counted in the next one."""
    registry = CollectorRegistry()

    def sample(line: str) -> bool:
        return any(line == own for own in answer.text.splitlines())

    async with serving(FakeService(), registry=registry) as client:
        answer = await client.get("/metrics")
        assert sample("promhttp_metric_handler_requests_in_flight 1.0")
        assert sample('promhttp_metric_handler_requests_total{code="200"} 0.0')
        assert sample('promhttp_metric_handler_requests_total{code="500"} 0.0')
        answer = await client.get("/metrics")
        assert sample("promhttp_metric_handler_requests_in_flight 1.0")
        assert sample('promhttp_metric_handler_requests_total{code="200"} 1.0')


async def test_a_collector_that_fails_is_500(caplog: pytest.LogCaptureFixture) -> None:
    """Service 10: half of the metrics would look like the other half had vanished."""
    registry, broken = CollectorRegistry(), Broken()
    async with serving(FakeService(), registry=registry) as client:
        registry.register(broken)
        assert (await client.get("/metrics")).status == 500
    registry.unregister(broken)
    assert "no such thing" in caplog.text
    assert registry.get_sample_value("promhttp_metric_handler_requests_in_flight") == 0
    failed = registry.get_sample_value("promhttp_metric_handler_requests_total", {"code": "500"})
    assert failed == 1
