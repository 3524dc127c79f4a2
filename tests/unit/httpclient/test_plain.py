"""Plain requests: the life of their connections, and when the full client takes over."""

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promscrape.errors import FetchError
from promscrape.httpclient.answer import AnswerReader, UnusualAnswer
from promscrape.httpclient.auth import Authorization, BasicAuth, OAuth2
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import Header, HTTPClientConfig
from promscrape.httpclient.plain import PlainClient
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from tests.support.entries import until
from tests.support.http_server import RecordingServer
from tests.support.talking import ANSWER, answer, hang_up, plain, prepared, stay_silent, talking


async def body_of(client: PlainClient, url: str, timeout_s: float = 5) -> bytes:
    return (await client.get(prepared(client, url), 100, timeout_s)).body


async def test_a_plain_request_says_what_the_full_client_says() -> None:
    """H6, H9: the same headers in the same order."""
    headers = {"Accept": "text/plain", "X-A": "1"}
    async with (
        RecordingServer() as server,
        HTTPClient(HTTPClientConfig(), "promscrape/test") as client,
    ):
        url = f"{server.url}/a%2Fb?x=y%20z"
        (await client.get(url, headers)).release()
        plain_client = client.plain()
        assert plain_client is not None
        request = plain_client.prepare(url, headers)
        assert request is not None
        assert (await plain_client.get(request, 100, 5)).body == b"hello"
    full, short = server.requests
    assert full.raw_path == short.raw_path
    # The full client was told nothing of encodings, and says so by itself for others.
    assert [pair for pair in full.raw_headers if pair[0] != b"Accept-Encoding"] == list(
        short.raw_headers
    )


async def test_one_connection_serves_request_after_request() -> None:
    """H9."""
    async with talking(answer) as (url, counts), plain() as client:
        for _ in range(3):
            assert await body_of(client, url) == b"hello"
    assert counts == [3]


async def test_requests_at_a_time_have_connections_of_their_own() -> None:
    """H9: and each of them is kept."""
    async with talking(answer) as (url, counts), plain() as client:
        for _ in range(2):
            await asyncio.gather(body_of(client, url), body_of(client, url))
    assert sorted(counts) == [2, 2]


async def test_a_kept_connection_that_ended_is_replaced() -> None:
    """H9: once, where no byte of the answer came."""
    async with talking(answer, hang_up, answer) as (url, counts), plain() as client:
        assert await body_of(client, url) == b"hello"
        assert await body_of(client, url) == b"hello"
    assert counts == [2, 1]


async def test_a_new_connection_that_ends_is_not_replaced() -> None:
    """H13."""
    async with talking(answer, hang_up) as (url, counts), plain() as client:
        assert await body_of(client, url) == b"hello"
        with pytest.raises(FetchError) as caught:
            await body_of(client, url)
    assert str(caught.value) == f'Get "{url}": EOF'
    assert counts == [2, 1]


async def test_an_answer_that_nobody_asked_for_ends_the_connection() -> None:
    """The next request would have taken it for its own."""

    def answer_twice(writer: asyncio.StreamWriter) -> None:
        answer(writer)
        asyncio.get_running_loop().call_soon(answer, writer)

    async with talking(answer_twice, answer) as (url, counts), plain() as client:
        assert await body_of(client, url) == b"hello"
        await until(lambda: not client.open_connections)
        assert await body_of(client, url) == b"hello"
    assert counts == [1, 1]


async def test_a_request_that_takes_too_long_ends_its_connection() -> None:
    """L5: its answer could come to the next one."""
    async with talking(answer, stay_silent) as (url, _), plain() as client:
        assert await body_of(client, url) == b"hello"
        with pytest.raises(FetchError) as caught:
            await body_of(client, url, timeout_s=0.05)
        assert not client.open_connections
    assert str(caught.value) == f'Get "{url}": context deadline exceeded'


async def test_each_request_has_its_own_timeout() -> None:
    """L5: though one timer serves them all, and is set for another one first."""
    async with talking(stay_silent) as (url, counts), plain() as client:
        patient = asyncio.create_task(body_of(client, url, timeout_s=60))
        await until(lambda: counts == [1])
        hasty = [asyncio.create_task(body_of(client, url, timeout_s)) for timeout_s in (0.05, 0.01)]
        for task in reversed(hasty):
            with pytest.raises(FetchError, match="context deadline exceeded"):
                await task
        assert not patient.done()
        assert client.open_connections == 1
        patient.cancel()


