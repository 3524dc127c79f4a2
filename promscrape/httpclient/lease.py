"""Requests that are sent when they are due by a thread of their own, whatever the event loop does.

A request that is made again and again over one connection needs the event loop for nothing but
its answer. A thread that needs no interpreter sends it, to the tenth of a millisecond, and takes
what comes; the event loop is woken once for all answers of a while. So it is where the compiled
core runs on Linux: elsewhere every request is made by the event loop.

The thread decides nothing: what an answer means is said by the same reader as for other requests,
and one that the thread could not tell the end of goes on in the event loop.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from os import strerror
from typing import TYPE_CHECKING, Final, final

from promscrape.httpclient.answer import AnswerReader, BodyTooLarge, UnusualAnswer
from promscrape.httpclient.connection import Connection, LostConnectionError
from promscrape.httpclient.plain import PlainClient, PlainRequest, failure
from promscrape.twins import COMPILED

HAS_EXCHANGES: Final = COMPILED and sys.platform == "linux"

if TYPE_CHECKING or HAS_EXCHANGES:
    from promscrape.httpclient._exchange_c import Exchange, Exchanges

GATHERED_S: Final = 0.2
"""How long an answer waits at most for others; not where twenty are there before."""

# What `Exchange.outcome` says.
NOT_SENT, ANSWERED, _LOST, _TIMED_OUT = range(1, 5)

_OK: Final = 200


def open_exchanges(
    gathered_s: float,
    give: Callable[[list[asyncio.Future[None]]], None],
) -> "Exchanges | None":
    """Start the thread, for the running event loop; None where there is none here.

    gathered_s: how long an answer waits at most for others, unless there are enough.
    give: called with the futures of all leases whose answers have come, to be done by it.
    """
    if not HAS_EXCHANGES:
        return None
    exchanges = Exchanges(gathered_s)
    asyncio.get_running_loop().add_reader(exchanges.fileno(), lambda: give(exchanges.take()))
    return exchanges


def close_exchanges(exchanges: "Exchanges") -> None:
    """End the thread and what it had to do. No lease can be used any more."""
    asyncio.get_running_loop().remove_reader(exchanges.fileno())
    exchanges.close()


@final
class Lease:
    """A connection that one request is made over, each time at the time that it is booked for.

    exchange: says how the last request went: sent_s and sent_wall_ns, when it was sent by the
        monotonic clock and by the other, and waited_s, how long its answer took.
    answered: done once that is known.
    """

    __slots__ = ("_client", "_connection", "_loop", "_request", "answered", "exchange")

    def __init__(
        self,
        client: PlainClient,
        request: PlainRequest,
        connection: Connection,
        exchanges: "Exchanges",
    ) -> None:
        self._client, self._request, self._connection = client, request, connection
        self.exchange: Exchange = connection.lend(exchanges, request.head)
        self._loop = asyncio.get_running_loop()
        self.answered = self._loop.create_future()

    @classmethod
    def of(
        cls, client: PlainClient, request: PlainRequest, exchanges: "Exchanges"
    ) -> "Lease | None":
        """Take over a connection that nobody uses; None where there is none, or no room for it."""
        idle = request.host.idle
        if not idle:
            return None
        connection = idle.pop()
        try:
            return cls(client, request, connection, exchanges)
        except OSError:
            idle.append(connection)
            return None

    def book(self, due_s: float, timeout_s: float) -> bool:
        """Book the next request for a time of the monotonic clock.

        False where the connection is of no more use; the lease has to be ended then.
        """
        self.answered = self._loop.create_future()
        return self.exchange.book(due_s, timeout_s, self.answered)

    def withdraw(self) -> bool:
        """Give up the request that is booked; false where it is on its way already."""
        return self.exchange.withdraw()

    def end(self) -> None:
        """Give the connection back, or close it where a request is on its way."""
        exchange, connection = self.exchange, self._connection
        if not connection.is_lent(exchange):
            return
        exchange.withdraw()
        if exchange.is_idle:
            connection.take_back()
        else:
            connection.close()

    def received(self, most: int) -> AnswerReader | None:
        """Return the answer, if it is the usual one: whole, and a success. Else see `answer`."""
        exchange = self.exchange
        if exchange.outcome != ANSWERED:
            return None
        reader = AnswerReader(most)
        try:
            is_whole = reader.feed(exchange.data())
        except (UnusualAnswer, BodyTooLarge):
            return None
        if not is_whole or not reader.keeps_alive or reader.status != _OK:
            return None
        exchange.settle()
        return reader

    async def answer(self, most: int, timeout_s: float) -> AnswerReader:
        """Return the answer to the request that was sent; see `PlainClient.get`.

        timeout_s: what the request was booked with.
        """
        exchange, connection, reader = self.exchange, self._connection, AnswerReader(most)
        outcome, data = exchange.outcome, exchange.data()
        try:
            is_whole = reader.feed(data) if data else False
        except BaseException:
            connection.close()
            raise
        if is_whole:
            if reader.keeps_alive and outcome == ANSWERED:
                exchange.settle()
            else:
                connection.close()
            return reader
        if outcome == _TIMED_OUT:
            connection.close()
            raise failure(self._request, reader, TimeoutError())
        left_s = timeout_s - (time.monotonic() - exchange.sent_s)
        if outcome == ANSWERED:
            await self._read_rest(reader, left_s)
            return reader
        error = exchange.error
        connection.close()
        if data:
            cause = OSError(error, strerror(error)) if error else None
            raise failure(self._request, reader, LostConnectionError(cause))
        # A connection that was kept open had ended: that is none of the target's faults.
        return await self._client.get(self._request, most, left_s)

    async def _read_rest(self, reader: AnswerReader, within_s: float) -> None:
        whole = self._connection.go_on(reader, within_s)
        try:
            await whole
        except (LostConnectionError, TimeoutError) as exc:
            raise failure(self._request, reader, exc) from exc
        except BaseException:
            self._connection.abandon(whole)
            raise
