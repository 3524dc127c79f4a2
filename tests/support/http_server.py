"""A real HTTP server on loopback that keeps the requests it was sent."""

import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias, final

from aiohttp import web
from aiohttp.test_utils import TestServer

# How long a request that is still being answered may hold up the end.
_SHUTDOWN_S = 0.05

Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hello(_: web.Request) -> web.StreamResponse:
    return web.Response(text="hello")


@final
class RecordingServer:
    """Answers every method on every path with `answer`, from `start` until it is left.

    unix_socket: the path of a socket that it listens on as well.
    """

    def __init__(
        self,
        answer: Answer = hello,
        *,
        context: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        unix_socket: Path | None = None,
    ) -> None:
        self.answer = answer
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self._context = context
        self._unix_socket = unix_socket
        self._host, self.port = host, 0

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://{self._host}:{self.port}"

    def sent(self, name: str) -> list[str | None]:
        """Return the value of one header in each request."""
        return [request.headers.get(name) for request in self.requests]

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.answer(request)

    async def start(self) -> None:
        """Listen; after `stop`, on the same port and the same socket."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._receive)
        self._server = TestServer(app, host=self._host, port=self.port)
        await self._server.start_server(ssl=self._context, shutdown_timeout=_SHUTDOWN_S)
        assert self._server.port is not None
        self.port = self._server.port
        if self._unix_socket:
            assert self._server.runner is not None
            await web.UnixSite(self._server.runner, self._unix_socket).start()

    async def stop(self) -> None:
        """Close every connection, and listen no longer."""
        await self._server.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()


class Entered:
    """A server of its own kind that is there while its `server` is.

    server: set by whoever derives from this.
    """

    server: RecordingServer

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.server.stop()