async def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """H9: it costs the server as much as us; the next request makes a new one."""
    monkeypatch.setattr("promscrape.httpclient.connection.IDLE_S", 0.01)
    async with talking(answer) as (url, counts), plain() as client:
        assert await body_of(client, url, timeout_s=0.5) == b"hello"
        await until(lambda: not client.open_connections)
        assert await body_of(client, url) == b"hello"
    assert counts == [1, 1]


async def test_a_host_is_forgotten_with_its_last_request() -> None:
    """Targets come and go; what is known of them must not pile up."""
    async with plain() as client:
        request = prepared(client, "http://a/")
        assert prepared(client, "http://a/b").host is request.host
        known = weakref.ref(request.host)
        del request
        assert known() is None


async def test_a_cancelled_request_ends_its_connection() -> None:
    """M18."""
    async with talking(stay_silent) as (url, counts), plain() as client:
        task = asyncio.create_task(body_of(client, url))
        await until(lambda: counts == [1])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client.open_connections


async def test_closing_ends_requests_under_way() -> None:
    """M18."""
    async with talking(stay_silent) as (url, counts), plain() as client:
        task = asyncio.create_task(body_of(client, url))
        await until(lambda: counts == [1])
        client.close()
        with pytest.raises(FetchError, match="EOF"):
            await task


async def test_what_is_unusual_is_said_to_be() -> None:
    """H9: the caller asks the full client."""
    async with (
        talking(lambda writer: writer.write(b"what?\r\n\r\n")) as (url, _),
        plain() as client,
    ):
        with pytest.raises(UnusualAnswer):
            await body_of(client, url)
        assert not client.open_connections


async def test_all_requests_of_a_socket_share_its_connection(tmp_path: Path) -> None:
    """T20: whatever host they name."""
    path = tmp_path / "a.sock"
    async with RecordingServer(unix_socket=path) as server, plain(str(path)) as client:
        assert await body_of(client, "http://localhost/a") == b"hello"
        assert await body_of(client, "http://nowhere.invalid:1/b") == b"hello"
    assert server.sent("Host") == ["localhost", "nowhere.invalid:1"]
    assert len({id(request.transport) for request in server.requests}) == 1


@pytest.mark.parametrize(
    "url",
    ["https://a/", "ftp://a/", "http:///a", "http://me:pw@a/", "http://a/b c", "http://a/\r\nX: y"],
)
async def test_what_is_not_plain_is_not_prepared(url: str) -> None:
    """H9: nor is what would break the request's lines."""
    async with plain() as client:
        assert client.prepare(url, {}) is None
        assert client.prepare("http://a/", {"X": "a\r\nY: b"}) is None


@pytest.mark.parametrize(
    ("config", "name", "values"),
    [
        pytest.param(
            HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("pw"))),
            "Authorization",
            ["Basic bWU6cHc="],
            id="basic_auth",
        ),
        pytest.param(
            HTTPClientConfig(authorization=Authorization(type="Token", credentials=Secret("abc"))),
            "Authorization",
            ["Token abc"],
            id="authorization",
        ),
        pytest.param(
            HTTPClientConfig(
                http_headers={"X-A": Header(values=("1", "2"), secrets=(Secret("3"),))}
            ),
            "X-A",
            ["1", "2", "3"],
            id="http_headers",
        ),
    ],
)
async def test_what_never_changes_goes_with_each_plain_request(
    config: HTTPClientConfig, name: str, values: list[str]
) -> None:
    """H7, H8: as the full client sends it; shown by nothing that is printed."""
    async with RecordingServer() as server, HTTPClient(config, "promscrape/test") as client:
        plain_client = client.plain()
        assert plain_client is not None
        request = prepared(plain_client, server.url)
        assert (await plain_client.get(request, 100, 5)).body == b"hello"
        (await client.get(server.url, {})).release()
        caller_s = plain_client.prepare(server.url, {"authorization": "mine"})
        assert caller_s is not None
        await plain_client.get(caller_s, 100, 5)
    short, full, own = server.requests
    assert short.headers.getall(name) == full.headers.getall(name) == values
    assert own.headers.getall(name) == (["mine"] if name == "Authorization" else values)
    assert not any(value in repr(request) for value in values if len(value) > 1)


