"""A server whose every path is a target that misbehaves in its own way."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, final

_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
_CHUNK = b"x" * (1 << 20)

Behavior = Callable[[asyncio.StreamWriter], Awaitable[None]]


async def hang(_: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + b"Content-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"#")
        await writer.drain()
        await asyncio.sleep(0.05)


async def redirect_for_ever(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /redirect\r\nContent-Length: 0\r\n\r\n")


async def send_ten_gigabytes(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + b"Connection: close\r\n\r\n")
    for _ in range(10_000):
        writer.write(_CHUNK)
        await writer.drain()


async def send_garbage(writer: asyncio.StreamWriter) -> None:
    body = bytes(range(256)) * 4
    writer.write(_OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)


async def speak_another_protocol(writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.com ESMTP\r\n")


async def close_early(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + b"Content-Length: 1000\r\n\r\na 1\n")


async def behave(writer: asyncio.StreamWriter) -> None:
    writer.write(_OK + b"Content-Length: 4\r\n\r\na 1\n")


BEHAVIORS: dict[str, Behavior] = {
    "/hang": hang,
    "/drip": drip,
    "/redirect": redirect_for_ever,
    "/gigabytes": send_ten_gigabytes,
    "/garbage": send_garbage,
    "/protocol": speak_another_protocol,
    "/early": close_early,
    "/good": behave,
}
_KEEPS_OPEN = frozenset({"/good", "/redirect"})


@final
class HostileServer:
    """Listens on loopback; the path of a request chooses what happens to it."""

    def __init__(self) -> None:
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                await BEHAVIORS[path](writer)
                await writer.drain()
                if path not in _KEEPS_OPEN:
                    break
        except (OSError, RuntimeError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The scraper hung up (uvloop says that with a RuntimeError), or the test ends.
        finally:
            self._connections.discard(task)
            writer.close()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await self._server.wait_closed()
