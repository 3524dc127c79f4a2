"""Connections for plain requests: one request on its way at a time, and one timer for all of them."""

import asyncio
from math import inf
from typing import TYPE_CHECKING, Final, final

import aiohttp

from promscrape.httpclient.answer import AnswerReader
from promscrape.httpclient.transport_error import os_reason

if TYPE_CHECKING:
    from promscrape.httpclient._exchange_c import Exchange, Exchanges

IDLE_S: Final = 300
"""How long a connection is kept open without a request."""

# Between two looks at all connections: many that are late would cause one each.
_PAUSE_S = 0.05

# The event loop counts whole milliseconds, and may wake a timer that much too early.
_EARLY_S = 0.001


@final
class LostConnectionError(Exception):
    """The connection ended before the answer did; `reason` is the system's, where it has one."""

    def __init__(self, cause: Exception | None) -> None:
        super().__init__()
        self.reason = f"read: {os_reason(cause)}" if isinstance(cause, OSError) else "EOF"


@final
class Host:
    """The open connections to one host that nobody uses, the one that was used last at the end."""

    __slots__ = ("__weakref__", "idle")

    def __init__(self) -> None:
        self.idle: list[Connection] = []


@final
class OpenConnections:
    """All connections of one client, and the timer that ends late requests and what is unused.

    The timer is set for the first of them at most, and mostly finds its request answered.
    """

    def __init__(self) -> None:
        self._all: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.next_due_s = inf

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: "Connection") -> None:
        self._all.add(connection)

    def discard(self, connection: "Connection") -> None:
        self._all.discard(connection)

    def close(self) -> None:
        """Close them all; requests under way fail."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._all):
            connection.close()

    def watch(self, due_s: float, loop: asyncio.AbstractEventLoop) -> None:
        """See to it that what is due at this time of the loop's clock is looked at."""
        if self._timer is not None:
            self._timer.cancel()
        self.next_due_s = due_s
        self._timer = loop.call_at(due_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time() + _EARLY_S
        self._timer, self.next_due_s = None, inf
        for connection in [one for one in self._all if one.due_s <= now_s]:
            connection.expire()
        due_s = min([one.due_s for one in self._all], default=inf)
        if due_s < inf:
            self.watch(max(due_s, now_s + _PAUSE_S), loop)


@final
class Connection(asyncio.Protocol):
    """One connection that aiohttp made.

    due_s: when it is to be ended, in the time of the event loop: where a request is on its way,
        with a TimeoutError.
    asked_s: when its last request was sent.
    """

    __slots__ = (
        "_among",
        "_exchange",
        "_handle",
        "_host",
        "_loop",
        "_made_by",
        "_reader",
        "_transport",
        "_whole",
        "asked_s",
        "due_s",
        "is_open",
    )

    def __init__(
        self,
        handle: aiohttp.connector.Connection,
        loop: asyncio.AbstractEventLoop,
        host: Host,
        among: OpenConnections,
    ) -> None:
        transport, protocol = handle.transport, handle.protocol
        assert transport is not None
        assert protocol is not None
        self.asked_s, self.due_s = 0.0, inf
        self._loop, self._host, self._among = loop, host, among
        self._handle, self._transport, self._made_by = handle, transport, protocol
        self._reader: AnswerReader | None = None
        self._whole: asyncio.Future[None] | None = None
        self._exchange: Exchange | None = None
        self.is_open = not transport.is_closing()
        transport.set_protocol(self)
        among.add(self)

    def ask(
        self, head: bytes, reader: AnswerReader, within_s: float, body: bytes = b""
    ) -> "asyncio.Future[None]":
        """Send a request; return what is done when its answer was read whole.

        It has the exception TimeoutError, LostConnectionError, or what the reader raises, after
        which the connection is closed. Else others may use it at once. Who is cancelled in
        waiting has to call `abandon`.
        """
        whole = self._expect(reader, within_s)
        if not self.is_open:
            self._fail(LostConnectionError(None))
            return whole
        self._watch()
        if body:
            # What the peer does not take is kept by the transport, at most this one request.
            self._transport.writelines((head, body))
        else:
            self._transport.write(head)
        return whole

    def lend(self, exchanges: "Exchanges", head: bytes) -> "Exchange":
        """Let a thread make a request of this head over it, until `take_back` or `go_on`.

        The event loop neither sees what comes meanwhile nor ends it when it is unused. Raises
        OSError, and is as before, where that takes more files than may be open.
        """
        fd = self._transport.get_extra_info("socket").fileno()
        self._exchange = exchange = exchanges.open(fd, head)
        self._transport.pause_reading()
        self.due_s = inf
        return exchange

    def is_lent(self, exchange: "Exchange") -> bool:
        """Whether this exchange has it still."""
        return self._exchange is exchange

    def take_back(self) -> None:
        """Let others use it again."""
        self._end_exchange()
        self.due_s = self._loop.time() + IDLE_S
        self._watch()
        self._transport.resume_reading()
        self._host.idle.append(self)

    def go_on(self, reader: AnswerReader, within_s: float) -> "asyncio.Future[None]":
        """Read the rest of an answer whose beginning the thread took; else as `ask`."""
        self._end_exchange()
        whole = self._expect(reader, within_s)
        self._watch()
        self._transport.resume_reading()
        return whole

    def _expect(self, reader: AnswerReader, within_s: float) -> "asyncio.Future[None]":
        self._whole = whole = self._loop.create_future()
        self._reader = reader
        self.asked_s = self._loop.time()
        self.due_s = self.asked_s + within_s
        return whole

    def _end_exchange(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.close()

    def _watch(self) -> None:
        if self.due_s < self._among.next_due_s:
            self._among.watch(self.due_s, self._loop)

    def abandon(self, whole: "asyncio.Future[None]") -> None:
        """Close the connection, unless the answer has come by now."""
        if self._whole is whole:
            self.close()

    def close(self) -> None:
        self.is_open, self.due_s = False, inf
        self._end_exchange()
        self._among.discard(self)
        if self in self._host.idle:
            self._host.idle.remove(self)
        if self._transport.get_write_buffer_size():
            self._transport.abort()  # a peer that takes no more would hold it open
        self._handle.close()

    def expire(self) -> None:
        """Do what is to be done when it is due."""
        if self._whole is None:
            self.close()
        else:
            self._fail(TimeoutError())

    def data_received(self, data: bytes) -> None:
        reader, whole = self._reader, self._whole
        if reader is None or whole is None or whole.done():
            self.close()  # nobody asked, or nobody waits
            return
        try:
            if not reader.feed(data):
                return
        except Exception as exc:  # noqa: BLE001 - goes on to who waits for the answer
            self._fail(exc)
            return
        self._reader = self._whole = None
        if reader.keeps_alive and not self._transport.get_write_buffer_size():
            self.due_s = self.asked_s + IDLE_S
            self._host.idle.append(self)
        else:
            self.close()
        whole.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(LostConnectionError(exc))
        self._made_by.connection_lost(exc)

    def _fail(self, exc: Exception) -> None:
        whole, self._whole = self._whole, None
        self.close()
        if whole is not None and not whole.done():
            whole.set_exception(exc)
