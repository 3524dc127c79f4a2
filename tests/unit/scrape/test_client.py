"""Requests against real servers on loopback."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import cramjam
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.protocol import EscapingScheme, ScrapeProtocol
from promscrape.model.size import Size
from promscrape.scrape.client import Response, ScrapeClient

JOB = ScrapeConfig(job_name="j")
TIMEOUT_S = 5.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["plain", "full"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds for plain requests and for those that the full client makes."""
    if request.param == "full":
        monkeypatch.setattr(HTTPClient, "plain", lambda _: None)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Serve every path on loopback; yield the base URL."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def speaking(talk: bytes, *, then_wait: bool = False) -> AsyncIterator[str]:
    """Answer each connection's request with these bytes, and close it unless told to wait."""
    released = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(talk)
        await writer.drain()
        if then_wait:
            await released.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        released.set()
        server.close()
        await server.wait_closed()


async def fetch(
    url: str, config: ScrapeConfig = JOB, timeout_s: float = TIMEOUT_S, ceiling: int = 1 << 20
) -> bytes:
    """Return the unpacked body of one request."""
    client = ScrapeClient(config, ceiling, "promscrape/1.2.3")
    try:
        response = await client.fetch(client.request(url, timeout_s))
        return client.unpack(response)
    finally:
        await client.close()


async def refusal(
    url: str, config: ScrapeConfig = JOB, timeout_s: float = TIMEOUT_S, ceiling: int = 1 << 20
) -> str:
    with pytest.raises(FetchError) as caught:
        await fetch(url, config, timeout_s, ceiling)
    return str(caught.value)


def job(**changes: object) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, **changes)


async def test_a_request_says_who_asks_for_what() -> None:
    """H1 to H6, TC140, TC142: the headers, and the formats that can be read."""
    seen: list[web.Request] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response(body=b"a 1\n")

    async with serving(handler) as url:
        assert await fetch(f"{url}/m%3Fx?q=x+y", timeout_s=1.5) == b"a 1\n"
    (request,) = seen
    assert request.raw_path == "/m%3Fx?q=x+y"
    assert request.headers["User-Agent"] == "promscrape/1.2.3"
    assert request.headers["X-Prometheus-Scrape-Timeout-Seconds"] == "1.5"
    assert request.headers["Accept-Encoding"] == "gzip"
    assert request.headers["Accept"] == (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
        "application/openmetrics-text;version=0.0.1;q=0.5,"
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
        "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
    )


@pytest.mark.parametrize(
    ("timeout_s", "text"), [(10.0, "10"), (1.5, "1.5"), (0.5, "0.5"), (0.001, "0.001")]
)
async def test_the_timeout_header_is_the_shortest_decimal(timeout_s: float, text: str) -> None:
    """H6, TC142: never an exponent."""
    client = ScrapeClient(JOB, 1, "x")
    assert (
        client.request("http://a/", timeout_s).headers["X-Prometheus-Scrape-Timeout-Seconds"]
        == text
    )
    await client.close()


async def test_a_single_protocol_is_asked_for_alone() -> None:
    """H3: weights start at 0.6."""
    config = job(
        scrape_protocols=(ScrapeProtocol.PROMETHEUS_TEXT_1_0_0,),
        metric_name_escaping_scheme=EscapingScheme.UNDERSCORES,
    )
    client = ScrapeClient(config, 1, "x")
    assert client.request("http://a/", 1).headers["Accept"] == (
        "text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5"
    )
    await client.close()


@pytest.mark.parametrize("compression", [True, False])
async def test_a_packed_answer_is_unpacked_even_if_nobody_asked(compression: bool) -> None:  # noqa: FBT001
    """H14, TC141: `identity` is asked for where compression is off."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.headers["Accept-Encoding"])
        body = gzip.compress(b"a 1\n")
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    async with serving(handler) as url:
        assert await fetch(url, job(enable_compression=compression)) == b"a 1\n"
    assert seen == ["gzip" if compression else "identity"]


async def test_other_encodings_are_left_as_they_are() -> None:
    """H14: only `gzip`, exactly, is unpacked."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"raw", headers={"Content-Encoding": "GZIP"})

    async with serving(handler) as url:
        assert await fetch(url) == b"raw"


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (404, None, "server returned HTTP status 404 Not Found"),
        (500, "Oh No", "server returned HTTP status 500 Oh No"),
        (204, None, "server returned HTTP status 204 No Content"),
        (206, None, "server returned HTTP status 206 Partial Content"),
    ],
)
async def test_only_200_is_success(status: int, reason: str | None, error: str) -> None:
    """H12, TC143: with the reason as it was sent."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, reason=reason)

    async with serving(handler) as url:
        assert await refusal(url) == error


async def test_redirects_are_followed_with_the_same_headers() -> None:
    """H10: relative and absolute."""
    seen: list[tuple[str, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers["X-Prometheus-Scrape-Timeout-Seconds"]))
        if request.path == "/metrics":
            return web.Response(status=302, headers={"Location": "/two"})
        return web.Response(body=b"a 1\n")

    async with serving(handler) as url:
        assert await fetch(f"{url}/metrics") == b"a 1\n"
    assert seen == [("/metrics", "5"), ("/two", "5")]


async def test_redirects_may_be_refused() -> None:
    """H11, TC148: then the redirect is the answer."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/two"})

    config = job(http_client=HTTPClientConfig(follow_redirects=False))
    async with serving(handler) as url:
        assert await refusal(url, config) == "server returned HTTP status 302 Found"


