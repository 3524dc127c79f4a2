"""Requests over plain connections, for the many of the same kind that scrapes are.

aiohttp makes the connections and is asked for whatever is unusual; a request over a connection
that is open needs one write and one future, at a tenth of what a full client takes.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final
from weakref import WeakValueDictionary

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from promscrape.errors import FetchError
from promscrape.httpclient.answer import AnswerReader
from promscrape.httpclient.connection import Connection, Host, LostConnectionError, OpenConnections
from promscrape.httpclient.redirect import first_hop, shown
from promscrape.httpclient.transport_error import reason

_TARGET, _FIELD = re.compile(r"/[!-~]*"), re.compile(r"[!-~][ -~]*")

_Origin: TypeAlias = tuple[str, int]

# Where a request has one of its own, it is for the full client to say how the two go together.
_OWN_NOT_PLAIN = frozenset({"host", "user-agent", "content-length", "transfer-encoding", "expect"})


@final
@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request that is ready to be sent, credentials included.

    head: all of it, or all lines but the one with the length of the body.
    text: its method and URL, as errors show them.
    """

    url: URL
    host: Host
    head: bytes = field(repr=False)
    text: str


@final
class PlainClient:
    """The open connections to the hosts of one HTTP client's plain requests.

    own: what the section adds to the headers of each request; an Authorization of the caller's
        is not replaced.
    has_socket: all requests go to the one socket of the session, whatever host they name.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        user_agent: str,
        own: Sequence[tuple[str, str]],
        *,
        has_socket: bool,
    ) -> None:
        self._session, self._user_agent, self._has_socket = session, user_agent, has_socket
        self._own = own
        # A host is known as long as one of its requests or connections is.
        self._hosts: WeakValueDictionary[_Origin, Host] = WeakValueDictionary()
        self._open = OpenConnections()

    @property
    def open_connections(self) -> int:
        """How many there are, idle ones included."""
        return len(self._open)

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._open.close()

    def prepare(
        self, text: str, headers: Mapping[str, str], method: str = "GET"
    ) -> PlainRequest | None:
        """Return a request of this URL, None where it is not surely plain. Raises FetchError."""
        url = first_hop(method, text, headers, None).url
        if url.scheme != "http" or not url.raw_host or "@" in url.raw_authority:
            return None
        host, target = url.host_port_subcomponent or "", url.raw_path_qs
        names = {name.lower() for name in headers}
        own = [
            one for one in self._own if one[0] != "Authorization" or "authorization" not in names
        ]
        head = [("Host", host), ("User-Agent", self._user_agent), *headers.items(), *own]
        fields = [f"{name}: {value}" for name, value in head]
        is_plain = _TARGET.fullmatch(target) and all(map(_FIELD.fullmatch, fields))
        names |= {name.lower() for name, _ in own}
        if not is_plain or names & _OWN_NOT_PLAIN:
            return None
        lines = [f"{method} {target} HTTP/1.1", *fields, *([""] if method == "GET" else []), ""]
        origin = ("", 0) if self._has_socket else (url.raw_host, url.port or 0)
        return PlainRequest(
            url,
            self._hosts.setdefault(origin, Host()),
            "\r\n".join(lines).encode(),
            f'{method.capitalize()} "{shown(str(url))}"',
        )

    async def get(self, request: PlainRequest, most: int, timeout_s: float) -> AnswerReader:
        """Return the answer, with a body of at most so many bytes.

        A connection that was kept open and has ended meanwhile is replaced once. Raises
        FetchError, and UnusualAnswer and BodyTooLarge as the reader does. Cancellation closes
        the connection.
        """
        reader = AnswerReader(most)
        idle = request.host.idle
        connection = idle.pop() if idle else None
        is_new = connection is None
        while True:
            if connection is None:
                connection, timeout_s = await self._connect(request, timeout_s)
            whole = connection.ask(request.head, reader, timeout_s)
            try:
                await whole
            except LostConnectionError as exc:
                if is_new or reader.has_begun:
                    raise failure(request, reader, exc) from exc
                timeout_s -= asyncio.get_running_loop().time() - connection.asked_s
                connection, is_new = None, True
            except TimeoutError as exc:
                raise failure(request, reader, exc) from exc
            except BaseException:
                connection.abandon(whole)
                raise
            else:
                return reader

    async def post(
        self,
        request: PlainRequest,
        body: bytes,
        reader: AnswerReader,
        timeout_s: float,
        fields: bytes = b"",
    ) -> None:
        """Send a body and read the answer; where its head came, the rest may be missing.

        Nothing is sent twice: where a kept connection ends, the peer may have the body. fields:
        further lines of the head. Raises FetchError, because of TimeoutError where there was no
        answer in time, and UnusualAnswer. Cancellation closes the connection.
        """
        idle = request.host.idle
        if idle:
            connection = idle.pop()
        else:
            connection, timeout_s = await self._connect(request, timeout_s)
        head = b"%b%bContent-Length: %d\r\n\r\n" % (request.head, fields, len(body))
        whole = connection.ask(head, reader, timeout_s, body)
        try:
            await whole
        except (LostConnectionError, TimeoutError) as exc:
            if not reader.status:
                raise failure(request, reader, exc) from exc
        except BaseException:
            connection.abandon(whole)
            raise

    async def _connect(self, request: PlainRequest, within_s: float) -> tuple[Connection, float]:
        """Return a new connection, and how much of the time is left. Raises FetchError."""
        loop, session = asyncio.get_running_loop(), self._session
        connector = session.connector
        if connector is None:  # the client was closed
            raise failure(request, None, LostConnectionError(None))
        try:
            asked = aiohttp.ClientRequest("GET", request.url, loop=loop, session=session)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)
            async with asyncio.timeout(within_s) as within:
                handle = await connector.connect(asked, [], timeout)
        except (TimeoutError, aiohttp.ClientError) as exc:
            raise failure(request, None, exc) from exc
        left_s = (within.when() or 0.0) - loop.time()
        return Connection(handle, loop, request.host, self._open), left_s


def failure(request: PlainRequest, reader: AnswerReader | None, exc: Exception) -> FetchError:
    """Return what is said of a request that failed, where the answer came this far."""
    has_head = reader is not None and reader.status
    if isinstance(exc, LostConnectionError):
        if has_head:
            return FetchError("unexpected EOF")
        text = exc.reason
    elif isinstance(exc, TimeoutError):
        text = "context deadline exceeded"
        if has_head:
            return FetchError(text)
    else:
        text = reason(exc) if isinstance(exc, aiohttp.ClientError) else str(exc)
    return FetchError(f"{request.text}: {text}")


def fields_of(head: bytes) -> CIMultiDict[str]:
    """Return the header fields of a request or answer that is known to be well-formed."""
    fields: CIMultiDict[str] = CIMultiDict()
    for line in head.decode("utf-8", "surrogateescape").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields.add(name, value.strip(" \t"))
    return fields
