import asyncio
import errno
import gzip
import socket
import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.web.state import Phase
from tests.support.service import Client, FakeService, serving

API = "/api/v1"
CLOSED = "net_conntrack_listener_conn_closed_total"


async def read_line(reader: asyncio.StreamReader) -> str:
    return (await reader.readline()).decode().strip()


class Connection:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, client: Client) -> "Connection":
        host, _, port = client.address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    def send(self, path: str) -> None:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.mark.parametrize(
    ("phase", "stopping"), [(Phase.STARTING, "false"), (Phase.STOPPING, "true")]
)
@pytest.mark.parametrize(
    "path", ["/-/ready", "/federate", f"{API}/targets", f"{API}/status/flags", f"{API}/query"]
)
async def test_what_needs_the_whole_daemon_waits_for_it(
    phase: Phase, stopping: str, path: str
) -> None:
    """Service 17, 25, 4.3: a load balancer learns that it is too early, or too late."""
    async with serving(FakeService(phase=phase)) as client:
        answer = await client.get(path)
    assert (answer.status, answer.text) == (503, "Service Unavailable")
    assert answer.headers["X-Prometheus-Stopping"] == stopping


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.STOPPING])
@pytest.mark.parametrize(
    "path", ["/-/healthy", "/metrics", "/version", "/targets", f"{API}/status/walreplay"]
)
async def test_what_needs_no_more_than_the_process_answers_at_all_times(
    phase: Phase, path: str
) -> None:
    """Service 17, 25, 4.3: a daemon that replays its log, or flushes it, can be watched."""
    async with serving(FakeService(phase=phase)) as client:
        assert (await client.get(path)).status == 200


async def test_an_origin_that_matches_may_read_the_api() -> None:
    """Service 32, 4.4: the origin is echoed, and caches are told that it matters."""
    async with serving(FakeService()) as client:
        answer = await client.get(f"{API}/status/buildinfo", {"Origin": "http://a"})
    assert answer.headers["Access-Control-Allow-Origin"] == "http://a"
    assert answer.headers["Access-Control-Allow-Methods"] == "GET, POST, OPTIONS"
    allowed = "Accept, Authorization, Content-Type, Origin"
    assert answer.headers["Access-Control-Allow-Headers"] == allowed
    assert answer.headers["Access-Control-Expose-Headers"] == "Date"
    assert answer.headers["Vary"] == "Accept-Encoding, Origin"


async def test_an_origin_that_does_not_match_may_not() -> None:
    """Service 32, 4.4: the pattern is anchored; the other headers stay."""
    origin = r"--web.cors.origin=https?://(x|y)\.com"
    async with serving(FakeService(), origin) as client:
        for path in (f"{API}/status/buildinfo", f"{API}/query"):
            answer = await client.get(path, {"Origin": "http://x.com.evil"})
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Access-Control-Allow-Methods" in answer.headers
        answer = await client.get(f"{API}/status/flags", {"Origin": "https://x.com"})
        assert answer.headers["Access-Control-Allow-Origin"] == "https://x.com"


async def test_without_an_origin_only_the_api_mentions_it() -> None:
    """Service 4.4: CORS is for the API; `/metrics` has no such header."""
    async with serving(FakeService()) as client:
        answer = await client.get(f"{API}/status/flags")
        assert answer.headers["Vary"] == "Accept-Encoding, Origin"
        assert "Access-Control-Allow-Methods" not in answer.headers
        answer = await client.get("/metrics", {"Origin": "http://a"})
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", [f"{API}/targets", f"{API}/nope"])
async def test_a_preflight_is_answered_on_any_api_path(path: str) -> None:
    """Service 32, 4.4: 204 with the headers and nothing else."""
    async with serving(FakeService()) as client:
        answer = await client.ask("OPTIONS", path, {"Origin": "http://a"})
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == "http://a"


