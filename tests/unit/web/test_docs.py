"""docs/http_api.md lists the routes that there are, no more and no less."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from promscrape.web.metrics import WebMetrics
from promscrape.web.options import WebOptions
from promscrape.web.router import Route
from promscrape.web.routes import routes
from tests.support.service import FakeService, flags

DOCS = Path(__file__).parents[3] / "docs" / "http_api.md"


def all_routes() -> list[Route]:
    registry = CollectorRegistry()
    options = WebOptions.from_flags(flags())
    return routes(FakeService(), options, registry, WebMetrics(registry))


def test_the_documented_routes_are_the_served_ones() -> None:
    """Service 4.1, 5, 6: methods, paths and what waits for the daemon, each route once."""
    rows = re.findall(
        r"^\| ([A-Z]+) \| `(.+)` \| (yes|no) \| .+ \|$", DOCS.read_text(), re.MULTILINE
    )
    served = [(route.method, route.path, "yes" if route.gated else "no") for route in all_routes()]
    assert sorted(rows) == sorted(served)


def test_the_documented_parameters_belong_to_served_routes() -> None:
    """Service 6.3: a parameter of a route that is gone would mislead."""
    rows = re.findall(r"^\| `(/api/.+)` \| `(\w+)` \| .+ \|$", DOCS.read_text(), re.MULTILINE)
    assert rows
    assert {path for path, _ in rows} <= {route.path for route in all_routes()}


def test_every_documented_parameter_is_read() -> None:
    """Service 6.3: the names as the code spells them."""
    rows = re.findall(r"^\| `/api/.+` \| `(\w+)` \| .+ \|$", DOCS.read_text(), re.MULTILINE)
    folder = Path(__file__).parents[3] / "promscrape" / "web" / "api"
    code = "\n".join(file.read_text() for file in folder.glob("*.py"))
    assert all(f'"{name}"' in code for name in rows)
