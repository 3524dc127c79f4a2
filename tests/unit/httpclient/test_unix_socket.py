"""Requests over a unix socket: for daemons such as Docker's, and for targets that have one."""

from pathlib import Path

import pytest
from aiohttp import web

from promscrape.errors import FetchError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.http_server import RecordingServer
from tests.support.requests import text_of


async def test_every_request_goes_to_the_socket(tmp_path: Path) -> None:
    """T20: whatever host the URL names; the rest of the section holds as over TCP."""
    path = tmp_path / "a.sock"
    config = HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("hidden")))
    async with (
        RecordingServer(unix_socket=path) as server,
        HTTPClient(config, "promscrape/test", unix_socket=str(path)) as client,
    ):
        assert await text_of(client, "http://localhost/a?b=c") == "hello"
        assert await text_of(client, "http://nowhere.invalid:1/d") == "hello"
    assert [request.raw_path for request in server.requests] == ["/a?b=c", "/d"]
    assert server.sent("Host") == ["localhost", "nowhere.invalid:1"]
    assert server.sent("Authorization") == ["Basic bWU6aGlkZGVu"] * 2
    assert len({id(request.transport) for request in server.requests}) == 1


async def test_a_redirect_stays_on_the_socket(tmp_path: Path) -> None:
    """T20: Go's dialer is that of the client, not of the address."""
    path = tmp_path / "a.sock"

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/a":
            raise web.HTTPFound("http://elsewhere.invalid/b")
        return web.Response(text=request.path)

    async with (
        RecordingServer(answer, unix_socket=path),
        HTTPClient(HTTPClientConfig(), "promscrape/test", unix_socket=str(path)) as client,
    ):
        assert await text_of(client, "http://localhost/a") == "/b"


async def test_a_proxy_is_passed_by(tmp_path: Path) -> None:
    """T20: a proxy could not reach the socket."""
    path = tmp_path / "a.sock"
    config = HTTPClientConfig(proxy=ProxyConfig(proxy_url=URL("http://127.0.0.1:1")))
    async with (
        RecordingServer(unix_socket=path),
        HTTPClient(config, "promscrape/test", unix_socket=str(path)) as client,
    ):
        assert await text_of(client, "http://localhost/") == "hello"


async def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    """H13: in Go's words."""
    path = tmp_path / "a.sock"
    async with HTTPClient(HTTPClientConfig(), "promscrape/test", unix_socket=str(path)) as client:
        with pytest.raises(FetchError) as caught:
            await client.get("http://localhost/x", {})
    assert str(caught.value) == (
        f'Get "http://localhost/x": dial unix {path}: connect: no such file or directory'
    )


async def test_nothing_that_was_to_be_encrypted_goes_out_plain(tmp_path: Path) -> None:
    """H9: aiohttp would leave out the TLS without a word."""
    path = tmp_path / "a.sock"
    async with (
        RecordingServer(unix_socket=path) as server,
        HTTPClient(HTTPClientConfig(), "promscrape/test", unix_socket=str(path)) as client,
    ):
        with pytest.raises(FetchError) as caught:
            await client.get("https://localhost/x", {})
    assert "https over a unix socket is not supported" in str(caught.value)
    assert not server.requests
