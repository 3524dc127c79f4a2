"""Tokens from a real endpoint, with a clock that the test moves."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trustme
from aiohttp import web

from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.auth import JWT_BEARER, OAuth2
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.clock import ManualClock
from tests.support.http_server import RecordingServer
from tests.support.proxy import ForwardProxy
from tests.support.requests import fetch, text_of
from tests.support.tls import ca_pem, server_context
from tests.support.token_endpoint import TokenEndpoint


def config_for(url: str, **changes: object) -> HTTPClientConfig:
    section = OAuth2(client_id="me", client_secret=Secret("hidden"), token_url=URL(url))
    return HTTPClientConfig(oauth2=msgspec.structs.replace(section, **changes))


def client_for(
    endpoint: TokenEndpoint, clock: ManualClock | None = None, **changes: object
) -> HTTPClient:
    config = config_for(endpoint.url, **changes)
    return HTTPClient(config, "promscrape/test", clock=clock or ManualClock())


async def refusal(url: str, token_url: str) -> str:
    with pytest.raises(FetchError) as caught:
        await fetch(url, config_for(token_url))
    return str(caught.value)


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer() as server:
        yield server


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    async with TokenEndpoint() as endpoint:
        yield endpoint


async def test_a_token_is_fetched_and_sent(
    server: RecordingServer, endpoint: TokenEndpoint
) -> None:
    """Config 9.4: the exchange as RFC 6749, section 4.4.2, has it."""
    async with client_for(
        endpoint, scopes=("a", "b"), endpoint_params={"audience": "x y"}
    ) as client:
        assert await text_of(client, server.url) == "hello"
    (request,) = endpoint.requests
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["User-Agent"] == "promscrape/test"
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"me:hidden").decode()
    assert endpoint.forms == [
        {"grant_type": "client_credentials", "scope": "a b", "audience": "x y"}
    ]
    assert server.sent("Authorization") == ["Bearer token-1"]


async def test_a_token_serves_until_shortly_before_it_expires(
    server: RecordingServer, endpoint: TokenEndpoint
) -> None:
    """Config 9.4: ten seconds before its end it is renewed."""
    clock = ManualClock()
    async with client_for(endpoint, clock) as client:
        for seconds in (0, 3589, 1):
            await clock.advance(seconds)
            await text_of(client, server.url)
    assert server.sent("Authorization") == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("lifetime_s", [None, 0])
async def test_a_token_without_an_end_is_kept(
    server: RecordingServer, endpoint: TokenEndpoint, lifetime_s: int | None
) -> None:
    """RFC 6749, section 5.1: `expires_in` is optional."""
    endpoint.lifetime_s = lifetime_s
    clock = ManualClock()
    async with client_for(endpoint, clock) as client:
        for seconds in (0, 1_000_000):
            await clock.advance(seconds)
            await text_of(client, server.url)
    assert endpoint.given == 1


async def test_a_lifetime_may_be_quoted(server: RecordingServer, endpoint: TokenEndpoint) -> None:
    """Some servers write the number as a text."""
    endpoint.lifetime_s = "20"
    clock = ManualClock()
    async with client_for(endpoint, clock) as client:
        for seconds in (0, 9, 2):
            await clock.advance(seconds)
            await text_of(client, server.url)
    assert endpoint.given == 2


async def test_a_server_that_wants_the_form_gets_it(server: RecordingServer) -> None:
    """Config 9.4: HTTP Basic is tried first, and what worked is remembered."""
    clock = ManualClock()
    async with (
        TokenEndpoint(takes_basic=False) as endpoint,
        client_for(endpoint, clock) as client,
    ):
        for seconds in (0, 4000):
            await clock.advance(seconds)
            await text_of(client, server.url)
    assert ["Authorization" in request.headers for request in endpoint.requests] == [
        True,
        False,
        False,
    ]
    assert endpoint.forms[1] == endpoint.forms[2]
    assert endpoint.forms[1] == {
        "grant_type": "client_credentials",
        "client_id": "me",
        "client_secret": "hidden",
    }


async def test_a_changed_secret_drops_the_token(
    server: RecordingServer, endpoint: TokenEndpoint, tmp_path: Path
) -> None:
    """Config 9.5: `client_secret_file` is looked at for each request."""
    path = tmp_path / "secret"
    path.write_text("hidden\n")
    async with client_for(endpoint, client_secret=Secret(), client_secret_file=str(path)) as client:
        await text_of(client, server.url)
        await text_of(client, server.url)
        endpoint.secret = "changed"
        path.write_text("changed")
        await text_of(client, server.url)
        path.unlink()
        with pytest.raises(FetchError) as caught:
            await text_of(client, server.url)
    assert server.sent("Authorization") == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert str(caught.value) == (
        f'Get "{server.url}": unable to read oauth2 client secret: unable to read file {path}: '
        f"open {path}: no such file or directory"
    )


async def test_requests_share_one_exchange(
    server: RecordingServer, endpoint: TokenEndpoint
) -> None:
    """All targets of a job start at once; their token server should not notice."""
    endpoint.released.clear()
    async with client_for(endpoint) as client, asyncio.TaskGroup() as requests:
        for _ in range(10):
            requests.create_task(text_of(client, server.url))
        while not endpoint.requests:
            await asyncio.sleep(0)
        endpoint.released.set()
    assert endpoint.given == 1
    assert server.sent("Authorization") == ["Bearer token-1"] * 10


async def test_requests_share_a_failure(server: RecordingServer, endpoint: TokenEndpoint) -> None:
    """Who waited for an exchange that failed does not repeat it; who comes later does."""
    endpoint.secret = "other"
    endpoint.released.clear()
    async with client_for(endpoint) as client:
        requests = [asyncio.create_task(text_of(client, server.url)) for _ in range(5)]
        while not endpoint.requests:
            await asyncio.sleep(0)
        endpoint.released.set()
        outcomes = await asyncio.gather(*requests, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [FetchError] * 5
        assert len({str(outcome) for outcome in outcomes}) == 1
        assert len(endpoint.requests) == 2  # HTTP Basic and the form
        endpoint.secret = "hidden"
        assert await text_of(client, server.url) == "hello"


async def test_a_cancelled_exchange_is_left_to_the_next(
    server: RecordingServer, endpoint: TokenEndpoint
) -> None:
    """A scrape that runs into its timeout while it waits for a token takes no other with it."""
    endpoint.released.clear()
    async with client_for(endpoint) as client:
        first = asyncio.create_task(text_of(client, server.url))
        while not endpoint.requests:
            await asyncio.sleep(0)
        second = asyncio.create_task(text_of(client, server.url))
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        endpoint.released.set()
        assert await second == "hello"


async def test_a_refusal_names_its_reason_and_no_secret(
    server: RecordingServer, endpoint: TokenEndpoint
) -> None:
    """Config 14: even where the server repeats the secret in its answer."""
    endpoint.secret = "other"
    async with client_for(endpoint, client_secret=Secret("wrong-secret")) as client:
        with pytest.raises(FetchError) as caught:
            await text_of(client, server.url)
    assert str(caught.value) == (f'Get "{server.url}": oauth2: "invalid_client" "not with "')
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (web.Response(status=503), "oauth2: cannot fetch token: 503 Service Unavailable"),
        (web.Response(text="<html>"), "oauth2: server response missing access_token"),
        (web.json_response([]), "oauth2: cannot parse json"),
        (web.json_response({}), "oauth2: server response missing access_token"),
        (
            web.json_response({"access_token": "hidden", "expires_in": "soon"}),
            "oauth2: cannot parse expires_in",
        ),
        (
            web.json_response({"access_token": "hid\nden"}),
            'net/http: invalid header field value for "Authorization"',
        ),
        (
            web.json_response({"error": "invalid_scope", "access_token": "hidden"}),
            'oauth2: "invalid_scope"',
        ),
        (
            web.json_response({"error": "x", "error_description": "got hidden, sorry"}),
            'oauth2: "x" "got <secret>, sorry"',
        ),
        (web.Response(body=b"x" * (1 << 21)), "oauth2: cannot fetch token: the answer is over"),
    ],
    ids=["status", "html", "list", "empty", "expiry", "token", "error-in-200", "echo", "huge"],
)
async def test_an_answer_without_a_token_is_an_error(
    server: RecordingServer, answer: web.Response, error: str
) -> None:
    """Config 9.4: a JSON object with `access_token` in a 2xx, and nothing else is one."""

    async def repeat(_: web.Request) -> web.StreamResponse:
        return web.Response(
            status=answer.status, body=answer.body, content_type=answer.content_type
        )

    async with RecordingServer(repeat) as endpoint:
        error_text = await refusal(server.url, endpoint.url)
    assert error_text.startswith(f'Get "{server.url}": {error}')
    assert "hidden" not in error_text


async def test_a_token_may_come_in_a_form(server: RecordingServer) -> None:
    """golang.org/x/oauth2 reads such an answer, and its type as it is spelt."""

    async def form(_: web.Request) -> web.StreamResponse:
        text = "access_token=abc&token_type=Special&expires_in=60"
        return web.Response(text=text, content_type="application/x-www-form-urlencoded")

    async with RecordingServer(form) as endpoint:
        await fetch(server.url, config_for(endpoint.url))
    assert server.sent("Authorization") == ["Special abc"]


async def test_an_endpoint_that_cannot_be_reached_is_named(server: RecordingServer) -> None:
    """H13: the error of the token's request stands in that of the request itself."""
    async with RecordingServer() as gone:
        url = gone.url
    address = url.removeprefix("http://")
    assert await refusal(server.url, url) == (
        f'Get "{server.url}": Post "{url}": dial tcp {address}: connect: connection refused'
    )


