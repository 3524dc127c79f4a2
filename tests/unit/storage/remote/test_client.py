"""Requests to a real server; the ids are those of the remote-write specification."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog
from aiohttp import web
from structlog.testing import capture_logs

from promscrape.errors import ConfigError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.secret import Secret
from promscrape.model.url import URL
from promscrape.storage.remote.client import MAX_SAID_BYTES, WriteClient
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from tests.support.clock import ManualClock
from tests.support.http_server import Answer, RecordingServer

BODY = b"\x03\x08abc"
FIVE = Counts(samples=5)


@pytest.fixture(params=["plain", "full"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rule holds for plain requests and for those that the full client makes."""
    if request.param == "full":
        monkeypatch.setattr(HTTPClient, "plain", lambda _: None)


def saying(status: int, text: str = "", **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=names)

    return answer


@asynccontextmanager
async def client_of(url: str, **changes: object) -> AsyncIterator[WriteClient]:
    config = msgspec.structs.replace(RemoteWriteConfig(url=URL(url)), **changes)
    client = WriteClient(config, "promscrape/test", clock=ManualClock(), log=structlog.get_logger())
    try:
        yield client
    finally:
        await client.close()


async def sent(
    url: str, version: WriteMessage = WriteMessage.V1, attempt: int = 0, **changes: object
) -> Outcome:
    """Make one request with a client of its own."""
    async with client_of(url, **changes) as client:
        return await client.send(BODY, version=version, attempt=attempt, counts=FIVE)


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer(saying(204)) as server:
        yield server


@pytest.fixture
async def over(server: RecordingServer) -> AsyncIterator[asyncio.Event]:
    """What a server that hangs waits for: the end of the test."""
    event = asyncio.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("version", "content_type", "number"),
    [
        pytest.param(WriteMessage.V1, "application/x-protobuf", "0.1.0", id="1.0"),
        pytest.param(
            WriteMessage.V2,
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            "2.0.0",
            id="2.0",
        ),
    ],
)
async def test_a_request_has_the_headers_of_its_version_once(
    server: RecordingServer, version: WriteMessage, content_type: str, number: str
) -> None:
    """T45: exactly one of each, and nothing that was not asked for."""
    await sent(f"{server.url}/api/v1/write?tenant=a%20b", version)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.raw_path == "/api/v1/write?tenant=a%20b"
    assert server.bodies == [BODY]
    headers = [(name.lower(), value) for name, value in request.headers.items()]
    assert sorted(headers) == [
        ("content-encoding", "snappy"),
        ("content-length", str(len(BODY))),
        ("content-type", content_type),
        ("host", server.url.removeprefix("http://")),
        ("user-agent", "promscrape/test"),
        ("x-prometheus-remote-write-version", number),
    ]


async def test_only_a_retry_says_which_it_is(server: RecordingServer) -> None:
    """Remote write section 1: absent on the first attempt, decimal afterwards."""
    async with client_of(server.url) as client:
        for attempt in (0, 1, 12, 0):
            await client.send(BODY, version=WriteMessage.V1, attempt=attempt, counts=FIVE)
    assert server.sent("Retry-Attempt") == [None, "1", "12", None]


async def test_headers_of_the_section_are_sent(server: RecordingServer) -> None:
    """T45: and take the place of those that they are named like."""
    await sent(server.url, attempt=3, headers={"Foo": "Bar", "X-Scope-OrgID": "7"})
    (request,) = server.requests
    assert request.headers.getall("Foo") == ["Bar"]
    assert request.headers.getall("X-Scope-OrgID") == ["7"]


async def test_an_answer_becomes_an_outcome(server: RecordingServer) -> None:
    """T28: what the classification says reaches the queue."""
    assert await sent(server.url) == Outcome(Verdict.ACCEPTED, status=204)
    server.answer = saying(503, "later", Retry_After="7")
    assert await sent(server.url) == Outcome(
        Verdict.RETRY,
        retry_after_s=7,
        status=503,
        error="server returned HTTP status 503 Service Unavailable: later",
    )


async def test_429_is_retried_as_the_queue_is_told(server: RecordingServer) -> None:
    """T30."""
    server.answer = saying(429)
    config = RemoteWriteConfig().queue_config
    assert (await sent(server.url)).verdict is Verdict.REFUSED
    config = msgspec.structs.replace(config, retry_on_http_429=True)
    assert (await sent(server.url, queue_config=config)).verdict is Verdict.RETRY


async def test_the_peer_s_words_are_kept_and_a_long_text_is_cut(server: RecordingServer) -> None:
    """T42: 1024 bytes of a body of 1 MB, and the connection serves the next request."""
    server.answer = saying(400, "Error: bad label\n" + "x" * 1_000_000)
    async with client_of(server.url) as client:
        first = await client.send(BODY, version=WriteMessage.V1, attempt=0, counts=FIVE)
        await client.send(BODY, version=WriteMessage.V1, attempt=0, counts=FIVE)
    said = first.error.removeprefix("server returned HTTP status 400 Bad Request: ")
    assert said.startswith("Error: bad label\nxxx")
    assert len(said) == MAX_SAID_BYTES == 1024
    peers = [request.transport and request.transport for request in server.requests]
    assert peers[0] is peers[1]