@pytest.mark.parametrize(
    "config",
    [
        HTTPClientConfig(basic_auth=BasicAuth(username="me", password_file="/f")),
        HTTPClientConfig(basic_auth=BasicAuth(username_file="/f")),
        HTTPClientConfig(authorization=Authorization(credentials_file="/f")),
        HTTPClientConfig(bearer_token_file="/f"),
        HTTPClientConfig(http_headers={"X-A": Header(files=("/f",))}),
        HTTPClientConfig(oauth2=OAuth2(client_id="me", token_url=URL("http://127.0.0.1:1"))),
        HTTPClientConfig(proxy=ProxyConfig(proxy_url=URL("http://127.0.0.1:1"))),
        HTTPClientConfig(authorization=Authorization(credentials=Secret("a\nb"))),
    ],
)
async def test_a_section_whose_requests_may_differ_has_no_plain_ones(
    config: HTTPClientConfig,
) -> None:
    """H7, H8: nor one whose requests fail each time."""
    async with HTTPClient(config, "promscrape/test") as client:
        assert client.plain() is None


@pytest.mark.parametrize("name", ["Host", "transfer-encoding", "Content-Length", "Expect"])
async def test_a_header_that_changes_how_a_request_is_sent_is_not_plain(name: str) -> None:
    """H9."""
    async with plain() as client:
        assert client.prepare("http://a/", {name: "x"}) is None


async def posted(
    client: PlainClient, url: str, body: bytes = b"body", timeout_s: float = 5
) -> AnswerReader:
    request = client.prepare(url, {}, "POST")
    assert request is not None
    reader = AnswerReader(100, 1000)
    await client.post(request, body, reader, timeout_s, b"X-More: 1\r\n")
    return reader


async def test_a_body_is_sent_with_its_length() -> None:
    """Remote write section 1: over the connection of the last one."""
    async with RecordingServer() as server, plain() as client:
        for body in (b"body", b"x" * 1_000_000, b""):
            assert (await posted(client, f"{server.url}/w?a=b", body)).body == b"hello"
            assert server.bodies[-1] == body
            assert server.requests[-1].method == "POST"
            assert server.requests[-1].raw_path == "/w?a=b"
        assert client.open_connections == 1
    assert server.sent("X-More") == ["1"] * 3
    assert server.sent("Content-Length") == ["4", "1000000", "0"]


async def test_a_body_is_not_sent_again_over_another_connection() -> None:
    """Remote write 1.3: the peer may have it; the queue decides."""
    async with talking(answer, hang_up) as (url, counts), plain() as client:
        await posted(client, url)
        with pytest.raises(FetchError) as caught:
            await posted(client, url)
    assert str(caught.value) == f'Post "{url}": EOF'
    assert counts == [2]


@asynccontextmanager
async def taking_no_body(answer: bytes) -> AsyncIterator[str]:
    """Serve connections that read the head of a request, answer it, and read no further."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        over.set()
        server.close()


async def test_an_answer_before_the_body_was_taken_ends_the_connection() -> None:
    """What is left of the body would be taken for the next request."""
    async with taking_no_body(ANSWER) as url, plain() as client:
        assert (await posted(client, url, b"x" * (32 << 20))).body == b"hello"
        assert not client.open_connections


async def test_a_body_that_the_peer_does_not_take_runs_into_the_timeout() -> None:
    """T36: and does not keep the connection open until it does."""
    async with taking_no_body(b"") as url, plain() as client:
        with pytest.raises(FetchError) as caught:
            await posted(client, url, b"x" * (32 << 20), timeout_s=0.1)
        assert isinstance(caught.value.__cause__, TimeoutError)
        assert not client.open_connections


async def test_the_rest_of_an_answer_may_be_missing() -> None:
    """Remote write 1.4: its status is all that decides."""

    def begin(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nbeca")

    async with talking(begin) as (url, _), plain() as client:
        reader = await posted(client, url, timeout_s=0.1)
        assert (reader.status, reader.body) == (400, b"beca")
        assert not client.open_connections
