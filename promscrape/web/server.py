"""The HTTP service: listeners, connections, and what happens to each request.

One request goes through: connection -> route -> readiness gate -> handler -> CORS (API) ->
compression -> metrics. Handlers are found in the route tables of the other files of this
folder; they return a `Reply` and know nothing of connections.
"""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from http import HTTPStatus
from types import TracebackType
from typing import Self, final

import msgspec
from aiohttp.http_exceptions import HttpProcessingError

# Not from `aiohttp.web`, which would bring its applications, routes and file serving.
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from promscrape.version import PROGRAM
from promscrape.web.compression import chosen_encoding, compress
from promscrape.web.listener import Listeners, listen
from promscrape.web.metrics import WebMetrics
from promscrape.web.options import WebOptions
from promscrape.web.reply import Reply
from promscrape.web.router import Router
from promscrape.web.routes import routes
from promscrape.web.state import Phase, Service

_FOREVER_S = 10 * 365 * 86_400.0
# How long a request's unread body is waited for after its answer; nothing here reads a body.
_LINGER_S = 10.0
# What a request that is being answered gets when the service ends.
_GRACE_S = 0.1

_CORS_HEADERS = {
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Expose-Headers": "Date",
}


@final
class WebServer:
    """Serves while it is entered, from the first state of the daemon to the last.

    An async context manager. Entering raises OSError where an address cannot be listened on;
    leaving closes the listeners and what is left of connections, without waiting for requests.
    """

    def __init__(
        self,
        service: Service,
        options: WebOptions,
        registry: CollectorRegistry,
        log: FilteringBoundLogger,
    ) -> None:
        self._service, self._options, self._log = service, options, log
        self._metrics = WebMetrics(registry)
        table = routes(service, options, registry, self._metrics)
        self._router = Router(table, options.route_prefix)
        self._metrics.declare(route.path for route in table)
        self._addresses: tuple[str, ...] = ()
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()

    @property
    def addresses(self) -> tuple[str, ...]:
        """The `host:port` of each listener, with the port that it was given for port 0."""
        return self._addresses

    async def __aenter__(self) -> Self:
        sockets = await self._open()
        self._addresses = tuple(_name(listener) for listener in sockets)
        for address in self._addresses:
            self._log.info("Listening on", address=address)
            self._log.info("TLS is disabled.", http2=False, address=address)
        keepalive_s = self._options.read_timeout_s or _FOREVER_S
        self._server = _CountingServer(
            self._answer, on_close=self._connection_closed, keepalive_s=keepalive_s
        )
        await self._stack.enter_async_context(self._tasks)
        self._listeners = Listeners(sockets, self._options.max_connections, self._serve)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listeners.close()
        self._server.pre_shutdown()
        await self._server.shutdown(_GRACE_S)
        await self._stack.aclose()

    async def _open(self) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        try:
            for address in self._options.listen_addresses:
                self._log.info("Start listening for connections", address=address)
                sockets.append(await listen(address))
        except OSError:
            for opened in sockets:
                opened.close()
            raise
        if self._options.route_prefix != "/":
            self._log.info("Router prefix", prefix=self._options.route_prefix)
        return sockets

    def _serve(self, connection: socket.socket) -> None:
        self._metrics.accepted.inc()
        self._tasks.create_task(self._hand_over(connection), name="web:connection")

    async def _hand_over(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(self._server, connection)
        except OSError:
            # The client left before its connection was set up.
            connection.close()
            self._connection_closed()

    def _connection_closed(self) -> None:
        self._metrics.closed.inc()
        self._listeners.release()

    async def _answer(self, request: BaseRequest) -> Response:
        """Answer a request; an exception in here is logged and answered by aiohttp."""
        query = request.rel_url.raw_query_string
        found = self._router.find(request.method, request.path, query)
        if isinstance(found, Reply):
            return _response(found)
        loop, status, size = asyncio.get_running_loop(), HTTPStatus.INTERNAL_SERVER_ERROR, 0
        started_s = loop.time()
        try:
            reply = self._gate() if found.gated else None
            if reply is None:
                reply = await found.handler(request)
                if found.is_api:
                    reply = self._with_cors(reply, request.headers.get("Origin", ""))
                reply = await _compressed(reply, request.headers.get("Accept-Encoding", ""))
            status, size = reply.status, len(reply.body)
        finally:
            self._metrics.observe(found.path, status, loop.time() - started_s, size)
        return _response(reply)

    def _gate(self) -> Reply | None:
        """Return the answer that takes the place of all others until the daemon is ready."""
        phase = self._service.phase
        if phase is Phase.READY:
            return None
        stopping = "true" if phase is Phase.STOPPING else "false"
        headers = {"X-Prometheus-Stopping": stopping}
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"Service Unavailable", headers=headers)

    def _with_cors(self, reply: Reply, origin: str) -> Reply:
        headers = dict(reply.headers)
        if origin:
            headers |= _CORS_HEADERS
            if self._options.cors_origin.matches(origin):
                headers["Access-Control-Allow-Origin"] = origin
        return msgspec.structs.replace(reply, headers=headers, vary=(*reply.vary, "Origin"))


@final
class _CountingServer(Server):
    """aiohttp's server, which also says when a connection has ended."""

    def __init__(
        self,
        handler: Callable[[BaseRequest], Awaitable[StreamResponse]],
        *,
        on_close: Callable[[], None],
        keepalive_s: float,
    ) -> None:
        super().__init__(
            handler,
            keepalive_timeout=keepalive_s,
            lingering_time=min(keepalive_s, _LINGER_S),
            access_log=None,
            logger=_request_logger(),
        )
        self._on_close = on_close

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._on_close()


def _request_logger() -> logging.Logger:
    """Return what aiohttp reports exceptions to: bugs of ours, but not nonsense of clients."""
    logger = logging.getLogger("promscrape.web")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    # Whoever sends no HTTP is answered 400; a port scanner must not fill the log.
    return record.exc_info is None or not isinstance(record.exc_info[1], HttpProcessingError)


async def _compressed(reply: Reply, accept_encoding: str) -> Reply:
    if not reply.compressible:
        return reply
    reply = msgspec.structs.replace(reply, vary=("Accept-Encoding", *reply.vary))
    encoding = chosen_encoding(accept_encoding)
    if encoding is None:
        return reply
    headers = {**reply.headers, "Content-Encoding": encoding}
    return msgspec.structs.replace(
        reply, body=await compress(reply.body, encoding), headers=headers
    )


def _response(reply: Reply) -> Response:
    headers = {"Server": PROGRAM, **reply.headers}
    if reply.body:
        headers["Content-Type"] = reply.content_type
    if reply.vary:
        headers["Vary"] = ", ".join(reply.vary)
    return Response(status=reply.status, body=reply.body, headers=headers)


def _name(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