async def test_a_body_that_does_not_end_costs_its_connection_only(
    server: RecordingServer, over: asyncio.Event
) -> None:
    """Remote write 1.4: the status has come; an endless text must not hold a shard for ever."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        await response.write(b"because")
        await over.wait()
        return response

    server.answer = endless
    outcome = await sent(server.url, remote_timeout=Duration(200))
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.error == "server returned HTTP status 400 Bad Request: because"


async def test_a_peer_that_does_not_answer_in_time_is_tried_again(
    server: RecordingServer, over: asyncio.Event
) -> None:
    """T36: the text names the setting."""

    async def hang(_: web.Request) -> web.StreamResponse:
        await over.wait()
        return web.Response()

    server.answer = hang
    outcome = await sent(server.url, remote_timeout=Duration(100))
    assert outcome == Outcome(
        Verdict.RETRY,
        error="no response within remote_timeout (0.1s): context deadline exceeded",
    )


async def test_a_peer_that_is_not_there_is_tried_again() -> None:
    """T35: a refused connection is nobody's fault that a batch should pay for."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/w"
        outcome = await sent(url)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.error == f'Post "{url}": dial tcp {url[7:-2]}: connect: connection refused'


@pytest.mark.parametrize(
    ("url", "error"),
    [
        pytest.param(
            "invalid://localhost:9999",
            'Post "invalid://localhost:9999": unsupported protocol scheme "invalid"',
            id="scheme",
        ),
        pytest.param(
            "http://nobody.invalid/w",
            'Post "http://nobody.invalid/w": dial tcp: lookup nobody.invalid: no such host',
            id="name",
        ),
        pytest.param("", 'Post "": unsupported protocol scheme ""', id="empty"),
    ],
)
async def test_where_nobody_can_be_asked_is_tried_again(url: str, error: str) -> None:
    """T64: the process stays up, and goes on once the name is known or the file is put right."""
    assert await sent(url) == Outcome(Verdict.RETRY, error=error)


async def test_a_cut_connection_is_tried_again(server: RecordingServer) -> None:
    """Remote write 1.3: whether the peer has the batch is unknown, so it gets it again."""

    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    server.answer = cut
    outcome = await sent(server.url)
    assert outcome.verdict is Verdict.RETRY
    assert outcome.status == 0


async def test_a_cancelled_request_ends_at_once(
    server: RecordingServer, over: asyncio.Event
) -> None:
    """Remote write 7.11: a hard shutdown waits for no peer."""
    arrived = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await over.wait()
        return web.Response()

    server.answer = hang
    task = asyncio.create_task(sent(server.url))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_closed_client_fails_as_a_network_does(server: RecordingServer) -> None:
    """T57: a reload swaps clients; whoever had the old one tries again with the new one."""
    async with client_of(server.url) as client:
        await client.close()
        outcome = await client.send(BODY, version=WriteMessage.V1, attempt=0, counts=FIVE)
    assert outcome == Outcome(Verdict.RETRY, error="the client was closed: its section has changed")


@pytest.mark.parametrize(
    ("status", "method", "bodies"),
    [
        pytest.param(307, "POST", [BODY, BODY], id="307-keeps-the-body"),
        pytest.param(302, "GET", [BODY, b""], id="302-turns-into-get"),
    ],
)
async def test_redirects_are_followed(
    server: RecordingServer, status: int, method: str, bodies: list[bytes]
) -> None:
    """Remote write 1.5: as Go does."""

    async def answer(request: web.Request) -> web.StreamResponse:
        moved = request.path == "/w"
        return await (saying(status, Location="/moved") if moved else saying(204))(request)

    server.answer = answer
    assert (await sent(f"{server.url}/w")).verdict is Verdict.ACCEPTED
    assert [request.method for request in server.requests] == ["POST", method]
    assert server.bodies == bodies


async def test_an_unusual_answer_is_for_the_full_client_from_then_on() -> None:
    """Remote write 1.3: the peer gets one body twice, as after a cut connection."""
    bodies: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        bodies.append(await reader.readexactly(len(BODY)))
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nto the end")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with client_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/") as client:
        for _ in range(2):
            outcome = await client.send(BODY, version=WriteMessage.V1, attempt=0, counts=FIVE)
            assert outcome == Outcome(Verdict.ACCEPTED, status=200)
    server.close()
    is_plain = client._http.plain() is not None
    assert bodies == [BODY] * (3 if is_plain else 2)


