"""A real HTTP proxy on loopback: forwards plain requests, and tunnels with CONNECT.

It knows no names: whatever host it is asked for is taken to be 127.0.0.1, so that a test can
use names that nothing else would resolve.
"""

import asyncio
import ssl
from types import TracebackType
from typing import Self, final
from urllib.parse import urlsplit

_CHUNK_BYTES = 65536


@final
class ForwardProxy:
    """Keeps the head of each request that it was sent, and answers 407 where it is told to.

    password: what a client has to show, as `user:password` in base64.
    """

    def __init__(self, *, context: ssl.SSLContext | None = None, password: str = "") -> None:
        self.heads: list[list[str]] = []
        self._context, self._password = context, password
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def request_lines(self) -> list[str]:
        return [head[0] for head in self.heads]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._context)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            # The test is over, or its client has gone: the one way in which a connection ends.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        self.heads.append(head)
        if self._password and f"Proxy-Authorization: Basic {self._password}" not in head:
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return
        method, target, version = head[0].split(" ")
        is_tunnel = method == "CONNECT"
        port = int(target.rpartition(":")[2]) if is_tunnel else (urlsplit(target).port or 80)
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            if is_tunnel:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                path = urlsplit(target).path or "/"
                lines = [f"{method} {path} {version}", *head[1:], "Connection: close", "", ""]
                server_writer.write("\r\n".join(lines).encode())
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, server_writer))
                pumps.create_task(_pump(server_reader, writer))
        finally:
            server_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.close()
