"""A target that is a real HTTP server on loopback, with an answer of the test's choice."""

import asyncio
from types import TracebackType
from typing import Self, final

from aiohttp import web
from aiohttp.test_utils import TestServer


@final
class Exporter:
    """Serves `body` on every path.

    requests: the path of each request. connections: where each of them came from, a host and port
    that differ from one connection to the next. authorizations: the header of each of them.
    """

    def __init__(self, body: bytes = b"a 1\n") -> None:
        self.body = body
        self.content_type = "text/plain; version=0.0.4"
        self.status = 200
        self.delay = asyncio.Event()
        self.delay.set()
        self.requests: list[str] = []
        self.connections: list[tuple[str, int]] = []
        self.authorizations: list[str | None] = []
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._server = TestServer(app)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.port}"

    async def _answer(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        self.authorizations.append(request.headers.get("Authorization"))
        assert request.transport is not None
        self.connections.append(request.transport.get_extra_info("peername"))
        await self.delay.wait()
        return web.Response(
            status=self.status, body=self.body, headers={"Content-Type": self.content_type}
        )

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.delay.set()
        await self._server.close()
