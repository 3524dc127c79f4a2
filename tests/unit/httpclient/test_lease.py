"""Requests that a thread sends ahead of the event loop."""

import asyncio
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from promscrape.errors import FetchError
from promscrape.httpclient.answer import BodyTooLarge, UnusualAnswer
from promscrape.httpclient.lease import NOT_SENT, Lease, close_exchanges, open_exchanges
from promscrape.httpclient.plain import PlainClient
from tests.support.entries import until
from tests.support.talking import (
    ANSWER,
    Talk,
    answer,
    hang_up,
    plain,
    prepared,
    stay_silent,
    talking,
)

TIMEOUT_S = 5.0
MOST = 100


def say(*pieces: bytes) -> Talk:
    """Return what says these pieces, each in a turn of the event loop of its own."""

    def talk(writer: asyncio.StreamWriter) -> None:
        async def speak() -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)

        speaking.add(task := asyncio.create_task(speak()))
        task.add_done_callback(speaking.discard)

    return talk


speaking: set[asyncio.Task[None]] = set()


class Leased:
    """A lease after a first request, which is no longer than a moment in asking."""

    def __init__(self, lease: Lease, client: PlainClient, counts: list[int], url: str) -> None:
        self.lease, self.client, self.counts, self.url = lease, client, counts, url

    async def ask(self, timeout_s: float = TIMEOUT_S) -> None:
        assert self.lease.book(time.monotonic(), timeout_s)
        await self.lease.answered

    async def body(self, timeout_s: float = TIMEOUT_S) -> bytes:
        await self.ask(timeout_s)
        reader = self.lease.received(MOST)
        if reader is None:
            reader = await self.lease.answer(MOST, timeout_s)
        return reader.body


def give(answered: list[asyncio.Future[None]]) -> None:
    for one in answered:
        one.set_result(None)


@asynccontextmanager
async def leased(*talks: Talk, gathered_s: float = 0.0) -> AsyncIterator[Leased]:
    """Yield a lease whose server talks like this, after one usual answer."""
    async with talking(answer, *talks) as (url, counts), plain() as client:
        request = prepared(client, url)
        await client.get(request, MOST, TIMEOUT_S)
        exchanges = open_exchanges(gathered_s, give)
        assert exchanges is not None
        try:
            lease = Lease.of(client, request, exchanges)
            assert lease is not None
            yield Leased(lease, client, counts, url)
            lease.end()
        finally:
            close_exchanges(exchanges)


async def test_request_after_request_goes_over_one_connection() -> None:
    """H9: and the usual answer needs no more than a look."""
    async with leased(answer) as it:
        for _ in range(3):
            await it.ask()
            reader = it.lease.received(MOST)
            assert reader is not None
            assert reader.body == b"hello"
            assert it.lease.received(MOST) is None  # it was taken
        assert it.counts == [4]


async def test_a_request_is_sent_when_it_is_due() -> None:
    """L1: though the event loop is held up all the time."""
    async with leased(answer) as it:
        due_s = time.monotonic() + 0.02
        assert it.lease.book(due_s, TIMEOUT_S)
        while time.monotonic() < due_s + 0.05:
            pass
        await it.lease.answered
        late_s = it.lease.exchange.sent_s - due_s
        assert 0 <= late_s < 0.05
        wall_s = it.lease.exchange.sent_wall_ns / 1e9
        assert abs((time.time() - wall_s) - (time.monotonic() - it.lease.exchange.sent_s)) < 0.05


async def test_what_an_answer_took_does_not_count_the_wait_for_others() -> None:
    """L9: the first notice goes out at once, the next one when the while is over."""
    async with leased(answer, gathered_s=0.2) as it:
        await it.body()
        await it.ask()
        exchange = it.lease.exchange
        assert exchange.waited_s < 0.15
        assert time.monotonic() - exchange.sent_s > exchange.waited_s
        assert it.lease.received(MOST) is not None


async def test_many_answers_wait_for_no_more() -> None:
    """What is enough to be worked on together is worked on."""
    async with talking(answer) as (url, counts), plain() as client:
        request = prepared(client, url)
        await asyncio.gather(*(client.get(request, MOST, TIMEOUT_S) for _ in range(20)))
        assert len(counts) == 20
        exchanges = open_exchanges(3600.0, give)
        assert exchanges is not None
        leases = [Lease.of(client, request, exchanges) for _ in range(20)]
        for some in (leases[:1], leases):  # the first of all does not wait
            for lease in some:
                assert lease is not None
                assert lease.book(time.monotonic(), TIMEOUT_S)
            async with asyncio.timeout(TIMEOUT_S):
                for lease in some:
                    assert lease is not None
                    await lease.answered
                    assert lease.received(MOST) is not None
        close_exchanges(exchanges)


@pytest.mark.parametrize(
    "pieces",
    [
        (ANSWER[:3], ANSWER[3:20], ANSWER[20:]),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"he", b"llo"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"5\r\nhe", b"llo\r\n0\r\n\r\n"),
        # Its second chunk ends as an answer would.
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhey\r\n2\r\n\r\n",
            b"\r\n0\r\n\r\n",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", b"\r\nhello"),
    ],
)
async def test_an_answer_may_come_in_pieces(pieces: tuple[bytes, ...]) -> None:
    """H10."""
    async with leased(say(*pieces), answer) as it:
        expected = b"hey\r\n" if b"2\r\n\r\n" in pieces[0] else b"hello"
        assert await it.body() == expected


async def test_a_kept_connection_that_ended_is_replaced() -> None:
    """H9: once, where no byte of the answer came."""
    async with leased(hang_up, answer) as it:
        assert await it.body() == b"hello"
        assert it.counts == [2, 1]
        assert not it.lease.book(time.monotonic(), TIMEOUT_S)


