"""Redirects between real servers: where they lead, and what goes along."""

import sys
from collections.abc import Callable

import pytest
from aiohttp import web

from promscrape.errors import FetchError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.redirect import Hop, first_hop, shown
from promscrape.model.secret import Secret
from tests.support.http_server import Answer, RecordingServer
from tests.support.requests import fetch, text_of

WITH_PASSWORD = HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("hidden")))
ME = "Basic bWU6aGlkZGVu"

# macOS answers to 127.0.0.1 alone.
OTHER_HOSTS = ["localhost"] + (["127.0.0.2"] if sys.platform == "linux" else [])


def redirect(location: Callable[[], str], status: int = 302) -> Answer:
    """Answer every request with a redirect, except for the path /end."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/end":
            return web.Response(text="end")
        return web.Response(status=status, headers={"Location": location()})

    return answer


@pytest.mark.parametrize("host", OTHER_HOSTS)
async def test_credentials_do_not_follow_to_another_host(host: str) -> None:
    """H10, TC150: the second request has no Authorization, even though the server is the same."""
    listens = "127.0.0.1" if host == "localhost" else host
    async with RecordingServer(host=listens) as other, RecordingServer() as server:
        server.answer = redirect(lambda: f"http://{host}:{other.port}/end")
        assert await fetch(server.url, WITH_PASSWORD) == "hello"
    assert server.sent("Authorization") == [ME]
    assert other.sent("Authorization") == [None]


async def test_a_change_of_port_keeps_credentials() -> None:
    """H10, config 9.5."""
    async with RecordingServer() as other, RecordingServer() as server:
        server.answer = redirect(lambda: f"{other.url}/end")
        await fetch(server.url, WITH_PASSWORD)
    assert other.sent("Authorization") == [ME]


async def test_credentials_stay_dropped_when_a_chain_returns() -> None:
    """H10: or a server elsewhere could make its reader show them to a page of its choice."""
    async with RecordingServer() as server, RecordingServer() as other:
        server.answer = redirect(lambda: f"http://localhost:{other.port}/")
        other.answer = redirect(lambda: f"{server.url}/end")
        assert await fetch(server.url, WITH_PASSWORD) == "end"
    assert server.sent("Authorization") == [ME, None]


async def test_headers_that_tell_secrets_are_dropped_too() -> None:
    """H10: those on the list, and what the file calls a secret; the rest goes along."""
    config = HTTPClientConfig(
        http_headers={
            "Cookie": Header(values=("a=b",)),
            "X-A": Header(values=("1",), secrets=(Secret("hidden"),)),
        }
    )
    sent = {"Accept": "x", "Cookie2": "c", "Authorization": "own"}
    async with RecordingServer() as other, RecordingServer() as server:
        server.answer = redirect(lambda: f"http://localhost:{other.port}/end")
        async with HTTPClient(config, "promscrape/test") as client:
            (await client.get(server.url, sent)).release()
    (home,), (away,) = server.requests, other.requests
    assert home.headers.getall("X-A") == ["1", "hidden"]
    assert away.headers.getall("X-A") == ["1"]
    assert away.headers["Accept"] == "x"
    for name in ("Cookie", "Cookie2", "Authorization"):
        assert name in home.headers
        assert name not in away.headers


@pytest.mark.parametrize(
    ("home", "to", "stays"),
    [
        ("a.example", "http://a.example:8080/", True),
        ("a.example", "https://A.Example/", True),
        ("a.example", "http://b.a.example/", True),
        ("a.example", "http://ba.example/", False),
        ("b.a.example", "http://a.example/", False),
        ("a.example", "http://[::1%25.a.example]/", False),
        ("10.0.0.1", "http://10.0.0.2/", False),
        ("a.example", "/elsewhere", True),
        ("a.example", "//b.example/", False),
    ],
)
def test_a_host_and_those_below_it_are_home(
    home: str,
    to: str,
    stays: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """H10, config 9.5: ports and schemes do not count."""
    hop = first_hop("GET", f"http://{home}/", {"Authorization": "x"}, None).to(302, to)
    assert ("Authorization" in hop.headers) is stays
    assert bool(hop.home) is stays


@pytest.mark.parametrize(
    ("method", "status", "then"),
    [
        ("GET", 301, "GET"),
        ("HEAD", 303, "HEAD"),
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
    ],
)
def test_a_redirect_may_change_the_method(method: str, status: int, then: str) -> None:
    """Go's client: with the method, the body and what is said of it stay or go."""
    headers = {"Content-Type": "x/y", "Accept": "z"}
    first = first_hop(method, "http://a.example/", headers, b"body")
    hop: Hop = first.to(status, "/two")
    assert (hop.method, str(hop.url)) == (then, "http://a.example/two")
    if method == "POST":
        keeps = then == "POST"
        assert (hop.body == b"body") is keeps
        assert ("Content-Type" in hop.headers) is keeps
    assert hop.headers["Accept"] == "z"