async def test_the_secret_follows_no_redirect(server: RecordingServer) -> None:
    """A token endpoint that moved is for the operator to look at."""

    async def moved(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": server.url})

    async with RecordingServer(moved) as endpoint:
        error = await refusal(server.url, endpoint.url)
    assert error.endswith("oauth2: cannot fetch token: 307 Temporary Redirect")
    assert server.requests == []


async def test_the_endpoint_is_reached_in_its_own_way(
    server: RecordingServer, authority: trustme.CA
) -> None:
    """Config 9.4: `tls_config` and the proxy of the `oauth2` section are for the token alone."""

    async def give(_: web.Request) -> web.StreamResponse:
        return web.json_response({"access_token": "abc"})

    context = server_context(authority.issue_cert("idp.example"))
    async with RecordingServer(give, context=context) as endpoint, ForwardProxy() as proxy:
        config = config_for(
            f"https://idp.example:{endpoint.port}/token",
            tls_config=TLSConfig(ca=ca_pem(authority)),
            proxy=ProxyConfig(proxy_url=URL(f"http://{proxy.address}")),
        )
        async with HTTPClient(config, "promscrape/test") as client:
            assert await text_of(client, server.url) == "hello"
    assert proxy.request_lines == [f"CONNECT idp.example:{endpoint.port} HTTP/1.1"]
    assert server.sent("Authorization") == ["Bearer abc"]


@pytest.mark.parametrize(
    ("section", "error"),
    [
        (
            OAuth2(client_id="me", token_url=URL("http://a/"), grant_type=JWT_BEARER),
            f"oauth2 grant_type {JWT_BEARER} is not supported by this version",
        ),
        (
            OAuth2(client_id="me", token_url=URL("http://a/"), client_secret_ref="x"),
            "unable to use client secret: cannot use secret ref without manager",
        ),
        (
            OAuth2(client_id="me", token_url=URL("http://a/"), tls_config=TLSConfig(ca_file="/no")),
            "unable to read CA cert: unable to read file /no: open /no: no such file",
        ),
    ],
)
async def test_what_cannot_be_built_is_refused(section: OAuth2, error: str) -> None:
    """Config 9.4: when the client is made, and not at the first request."""
    with pytest.raises(ConfigError, match=f"^{re.escape(error)}"):
        HTTPClient(HTTPClientConfig(oauth2=section), "promscrape/test")