async def test_a_connection_that_ends_before_the_request_is_told_of_at_once() -> None:
    """H9: nothing was sent then, and the event loop has to make the request."""
    hang_ups: list[Callable[[], None]] = []

    def answer_and_wait(writer: asyncio.StreamWriter) -> None:
        answer(writer)
        hang_ups.append(writer.close)

    async with leased(answer_and_wait) as it:
        await it.body()
        assert it.lease.book(time.monotonic() + 3600, TIMEOUT_S)
        hang_ups[0]()
        await it.lease.answered
        assert it.lease.exchange.outcome == NOT_SENT


async def test_an_answer_that_nobody_asked_for_ends_the_lease() -> None:
    """The next request would have taken it for its own."""
    async with leased(say(ANSWER + ANSWER)) as it:
        assert await it.body() == b"hello"
        assert not it.lease.book(time.monotonic(), TIMEOUT_S)


async def test_a_late_answer_is_none() -> None:
    """L5: and its connection is of no more use."""
    async with leased(stay_silent) as it:
        with pytest.raises(FetchError) as caught:
            await it.body(timeout_s=0.05)
        assert str(caught.value) == f'Get "{it.url}": context deadline exceeded'
        assert not it.lease.book(time.monotonic(), TIMEOUT_S)
        assert not it.client.open_connections


async def test_a_body_that_stops_is_none() -> None:
    """L5: with its head there, the error is the bare one."""
    async with leased(say(ANSWER[:-2])) as it:
        with pytest.raises(FetchError) as caught:
            await it.body(timeout_s=0.05)
        assert str(caught.value) == "context deadline exceeded"


async def test_an_answer_that_is_cut_off_is_an_error() -> None:
    """H13."""

    def break_off(writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER[:-2])
        writer.close()

    async with leased(break_off) as it:
        with pytest.raises(FetchError) as caught:
            await it.body()
        assert str(caught.value) == "unexpected EOF"


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", UnusualAnswer),
        (b"SSH-2.0-OpenSSH\r\n", UnusualAnswer),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101, BodyTooLarge),
    ],
)
async def test_what_an_answer_means_is_for_the_reader_to_say(
    said: bytes, error: type[Exception]
) -> None:
    """H12 to H14: the same as without the thread."""
    async with leased(say(said)) as it:
        with pytest.raises(error):
            await it.body()
        assert not it.client.open_connections


async def test_a_refusal_keeps_the_connection() -> None:
    """H13."""
    async with leased(say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), answer) as it:
        await it.ask()
        assert it.lease.received(MOST) is None
        assert (await it.lease.answer(MOST, TIMEOUT_S)).status == 404
        assert await it.body() == b"hello"
        assert it.counts == [3]


async def test_a_very_long_answer_goes_on_in_the_event_loop() -> None:
    """No more than a part of it is kept by the thread."""
    size = 3 << 20
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
    async with leased(say(head + bytes(size)), answer) as it:
        await it.ask()
        assert it.lease.received(size) is None
        assert (await it.lease.answer(size, TIMEOUT_S)).body == bytes(size)
        # Its connection is for everyone again.
        assert not it.lease.book(time.monotonic(), TIMEOUT_S)
        it.lease.end()
        assert (await it.client.get(prepared(it.client, it.url), MOST, TIMEOUT_S)).body == b"hello"
        assert it.counts == [3]


async def test_a_request_can_be_withdrawn_until_it_is_sent() -> None:
    """M18: and the connection is as good as before."""
    async with leased(answer) as it:
        assert it.lease.book(time.monotonic() + 3600, TIMEOUT_S)
        assert it.lease.withdraw()
        assert not it.lease.withdraw()
        assert await it.body() == b"hello"
        it.lease.end()
        await it.client.get(prepared(it.client, it.url), MOST, TIMEOUT_S)
        assert it.counts == [3]


async def test_a_request_on_its_way_cannot_be_withdrawn() -> None:
    """M18: its answer is waited for."""
    async with leased(stay_silent) as it:
        assert it.lease.book(time.monotonic(), TIMEOUT_S)
        await until(lambda: it.counts == [2])
        assert not it.lease.withdraw()
        it.lease.end()
        assert not it.client.open_connections


async def test_closing_the_client_ends_a_lease_wherever_it_is() -> None:
    """A job that is gone leaves no connection behind."""
    async with leased(stay_silent) as it:
        assert it.lease.book(time.monotonic(), TIMEOUT_S)
        await until(lambda: it.counts == [2])
        it.client.close()
        assert not it.lease.book(time.monotonic(), TIMEOUT_S)
        assert not it.lease.answered.done()


async def test_there_is_no_lease_where_no_more_files_may_be_open() -> None:
    """The event loop goes on with the connection."""
    async with talking(answer) as (url, counts), plain() as client:
        request = prepared(client, url)
        await client.get(request, MOST, TIMEOUT_S)
        exchanges = open_exchanges(0.0, give)
        assert exchanges is not None
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            assert Lease.of(client, request, exchanges) is None
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await client.get(request, MOST, TIMEOUT_S)
        assert counts == [2]
        close_exchanges(exchanges)


async def test_there_is_no_lease_without_an_idle_connection() -> None:
    """The first request of all is made by the event loop."""
    async with talking(answer) as (url, _), plain() as client:
        exchanges = open_exchanges(0.0, give)
        assert exchanges is not None
        assert Lease.of(client, prepared(client, url), exchanges) is None
        close_exchanges(exchanges)