async def test_a_body_is_sent_again() -> None:
    """Remote write behind a redirecting balancer: 307 and 308 repeat the request."""
    async with RecordingServer() as other, RecordingServer() as server:
        server.answer = redirect(lambda: f"{other.url}/end", 307)
        async with HTTPClient(HTTPClientConfig(), "promscrape/test") as client:
            (await client.post(server.url, {"Content-Type": "x/y"}, b"body")).release()
    assert server.bodies == other.bodies == [b"body"]
    assert other.sent("Content-Type") == ["x/y"]


async def test_redirects_can_be_left_to_the_caller() -> None:
    """H11, config 9.1: `follow_redirects: false` returns the redirect."""
    async with RecordingServer() as server:
        server.answer = redirect(lambda: "/end")
        async with HTTPClient(HTTPClientConfig(follow_redirects=False), "x") as client:
            answer = await client.get(server.url, {})
            answer.release()
    assert answer.status == 302


async def test_ten_requests_are_made_and_no_more() -> None:
    """H10, TC149: the error names where the last one led."""
    async with RecordingServer() as server:
        server.answer = redirect(lambda: f"/{len(server.requests)}")
        with pytest.raises(FetchError) as caught:
            await fetch(f"{server.url}/0", HTTPClientConfig())
    assert str(caught.value) == f'Get "{server.url}/10": stopped after 10 redirects'
    assert len(server.requests) == 10


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("ftp://a.example/x", 'Get "ftp://a.example/x": unsupported protocol scheme "ftp"'),
        ("http://a.example:x/", "failed to parse Location header"),
        ("http://me:hidden@a.example:x/", 'header "http://me:***@a.example:x/"'),
        ("ftp://me:hidden@a.example/x", 'Get "ftp://me:***@a.example/x": unsupported'),
    ],
)
async def test_a_location_that_leads_nowhere_is_shown(location: str, error: str) -> None:
    """H13: but not a password in it."""
    async with RecordingServer() as server:
        server.answer = redirect(lambda: location)
        with pytest.raises(FetchError) as caught:
            await fetch(server.url, HTTPClientConfig())
    assert error in str(caught.value)
    assert "hidden" not in str(caught.value)


async def test_a_redirect_can_bring_its_own_credentials() -> None:
    """Go's client: they are the other host's, from the one who sent us there."""
    async with RecordingServer() as other, RecordingServer() as server:
        server.answer = redirect(lambda: f"http://you:two@localhost:{other.port}/end")
        async with HTTPClient(WITH_PASSWORD, "promscrape/test") as client:
            assert await text_of(client, server.url) == "hello"
    assert other.sent("Authorization") == ["Basic eW91OnR3bw=="]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://a/b", "http://a/b"),
        ("http://me:pass@a/b@c", "http://me:***@a/b@c"),
        ("http://me@a/", "http://me@a/"),
        ("http://a/?x=y@z", "http://a/?x=y@z"),
        ("http://me:p@ss@a/", "http://me:***@a/"),
    ],
)
def test_a_password_is_not_shown(url: str, text: str) -> None:
    """Config 14: Go's net/http writes `***` for it in errors."""
    assert shown(url) == text


def test_a_request_prints_without_what_it_tells() -> None:
    """Config 14: nothing that might be logged shows a secret."""
    hop = first_hop("GET", "http://me:hidden@a/", {"Authorization": "hidden"}, b"hidden")
    assert repr(hop) == "Hop(GET http://me:***@a/)"