async def test_a_preflight_waits_for_the_daemon() -> None:
    """Service 4.4: 503 while it is not ready."""
    async with serving(FakeService(phase=Phase.STARTING)) as client:
        assert (await client.ask("OPTIONS", f"{API}/targets")).status == 503


@pytest.mark.parametrize(
    ("accepted", "encoding", "unpack"),
    [
        ("gzip", "gzip", gzip.decompress),
        ("deflate, gzip", "deflate", zlib.decompress),
        ("br, gzip;q=0, deflate", "deflate", zlib.decompress),
        ("br", None, bytes),
        ("", None, bytes),
    ],
)
async def test_an_api_answer_is_compressed_by_the_first_encoding(
    accepted: str, encoding: str | None, unpack: Callable[[bytes], bytes]
) -> None:
    """Service 33, 4.4: in the client's order; a part with a q-value is not looked into."""
    async with serving(FakeService()) as client:
        answer = await client.get(f"{API}/status/config", {"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == encoding
    assert unpack(answer.body).startswith(b'{"status":"success"')


async def test_a_large_answer_is_compressed_as_well() -> None:
    """Service 33: the way through a thread gives the same bytes."""
    async with serving(FakeService(), f"--web.page-title={'x' * 300_000}") as client:
        answer = await client.get(f"{API}/status/flags", {"Accept-Encoding": "gzip"})
    assert b"x" * 300_000 in gzip.decompress(answer.body)


async def test_requests_are_counted_by_route() -> None:
    """Service 59, 10: every route is there at 0 before its first request."""
    registry = CollectorRegistry()

    def count(handler: str, code: str) -> float | None:
        labels = {"handler": handler, "code": code}
        return registry.get_sample_value("prometheus_http_requests_total", labels)

    async with serving(FakeService(phase=Phase.STARTING), registry=registry) as client:
        assert count("/-/ready", "200") == 0
        assert count("/api/v1/label/:name/values", "200") == 0
        for path in ("/-/ready", "/-/healthy", "/nope", f"{API}/label/a/values"):
            await client.get(path)
        assert count("/-/ready", "503") == 1
        assert count("/-/healthy", "200") == 1
        assert count("/api/v1/label/:name/values", "503") == 1
        assert count("/nope", "404") is None
    labels = {"handler": "/-/healthy"}
    size = registry.get_sample_value("prometheus_http_response_size_bytes_sum", labels)
    assert size == len("Prometheus Agent is Healthy.\n")
    counted = registry.get_sample_value("prometheus_http_request_duration_seconds_count", labels)
    assert counted == 1


async def test_connections_are_counted() -> None:
    """Service 10: net_conntrack_listener_*, by which a leak of connections shows."""
    registry = CollectorRegistry()
    async with serving(FakeService(), registry=registry) as client:
        for _ in range(2):
            await client.get("/-/healthy", {"Connection": "close"})
    labels = {"listener_name": "http"}
    for what in ("accepted", "closed"):
        name = f"net_conntrack_listener_conn_{what}_total"
        assert registry.get_sample_value(name, labels) == 2


async def test_all_listeners_share_the_limit_of_connections() -> None:
    """Service 15, 4.4: the third of two waits, is not refused, and has its turn."""
    service = FakeService()
    async with serving(
        service,
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address=127.0.0.1:0",
        "--web.max-connections=2",
    ) as client:
        first, second, third = [await Connection.open(client) for _ in range(3)]
        for idle in (first, second):
            idle.send("/-/healthy")
            assert await read_line(idle.reader) == "HTTP/1.1 200 OK"
        third.send("/-/healthy")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read_line(third.reader), 0.05)
        await first.close()
        assert await read_line(third.reader) == "HTTP/1.1 200 OK"
        await second.close()
        await third.close()


async def test_every_address_serves() -> None:
    """Service 15: --web.listen-address can be repeated."""
    with capture_logs() as logs:
        async with serving(
            FakeService(), "--web.listen-address=127.0.0.1:0", "--web.listen-address=localhost:0"
        ) as client:
            addresses = [log["address"] for log in logs if log["event"] == "Listening on"]
            assert len(set(addresses)) == 2
            for address in addresses:
                other = replace(client, address=address)
                assert (await other.get("/-/healthy")).status == 200


async def test_an_idle_connection_is_closed_after_the_read_timeout() -> None:
    """Service 1.2: a client that opens connections and says nothing does not keep them."""
    async with serving(FakeService(), "--web.read-timeout=30ms") as client:
        silent, halfway, idle = [await Connection.open(client) for _ in range(3)]
        halfway.writer.write(b"GET /-/healthy HTTP/1.1\r\n")
        idle.send("/-/healthy")
        for connection in (silent, halfway, idle):
            await asyncio.wait_for(connection.reader.read(), 2)
            assert connection.reader.at_eof()
            await connection.close()


async def test_a_read_timeout_of_zero_keeps_connections() -> None:
    """Service 1.2: Go takes 0 for no timeout."""
    async with serving(FakeService(), "--web.read-timeout=0s") as client:
        for _ in range(2):
            assert (await client.get("/-/healthy")).status == 200


async def test_an_address_in_use_is_an_error_in_gos_words() -> None:
    """Service 13: what the daemon logs as `Unable to start web listener`."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        text = f"listen tcp {address}: bind: address already in use"
        with pytest.raises(OSError, match=text):
            async with serving(
                FakeService(), "--web.listen-address=127.0.0.1:0", f"--web.listen-address={address}"
            ):
                pass


async def test_leaving_does_not_wait_for_open_requests() -> None:
    """Service 3: the web server is the last to stop, and stops."""
    service = FakeService(may_reload=asyncio.Event())
    async with serving(service, "--web.enable-lifecycle") as client:
        open_request = await Connection.open(client)
        open_request.writer.write(b"POST /-/reload HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.get("/-/healthy")
    assert await open_request.reader.read() == b""
    await open_request.close()


async def test_a_bug_in_a_handler_is_500_and_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Service 10: the daemon goes on, the log has the traceback, the counter the code."""
    service, registry = FakeService(), CollectorRegistry()
    async with serving(service, registry=registry) as client:
        monkeypatch.setattr(service, "started_ns", None)
        assert (await client.get(f"{API}/status/runtimeinfo")).status == 500
    labels = {"handler": "/api/v1/status/runtimeinfo", "code": "500"}
    assert registry.get_sample_value("prometheus_http_requests_total", labels) == 1
    assert "TypeError" in caplog.text


async def test_the_server_does_not_tell_what_it_is_made_of() -> None:
    """Service 4: a scanner need not learn the versions of Python and aiohttp."""
    async with serving(FakeService()) as client:
        answer = await client.get("/-/healthy")
    assert answer.headers["Server"] == "promscrape"


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"GET /-/healthy HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "header", "too-long"],
)
async def test_what_is_no_request_is_refused_without_a_word_in_the_log(
    nonsense: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Service 4: a port scanner must not fill the log, nor hold a connection."""
    async with serving(FakeService()) as client:
        connection = await Connection.open(client)
        connection.writer.write(nonsense)
        assert (await asyncio.wait_for(connection.reader.read(), 2)).startswith(b"HTTP/1.0 400 ")
        await connection.close()
        assert (await client.get("/-/healthy")).status == 200
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_a_connection_that_cannot_be_set_up_leaves_its_place_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Service 4.4: macOS, for one, refuses options on a socket whose client is gone."""

    def refuse() -> asyncio.Protocol:
        raise OSError(errno.EINVAL, "Invalid argument")

    registry = CollectorRegistry()
    async with serving(FakeService(), registry=registry) as client:
        monkeypatch.setattr(client.server, "_server", refuse)
        ours, theirs = socket.socketpair()
        client.server._serve(ours)
        while not registry.get_sample_value(CLOSED, {"listener_name": "http"}):
            await asyncio.sleep(0)
        theirs.close()
        monkeypatch.undo()
    assert ours.fileno() == -1