async def test_a_redirect_to_nowhere_is_the_answer() -> None:
    """H12: a 3xx without a Location fails by its status."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302)

    async with serving(handler) as url:
        assert await refusal(url) == "server returned HTTP status 302 Found"


async def test_redirects_end_after_ten_requests() -> None:
    """H10, TC149: the last place is named."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.Response(status=302, headers={"Location": f"/{len(seen)}"})

    async with serving(handler) as url:
        error = await refusal(url)
        assert error == f'Get "{url}/10": stopped after 10 redirects'
    assert len(seen) == 10


async def test_a_redirect_to_another_scheme_fails_clearly() -> None:
    """A target does not choose what kind of thing is opened."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    async with serving(handler) as url:
        assert await refusal(url) == (
            'Get "file:///etc/passwd": unsupported protocol scheme "file"'
        )


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("size", "fits"), [(14, True), (15, False), (16, False), (9999, False)])
async def test_a_body_at_its_limit_is_over_it(packed: bool, size: int, fits: bool) -> None:  # noqa: FBT001
    """H15, TC147: counted unpacked."""
    body = b"x" * size

    async def handler(_: web.Request) -> web.Response:
        if packed:
            return web.Response(body=gzip.compress(body), headers={"Content-Encoding": "gzip"})
        return web.Response(body=body)

    config = job(body_size_limit=Size(15))
    async with serving(handler) as url:
        if fits:
            assert await fetch(url, config) == body
        else:
            assert await refusal(url, config) == "body size limit exceeded"


async def test_without_a_limit_the_ceiling_holds() -> None:
    """An endless body ends at the ceiling, and the error names the remedy."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async with serving(handler) as url:
        error = await refusal(url, ceiling=1 << 20)
    assert error.startswith("body size limit exceeded: over 1048576 bytes, the ceiling")
    assert "body_size_limit" in error


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    """The Content-Length is enough."""
    talk = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"
    async with speaking(talk, then_wait=True) as url:
        with pytest.raises(BodySizeLimitExceeded):
            await fetch(url)


@pytest.mark.parametrize(
    ("talk", "error"),
    [
        pytest.param(b"", 'Get "{url}": EOF', id="closes-at-once"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na 1\n", "unexpected EOF", id="short"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na 1\n",
            "unexpected EOF",
            id="short-chunk",
        ),
        pytest.param(
            b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 'Get "{url}": malformed HTTP response', id="garbage"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
            'Get "{url}": malformed HTTP response',
            id="huge-header",
        ),
    ],
)
async def test_a_broken_answer_has_its_own_error(talk: bytes, error: str) -> None:
    """H13: closing early, speaking something else, headers without end."""
    async with speaking(talk) as url:
        assert (await refusal(url)).startswith(error.format(url=url))


async def test_a_target_that_hangs_runs_into_its_timeout() -> None:
    """L5, H13: before the headers the URL is named."""
    async with speaking(b"", then_wait=True) as url:
        assert await refusal(url, timeout_s=0.05) == f'Get "{url}": context deadline exceeded'


async def test_a_target_that_drips_runs_into_its_timeout() -> None:
    """L5, H13: in the body it is bare."""
    talk = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\na"
    async with speaking(talk, then_wait=True) as url:
        assert await refusal(url, timeout_s=0.05) == "context deadline exceeded"


async def test_a_refused_connection_is_named() -> None:
    """H13: with the address that was dialed."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    url = f"http://127.0.0.1:{port}/metrics"
    assert await refusal(url) == (
        f'Get "{url}": dial tcp 127.0.0.1:{port}: connect: connection refused'
    )


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("ftp://a/metrics", 'Get "ftp://a/metrics": unsupported protocol scheme "ftp"'),
        ("http:///metrics", 'Get "http:///metrics": http: no Host in request URL'),
        ("http://a:b/metrics", 'parse "http://a:b/metrics": '),
        ("http://a:99999/metrics", 'parse "http://a:99999/metrics": '),
    ],
)
async def test_a_bad_address_fails_at_its_request(url: str, error: str) -> None:
    """T15: nothing checks it before."""
    assert (await refusal(url)).startswith(error)


async def test_connections_are_kept_alive() -> None:
    """H9: one connection serves scrape after scrape."""
    peers: set[object] = set()

    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=b"a 1\n")

    client = ScrapeClient(JOB, 1 << 20, "x")
    async with serving(handler) as url:
        request = client.request(url, 1)
        for _ in range(3):
            assert isinstance(await client.fetch(request), Response)
        await client.close()
    assert len(peers) == 1


async def test_a_zstd_answer_is_unpacked_though_nobody_asks() -> None:
    """Beyond H14: what it is, is said; the limit holds for what it unpacks to."""
    body = b"a 1\n" * 1000

    async def handler(request: web.Request) -> web.Response:
        assert "zstd" not in request.headers["Accept-Encoding"]
        packed = bytes(cramjam.zstd.compress(body))
        return web.Response(body=packed, headers={"Content-Encoding": "zstd"})

    async with serving(handler) as url:
        assert await fetch(url) == body
        with pytest.raises(BodySizeLimitExceeded):
            await fetch(url, job(body_size_limit=Size(4000)))
