"""A server that says, request by request, just what a test wants, and a plain client for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.plain import PlainClient, PlainRequest

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
Talk = Callable[[asyncio.StreamWriter], None]


@asynccontextmanager
async def plain(unix_socket: str = "") -> AsyncIterator[PlainClient]:
    async with HTTPClient(HTTPClientConfig(), "promscrape/test", unix_socket=unix_socket) as client:
        found = client.plain()
        assert found is not None
        yield found


def prepared(client: PlainClient, url: str) -> PlainRequest:
    request = client.prepare(url, {"Accept": "text/plain"})
    assert request is not None
    return request


@asynccontextmanager
async def talking(*talks: Talk) -> AsyncIterator[tuple[str, list[int]]]:
    """Serve connections that do as told at each request; yield the URL and requests of each."""
    counts: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(counts)
        counts.append(0)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                counts[number] += 1
                talks[min(sum(counts), len(talks)) - 1](writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", counts
    finally:
        server.close()


def answer(writer: asyncio.StreamWriter) -> None:
    writer.write(ANSWER)


def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


def stay_silent(_: asyncio.StreamWriter) -> None:
    pass
