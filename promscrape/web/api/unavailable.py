"""The endpoints of a Prometheus server that an agent has not."""

from aiohttp.web_request import BaseRequest

from promscrape.web.api.envelope import ApiError, ErrorType, api_route
from promscrape.web.router import Route

_ENDPOINTS = {
    ("GET", "POST"): (
        "/query",
        "/query_range",
        "/query_exemplars",
        "/format_query",
        "/parse_query",
        "/labels",
        "/series",
    ),
    ("GET",): (
        "/label/:name/values",
        "/alertmanagers",
        "/alerts",
        "/rules",
        "/status/tsdb",
        "/status/tsdb/blocks",
    ),
    ("POST", "PUT"): (
        "/admin/tsdb/delete_series",
        "/admin/tsdb/clean_tombstones",
        "/admin/tsdb/snapshot",
    ),
}


def unavailable_routes() -> list[Route]:
    return [
        api_route(path, _unavailable, method=method)
        for methods, paths in _ENDPOINTS.items()
        for path in paths
        for method in methods
    ]


async def _unavailable(_: BaseRequest) -> object:
    raise ApiError(ErrorType.EXECUTION, "unavailable with Prometheus Agent")
