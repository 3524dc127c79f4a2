from http import HTTPStatus

import pytest
from aiohttp.web import BaseRequest

from promscrape.web.reply import Reply
from promscrape.web.router import Route, Router


async def handler(_: BaseRequest) -> Reply:
    return Reply()


TABLE = [
    Route("GET", "/", handler),
    Route("GET", "/metrics", handler),
    Route("HEAD", "/-/healthy", handler),
    Route("GET", "/-/healthy", handler),
    Route("GET", "/targets", handler),
    Route("GET", "/targets/data", handler),
    Route("GET", "/assets/*file", handler),
    Route("OPTIONS", "/api/v1/*path", handler),
    Route("GET", "/api/v1/targets", handler),
    Route("GET", "/api/v1/label/:name/values", handler),
]


def found(method: str, path: str, *, prefix: str = "/", query: str = "") -> str:
    """Return the route's path, or the reply's status with what it says of the way on."""
    answer = Router(TABLE, prefix).find(method, path, query)
    if isinstance(answer, Route):
        return answer.path
    where = answer.headers.get("Location") or answer.headers.get("Allow", "")
    return f"{answer.status:d} {where}".strip()


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/", "/"),
        ("GET", "/metrics", "/metrics"),
        ("HEAD", "/-/healthy", "/-/healthy"),
        ("GET", "/api/v1/label/up%2F/values", "/api/v1/label/:name/values"),
        ("GET", "/assets/a/b.js", "/assets/*file"),
        ("OPTIONS", "/api/v1/targets", "/api/v1/*path"),
        ("OPTIONS", "/api/v1/nope", "/api/v1/*path"),
        ("OPTIONS", "/-/healthy", "200 GET, HEAD, OPTIONS"),
        ("OPTIONS", "/nope", "404"),
        ("POST", "/-/healthy", "405 GET, HEAD, OPTIONS"),
        ("HEAD", "/metrics", "405 GET, OPTIONS"),
        ("POST", "/api/v1/targets", "405 GET, OPTIONS"),
        ("GET", "/api/v1/nope", "404"),
        ("GET", "/api/v1/label/x", "404"),
        ("GET", "/api/v1/label/a/b/values", "404"),
        ("GET", "/nope", "404"),
        ("GET", "//metrics", "404"),
        ("GET", "/metrics/", "301 /metrics"),
        ("GET", "/targets/data/", "301 /targets/data"),
        ("GET", "/api/v1/targets/", "301 /api/v1/targets"),
        ("GET", "/api/v1/label/x/values/", "301 /api/v1/label/x/values"),
        ("HEAD", "/-/healthy/", "308 /-/healthy"),
        ("POST", "/-/healthy/", "404"),
        ("GET", "/assets", "404"),
    ],
)
def test_a_request_is_answered_as_by_prometheuss_router(
    method: str, path: str, answer: str
) -> None:
    """Service 16, 30, 4.1: routes, other methods, and one slash too much or too few."""
    assert found(method, path) == answer


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/", "302 /pre"),
        ("GET", "/pre", "301 /pre/"),
        ("GET", "/pre/", "/"),
        ("GET", "/pre/metrics", "/metrics"),
        ("GET", "/metrics", "404"),
        ("GET", "/preview", "404"),
        ("POST", "/", "404"),
        ("POST", "/pre", "404"),
        ("GET", "/pre/metrics/", "301 /pre/metrics"),
        ("OPTIONS", "/pre/api/v1/targets", "/api/v1/*path"),
    ],
)
def test_a_prefix_stands_before_every_route(method: str, path: str, answer: str) -> None:
    """Service 27, 4.2: outside the prefix there are only the ways into it."""
    assert found(method, path, prefix="/pre") == answer


def test_a_redirect_keeps_the_query() -> None:
    """Service 4.1: what was asked for is still asked for after the slash is gone."""
    assert found("GET", "/metrics/", query="a=b&c") == "301 /metrics?a=b&c"
    assert found("GET", "/pre", prefix="/pre", query="a=b") == "301 /pre/?a=b"


def test_a_prefix_is_encoded_in_redirects() -> None:
    """Service 4.2: a header holds no raw space."""
    assert found("GET", "/a b", prefix="/a b") == "301 /a%20b/"
    assert found("GET", "/a b/metrics/", prefix="/a b") == "301 /a%20b/metrics"


def test_errors_have_the_form_of_gos() -> None:
    """Service 4.1: a line of text that browsers do not guess about."""
    reply = Router(TABLE, "/").find("GET", "/nope", "")
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (HTTPStatus.NOT_FOUND, b"404 page not found\n")
    assert reply.headers == {"X-Content-Type-Options": "nosniff"}
    reply = Router(TABLE, "/").find("PUT", "/metrics", "")
    assert isinstance(reply, Reply)
    assert reply.body == b"Method Not Allowed\n"
