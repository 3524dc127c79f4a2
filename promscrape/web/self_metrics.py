"""`/metrics`: what this process says of itself, for a Prometheus to scrape."""

import asyncio
from collections.abc import Iterable
from typing import final

from aiohttp.web_request import BaseRequest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from promscrape.web.metrics import WebMetrics
from promscrape.web.pacing import paced
from promscrape.web.reply import Reply
from promscrape.web.router import Route

# With two hundred jobs, which is two hundred samples a family, these take 2 ms.
_FAMILIES_AT_A_TIME = 4

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@final
class _Collected(Collector):
    """Families that were collected before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def self_metrics_routes(registry: CollectorRegistry, metrics: WebMetrics) -> list[Route]:
    async def exposition(_: BaseRequest) -> Reply:
        code = "500"
        try:
            with metrics.expositions_in_flight.track_inprogress():
                body = await _exposition(registry)
            code = "200"
        finally:
            metrics.expositions.labels(code).inc()
        return Reply(body=body, content_type=CONTENT_TYPE, compressible=True)

    return [Route("GET", "/metrics", exposition)]


async def _exposition(registry: CollectorRegistry) -> bytes:
    # Collectors read what the event loop's thread changes, so they are asked there, and may be
    # kept waiting between two families. Writing the text takes twice as long (7,600 samples:
    # 40 ms after 20 ms), and can be done elsewhere.
    families = [family async for family in paced(registry.collect(), _FAMILIES_AT_A_TIME)]
    return await asyncio.to_thread(generate_latest, _Collected(families))
