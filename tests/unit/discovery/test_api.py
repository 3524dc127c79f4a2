"""Requests to the servers that providers ask, against a real one on loopback."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from promscrape.discovery.api import API, page_numbers, with_query
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from tests.support.faults import Fault, Faults
from tests.support.http_server import RecordingServer


class Thing(msgspec.Struct):
    """A shape that an answer may have."""

    name: str = ""
    tags: list[str] = []
    inner: "dict[str, Thing]" = {}


def as_json(text: str) -> Faults:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return Faults(answer)


@pytest_asyncio.fixture(name="server")
async def run_server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer(as_json('[{"name": "a", "more": 1}]')) as server:
        yield server


def api_of(server: RecordingServer, timeout_s: float = 10.0) -> API:
    http = HTTPClient(HTTPClientConfig(), "promscrape/test")
    return API(http, f"{server.url}/base", timeout_s, {"X-Token": "t"})


async def test_an_answer_is_read_into_what_is_asked_for(server: RecordingServer) -> None:
    """P-6: the fields that the kind has; others are left alone."""
    api = api_of(server)
    assert await api.get("/things", list[Thing], {"b": ["2", "1"], "a": ""}) == [Thing("a")]
    await api.close()
    (request,) = server.requests
    assert request.raw_path == "/base/things?a=&b=2&b=1"
    assert (request.headers["X-Token"], request.headers["Accept"]) == ("t", "application/json")


def test_a_query_is_encoded_as_go_does() -> None:
    """P-11: sorted by key, a space as `+`, and nothing where there is none."""
    assert with_query("/a", {"b": 'x "y"/z', "a~": "1:2"}) == "/a?a~=1%3A2&b=x+%22y%22%2Fz"
    assert with_query("/a", {}) == "/a"


async def test_a_null_stands_for_nothing(server: RecordingServer) -> None:
    """Test 124: as Go reads it, at any depth, and as a whole."""
    api = api_of(server)
    server.answer = as_json('[null, {"name": null, "inner": {"x": {"tags": null}, "y": null}}]')
    assert await api.get("/", list[Thing]) == [Thing(inner={"x": Thing()})]
    server.answer = as_json("null")
    assert await api.get("/", list[Thing]) == []
    await api.close()


@pytest.mark.parametrize(
    ("fault", "kind", "text"),
    [
        (
            Fault.ERROR,
            DiscoveryError,
            'server returned HTTP status 500 Internal Server Error ("rpc error: No cluster leader")',
        ),
        (Fault.HANG, FetchError, "context deadline exceeded"),
        (Fault.TRICKLE, FetchError, "context deadline exceeded"),
        (Fault.CUT, FetchError, "unexpected EOF"),
        (Fault.GARBAGE, DiscoveryError, "unexpected answer: Input data was truncated"),
        (
            Fault.WRONG_SHAPE,
            DiscoveryError,
            "unexpected answer: Expected `array`, got `str`",
        ),
        (Fault.EMPTY, DiscoveryError, "unexpected answer: Input data was truncated"),
    ],
)
async def test_a_failure_names_the_request_and_the_reason(
    server: RecordingServer, fault: Fault, kind: type[Exception], text: str
) -> None:
    """C-4, B-6: a provider that gets an error publishes nothing."""
    faults = as_json("[]")
    faults.active, server.answer = fault, faults
    api = api_of(server, timeout_s=0.3)
    with pytest.raises(kind) as caught:
        await api.get("/x", list[Thing])
    assert str(caught.value) == f'Get "{server.url}/base/x": {text}'
    faults.active = None
    assert await api.get("/x", list[Thing]) == []
    await api.close()


async def test_other_successes_are_none_unless_the_api_says_so(server: RecordingServer) -> None:
    """Discovery 5: most of the APIs know 200 alone."""

    async def accepted(_: web.Request) -> web.StreamResponse:
        return web.Response(status=202)

    server.answer = accepted
    api = api_of(server)
    reply = await api.ask("POST", "/x", body=b"a")
    await api.close()
    assert server.bodies == [b"a"]
    assert reply.succeeded(with_any_2xx=True) is reply
    with pytest.raises(DiscoveryError, match="HTTP status 202 Accepted"):
        reply.succeeded()


def test_a_list_without_an_end_fails() -> None:
    """C-4: a server whose every page has a next one must not fill the memory."""
    pages = page_numbers()
    assert [next(pages), next(pages)] == [1, 2]
    with pytest.raises(DiscoveryError, match="a list has more than 10000 pages"):
        list(pages)
