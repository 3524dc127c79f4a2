"""What holds for every request of the client."""

import asyncio
import traceback

import pytest

from promscrape.errors import FetchError
from promscrape.httpclient.auth import BasicAuth, OAuth2
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.http_server import RecordingServer
from tests.support.requests import text_of


async def test_a_request_says_what_the_caller_says_and_no_more() -> None:
    """H6, H9: the program's name is added; what an answer may be packed with is not."""
    async with (
        RecordingServer() as server,
        HTTPClient(HTTPClientConfig(), "promscrape/test") as client,
    ):
        await text_of(client, f"{server.url}/a%2Fb?x=y%20z")
        (await client.post(server.url, {"X-A": "1"}, b"body")).release()
    get, post = server.requests
    assert (get.method, get.raw_path) == ("GET", "/a%2Fb?x=y%20z")
    assert set(get.headers) == {"Host", "User-Agent"}
    assert get.headers["User-Agent"] == "promscrape/test"
    assert post.method == "POST"
    assert set(post.headers) == {"Host", "User-Agent", "X-A", "Content-Length"}
    assert server.bodies == [b"", b"body"]


async def test_connections_are_shared_and_kept() -> None:
    """H9: requests one after the other use one connection."""
    async with RecordingServer() as server:
        async with HTTPClient(HTTPClientConfig(), "promscrape/test") as client:
            for _ in range(3):
                await text_of(client, server.url)
        assert len({id(request.transport) for request in server.requests}) == 1


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://a.example/", 'Get "ftp://a.example/": unsupported protocol scheme "ftp"'),
        ("http:///x", 'Get "http:///x": http: no Host in request URL'),
        ("http://a.example:x/", 'parse "http://a.example:x/": '),
        ("http://me:hidden@a.example:x/", 'parse "http://me:***@a.example:x/": invalid URL'),
    ],
)
async def test_an_address_is_checked_when_it_is_used(url: str, error: str) -> None:
    """H13: in Go's words."""
    async with HTTPClient(HTTPClientConfig(), "promscrape/test") as client:
        with pytest.raises(FetchError) as caught:
            await client.get(url, {})
    assert str(caught.value).startswith(error)


async def test_a_post_that_fails_says_so() -> None:
    """H13: Go writes the method like a word."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with HTTPClient(HTTPClientConfig(), "promscrape/test") as client:
        with pytest.raises(FetchError) as caught:
            await client.post(f"http://127.0.0.1:{port}/", {}, b"")
    assert str(caught.value) == (
        f'Post "http://127.0.0.1:{port}/": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )


@pytest.mark.parametrize(
    "config",
    [
        HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("hidden"))),
        HTTPClientConfig(http_headers={"X-A": Header(secrets=(Secret("hidden"),))}),
        HTTPClientConfig(proxy=ProxyConfig(proxy_url=URL("http://me:hidden@127.0.0.1:1"))),
        HTTPClientConfig(
            oauth2=OAuth2(
                client_id="me", client_secret=Secret("hidden"), token_url=URL("http://127.0.0.1:1/")
            )
        ),
    ],
    ids=["basic", "header", "proxy", "oauth2"],
)
async def test_a_failure_shows_no_secret(config: HTTPClientConfig) -> None:
    """Config 14: neither in the text, nor in what a traceback prints of its causes."""
    url = "http://me:hidden@127.0.0.1:1/"
    async with HTTPClient(config, "promscrape/test") as client:
        with pytest.raises(FetchError) as caught:
            await client.get(url, {})
        assert "hidden" not in repr(client)
    assert "hidden" not in "".join(traceback.format_exception(caught.value))
    assert "hidden" not in repr(config)
