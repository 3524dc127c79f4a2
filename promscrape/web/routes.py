"""The route table of the HTTP service."""

from http import HTTPStatus

from aiohttp.web_request import BaseRequest
from prometheus_client import CollectorRegistry

from promscrape.web.api.metadata import metadata_routes
from promscrape.web.api.pools import pool_routes
from promscrape.web.api.remote_write import remote_write_routes
from promscrape.web.api.status import status_routes
from promscrape.web.api.targets import target_routes
from promscrape.web.api.unavailable import unavailable_routes
from promscrape.web.management import management_routes
from promscrape.web.metrics import WebMetrics
from promscrape.web.options import WebOptions
from promscrape.web.pages import page_routes
from promscrape.web.reply import Reply
from promscrape.web.router import API, Route
from promscrape.web.self_metrics import self_metrics_routes
from promscrape.web.state import Service


def routes(
    service: Service, options: WebOptions, registry: CollectorRegistry, metrics: WebMetrics
) -> list[Route]:
    """Return all routes; docs/http_api.md describes each."""
    return [
        *management_routes(service, options),
        *self_metrics_routes(registry, metrics),
        *page_routes(service, options),
        Route("OPTIONS", f"{API}/*path", _preflight, gated=True),
        *target_routes(service, options),
        *pool_routes(service),
        *metadata_routes(service),
        *status_routes(service, options),
        *remote_write_routes(service),
        *unavailable_routes(),
    ]


async def _preflight(_: BaseRequest) -> Reply:
    return Reply(HTTPStatus.NO_CONTENT)
