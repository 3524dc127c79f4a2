"""GET requests over plain connections, for the many of the same kind that scrapes are.

aiohttp makes the connections and is asked for whatever is unusual; a request over a connection
that is open needs one write, one future and one timer, at a tenth of what a full client takes.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, final

import aiohttp
from yarl import URL

from promscrape.errors import FetchError
from promscrape.httpclient.answer import AnswerReader
from promscrape.httpclient.redirect import first_hop, shown
from promscrape.httpclient.transport_error import os_reason, reason

IDLE_S: Final = 300
"""How long a connection is kept open without a request."""

_TARGET, _FIELD = re.compile(r"/[!-~]*"), re.compile(r"[!-~][ -~]*")

_Origin: TypeAlias = tuple[str, int]


@final
@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request that is ready to be sent. text: its URL, as errors show it."""

    url: URL
    origin: _Origin
    data: bytes
    text: str


@final
class LostConnectionError(Exception):
    """The connection ended before the answer did; `reason` is the system's, where it has one."""

    def __init__(self, cause: Exception | None) -> None:
        super().__init__()
        self.reason = f"read: {os_reason(cause)}" if isinstance(cause, OSError) else "EOF"


@final
class PlainClient:
    """The open connections to the hosts of one HTTP client's plain requests.

    has_socket: all requests go to the one socket of the session, whatever host they name.
    """

    def __init__(
        self, session: aiohttp.ClientSession, user_agent: str, *, has_socket: bool
    ) -> None:
        self._session, self._user_agent, self._has_socket = session, user_agent, has_socket
        self._idle: dict[_Origin, list[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def open_connections(self) -> int:
        """How many there are, idle ones included."""
        return len(self._open)

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._open):
            connection.close()

    def prepare(self, text: str, headers: Mapping[str, str]) -> PlainRequest | None:
        """Return a GET of this URL, None where it is not surely plain. Raises FetchError."""
        url = first_hop("GET", text, headers, None).url
        if url.scheme != "http" or not url.raw_host or "@" in url.raw_authority:
            return None
        host, target = url.host_port_subcomponent or "", url.raw_path_qs
        head = [("Host", host), ("User-Agent", self._user_agent), *headers.items()]
        fields = [f"{name}: {value}" for name, value in head]
        if not _TARGET.fullmatch(target) or not all(map(_FIELD.fullmatch, fields)):
            return None
        data = "\r\n".join((f"GET {target} HTTP/1.1", *fields, "\r\n")).encode()
        origin = ("", 0) if self._has_socket else (url.raw_host, url.port or 0)
        return PlainRequest(url, origin, data, shown(str(url)))

    async def get(self, request: PlainRequest, most: int, timeout_s: float) -> AnswerReader:
        """Return the answer, with a body of at most so many bytes.

        A connection that was kept open and has ended meanwhile is replaced once. Raises
        FetchError, and UnusualAnswer and BodyTooLarge as the reader does.
        """
        reader = AnswerReader(most)
        try:
            connection = self._take(request.origin)
            if connection is not None:
                try:
                    return await self._ask(connection, request, reader, timeout_s)
                except LostConnectionError:
                    if reader.has_begun:
                        raise
            async with asyncio.timeout(timeout_s) as within:
                connection = await self._connect(request.url)
            left_s = (within.when() or 0.0) - connection.loop.time()
            return await self._ask(connection, request, reader, left_s)
        except LostConnectionError as exc:
            if reader.status:
                raise FetchError("unexpected EOF") from exc
            raise FetchError(f'Get "{request.text}": {exc.reason}') from exc
        except aiohttp.ClientError as exc:
            raise FetchError(f'Get "{request.text}": {reason(exc)}') from exc
        except TimeoutError as exc:
            text = "context deadline exceeded"
            raise FetchError(text if reader.status else f'Get "{request.text}": {text}') from exc

    async def _ask(
        self,
        connection: "_Connection",
        request: PlainRequest,
        reader: AnswerReader,
        within_s: float,
    ) -> AnswerReader:
        try:
            await connection.ask(request.data, reader, within_s)
        except BaseException:
            connection.close()
            raise
        if reader.keeps_alive:
            self._keep(request.origin, connection)
        else:
            connection.close()
        return reader

    async def _connect(self, url: URL) -> "_Connection":
        loop, session = asyncio.get_running_loop(), self._session
        connector = session.connector
        if connector is None:  # the client was closed
            raise LostConnectionError(None)
        request = aiohttp.ClientRequest("GET", url, loop=loop, session=session)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
        handle = await connector.connect(request, [], timeout)
        connection = _Connection(handle, loop, self._open)
        self._open.add(connection)
        return connection

    def _take(self, origin: _Origin) -> "_Connection | None":
        """Return the connection that was used last: the others may time out."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    def _keep(self, origin: _Origin, connection: "_Connection") -> None:
        connection.idle_since_s = connection.loop.time()
        self._idle.setdefault(origin, []).append(connection)
        if self._sweep is None:
            self._sweep = connection.loop.call_later(IDLE_S, self._close_idle, connection.loop)

    def _close_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """Close what was not used for long, and forget the hosts that are gone."""
        before_s = loop.time() - IDLE_S
        for origin, idle in list(self._idle.items()):
            for connection in idle:
                if connection.idle_since_s <= before_s:
                    connection.close()
            kept = [connection for connection in idle if connection.is_open]
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        self._sweep = loop.call_later(IDLE_S, self._close_idle, loop) if self._idle else None


@final
class _Connection(asyncio.Protocol):
    """One connection that aiohttp made, with one request on its way at a time."""

    def __init__(
        self,
        handle: aiohttp.connector.Connection,
        loop: asyncio.AbstractEventLoop,
        among: "set[_Connection]",
    ) -> None:
        transport, protocol = handle.transport, handle.protocol
        assert transport is not None
        assert protocol is not None
        self.loop, self.idle_since_s = loop, 0.0
        self._handle, self._transport, self._made_by = handle, transport, protocol
        self._among = among
        self._reader: AnswerReader | None = None
        self._whole: asyncio.Future[None] | None = None
        self.is_open = not transport.is_closing()
        transport.set_protocol(self)

    def close(self) -> None:
        self.is_open = False
        self._among.discard(self)
        self._handle.close()

    async def ask(self, data: bytes, reader: AnswerReader, within_s: float) -> None:
        """Send a request and wait for its answer.

        Raises TimeoutError, LostConnectionError and what the reader raises. The connection is of
        no more use then, nor after a cancellation.
        """
        if not self.is_open:
            raise LostConnectionError(None)
        whole = self.loop.create_future()
        self._reader, self._whole = reader, whole
        timer = self.loop.call_later(within_s, self._fail, TimeoutError())
        self._transport.write(data)
        try:
            await whole
        finally:
            timer.cancel()
            self._reader = self._whole = None

    def data_received(self, data: bytes) -> None:
        whole, reader = self._whole, self._reader
        if whole is None or reader is None or whole.done():
            self.close()  # nobody asked
            return
        try:
            if reader.feed(data):
                whole.set_result(None)
        except Exception as exc:  # noqa: BLE001 - goes on to who waits for the answer
            whole.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostConnectionError(exc))
        self.close()
        self._made_by.connection_lost(exc)

    def _fail(self, exc: Exception) -> None:
        if self._whole is not None and not self._whole.done():
            self._whole.set_exception(exc)