async def test_an_endless_text_costs_its_connection_only(server: RecordingServer) -> None:
    """T42: it is cut, and not read for as long as it comes."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=400)
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    server.answer = endless
    outcome = await sent(server.url)
    assert outcome.error == "server returned HTTP status 400 Bad Request: " + "x" * MAX_SAID_BYTES


@pytest.mark.parametrize("version", WriteMessage)
async def test_each_answer_is_understood_by_itself(
    server: RecordingServer, version: WriteMessage
) -> None:
    """Remote write 5.3: though one is nearly the same as the last."""

    def answer(status: int, **headers: str) -> None:
        server.answer = saying(status, Date="now", Server="x", **headers)

    async def outcome(to: WriteMessage = version, counts: Counts = FIVE) -> Outcome:
        return await client.send(BODY, version=to, attempt=0, counts=counts)

    async with client_of(server.url) as client:
        for number in (1, 1, 2, 0, 1):
            answer(204, X_Prometheus_Remote_Write_Samples_Written=str(number))
            assert (await outcome()).written == Counts(samples=number)
        answer(503, Retry_After="3")
        assert (await outcome()).retry_after_s == (await outcome()).retry_after_s == 3
        answer(204)
        for _ in range(2):
            assert (await outcome(WriteMessage.V1)).verdict is Verdict.ACCEPTED
            assert (await outcome(WriteMessage.V2, Counts())).verdict is Verdict.ACCEPTED
            assert (await outcome(WriteMessage.V2)).verdict is Verdict.REFUSED


async def test_a_redirect_that_is_not_followed_is_final(server: RecordingServer) -> None:
    """T29."""
    server.answer = saying(307, "over there", Location="/moved")
    unmoved = HTTPClientConfig(follow_redirects=False)
    outcome = await sent(server.url, http_client=unmoved)
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.error == "server returned HTTP status 307 Temporary Redirect: over there"


async def test_credentials_that_a_peer_repeats_are_masked(server: RecordingServer) -> None:
    """Secrets are in no log, page or API answer, wherever they come from."""

    async def echo(request: web.Request) -> web.StreamResponse:
        return web.Response(status=401, text=f"not {request.headers['Authorization']}, s3cr3t!")

    server.answer = echo
    auth = HTTPClientConfig(basic_auth=BasicAuth(username="me", password=Secret("s3cr3t")))
    outcome = await sent(server.url, http_client=auth)
    assert outcome.error.endswith(": not Basic <secret>, <secret>!")
    with_user = server.url.replace("://", "://me:s3cr3t@")
    assert "s3cr3t" not in (await sent(with_user)).error


@pytest.mark.parametrize(
    ("url", "headers", "error"),
    [
        pytest.param(
            "http://h/", {"X": "a\nb"}, 'invalid header field value for "X"', id="header-value"
        ),
        pytest.param(
            "http://h/", {"a b": "c"}, 'invalid header field name "a b"', id="header-name"
        ),
        pytest.param("http://h:99999/", {}, "url of remote_write cannot be requested", id="port"),
    ],
)
async def test_what_can_never_be_sent_is_refused_when_it_is_applied(
    url: str, headers: dict[str, str], error: str
) -> None:
    """Remote write 5.1: no batch is lost to a request that cannot be built."""
    with pytest.raises(ConfigError, match=error):
        await sent(url, headers=headers)


@pytest.mark.parametrize(
    ("version", "is_enabled", "events"),
    [
        pytest.param(WriteMessage.V2, True, ["Remote write request failed"], id="on"),
        pytest.param(WriteMessage.V2, False, [], id="off"),
        pytest.param(WriteMessage.V1, True, [], id="first-version"),
    ],
)
async def test_failed_requests_are_logged_where_that_is_asked_for(
    server: RecordingServer, version: WriteMessage, is_enabled: object, events: list[str]
) -> None:
    """Config section 10: of the second version, for debugging."""
    server.answer = saying(400, "bad")
    with capture_logs() as logs:
        await sent(server.url, version, failed_request_logging=is_enabled)
    assert [entry["event"] for entry in logs] == events
    assert all(entry["log_level"] == "debug" and "bad" in entry["err"] for entry in logs)


async def test_round_robin_dns_spreads_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remote write 1.5: one address by chance for each new connection; any may be it."""
    found: list[str] = []

    def lookup(*_: object, **__: object) -> list[object]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{last}", 1)) for last in (2, 3)
        ]

    monkeypatch.setattr("promscrape.httpclient.round_robin.secrets.choice", choosing(found))
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", _async(lookup), raising=False)
    for _ in range(2):
        outcome = await sent("http://a.example:1/", round_robin_dns=True)
        assert outcome.verdict is Verdict.RETRY
    assert found == ["127.0.0.2,127.0.0.3"] * 2


def choosing(found: list[str]) -> Callable[[list[dict[str, str]]], dict[str, str]]:
    def choose(addresses: list[dict[str, str]]) -> dict[str, str]:
        found.append(",".join(address["host"] for address in addresses))
        return addresses[-1]

    return choose


def _async(function: Callable[..., object]) -> Callable[..., object]:
    async def call(*arguments: object, **keywords: object) -> object:
        return function(*arguments, **keywords)

    return call
