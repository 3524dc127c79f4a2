"""Scrapes whose requests are made ahead of the event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
import structlog

from promscrape.clock import SystemClock
from promscrape.config.scrape import ScrapeConfig
from promscrape.httpclient.lease import close_exchanges, open_exchanges
from promscrape.scrape import work
from promscrape.scrape.client import ScrapeClient
from promscrape.scrape.loop import ScrapeLoop
from promscrape.scrape.pool import new_cache
from promscrape.scrape.target import Target
from promscrape.scrape.turns import Turns
from tests.support.entries import until
from tests.support.scraping import CEILING_BYTES, OneTarget, make_options, make_target
from tests.support.storage import RecordingStorage
from tests.support.talking import Talk, answer, stay_silent, talking

BODY = b"a 1\n"
USUAL = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n" + BODY
INTERVAL = "50ms"


def serve(writer: asyncio.StreamWriter) -> None:
    writer.write(USUAL)


class Ahead:
    """A running loop of a target at this address, and what it stored."""

    def __init__(self, target: Target, loop: ScrapeLoop, storage: RecordingStorage) -> None:
        self.target, self.loop, self.storage = target, loop, storage
        self.task = asyncio.create_task(loop.run())

    @property
    def scrapes(self) -> list[float]:
        """The values of `up`."""
        return self.storage.report("up")


@asynccontextmanager
async def scraping(*talks: Talk, within: str = "30s") -> AsyncIterator[tuple[Ahead, list[int]]]:
    """Scrape a server that talks like this; yield that, and the requests of each connection."""
    storage, turns = RecordingStorage(), Turns()
    exchanges = open_exchanges(0.0, turns.give)
    assert exchanges is not None
    one = OneTarget()
    clock = SystemClock()
    options = make_options(storage, one.clock, turns=turns, exchanges=exchanges)
    options = replace(options, clock=clock)
    config = ScrapeConfig(job_name="j")
    client = ScrapeClient(config, CEILING_BYTES, "promscrape/test", clock, exchanges=exchanges)
    async with talking(*talks) as (url, counts):
        target = make_target(
            address=url.removeprefix("http://").strip("/"),
            scrape_interval=INTERVAL,
            scrape_timeout=within,
        )
        cache = new_cache(target, options)
        loop = ScrapeLoop(target, one, client, cache, options, 0, structlog.get_logger())
        loop.leave_no_markers()
        ahead = Ahead(target, loop, storage)
        try:
            yield ahead, counts
        finally:
            ahead.task.cancel()
            await asyncio.wait([ahead.task])
            await client.close()
            close_exchanges(exchanges)


@pytest.fixture(autouse=True)
def any_interval_may_be_booked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test would have to wait for seconds otherwise."""
    monkeypatch.setattr(work, "_SHORTEST_GATHERED_NS", 0)


async def test_scrapes_follow_each_other_over_one_connection() -> None:
    """L1, L2: with the timestamps of when the requests were sent."""
    async with scraping(serve) as (ahead, counts):
        await until(lambda: len(ahead.scrapes) > 5)
    assert set(ahead.scrapes) == {1.0}
    assert len(counts) == 1
    times = [sample.t_ms for sample in ahead.storage.committed if sample.name == "up"]
    assert all(later > earlier for earlier, later in pairwise(times))
    assert ahead.target.report is not None
    assert ahead.target.report.samples == 1


async def test_a_failure_among_them_is_one_scrape() -> None:
    """L9, H13: the next ones go on."""

    def fail(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n")

    async with scraping(serve, serve, serve, fail, serve) as (ahead, _):
        await until(lambda: len(ahead.scrapes) > 6)
    assert ahead.scrapes[:6] == [1, 1, 1, 0, 1, 1]


async def test_a_target_that_stops_answering_is_down_at_its_timeout() -> None:
    """L5."""
    async with scraping(serve, serve, stay_silent, within="300ms") as (ahead, _):
        await until(lambda: len(ahead.scrapes) > 3)
        assert ahead.target.report is not None
        assert ahead.target.report.error.endswith("context deadline exceeded")
    assert ahead.scrapes[:4] == [1, 1, 0, 0]


async def test_a_server_that_closes_each_connection_is_scraped_all_the_same() -> None:
    """H9: the event loop makes the request where the connection is gone."""

    def serve_once(writer: asyncio.StreamWriter) -> None:
        writer.write(USUAL)
        asyncio.get_running_loop().call_soon(writer.close)

    async with scraping(serve_once) as (ahead, counts):
        await until(lambda: len(ahead.scrapes) > 4)
    assert set(ahead.scrapes) == {1.0}
    assert len(counts) > 1


async def test_a_stop_between_two_scrapes_ends_the_loop_at_once() -> None:
    """M18: the request that is booked is never made."""
    async with scraping(serve) as (ahead, counts):
        await until(lambda: len(ahead.scrapes) > 2)
        ahead.loop.stop()
        await asyncio.wait_for(ahead.loop.stopped(), 5)
        made = len(ahead.scrapes)
        assert sum(counts) == made
        await asyncio.wait([ahead.task])
        assert sum(counts) == made


async def test_a_stop_waits_for_the_answer_on_its_way() -> None:
    """M18: it is committed first."""
    writers: list[asyncio.StreamWriter] = []
    async with scraping(serve, serve, writers.append) as (ahead, _):
        await until(lambda: writers)
        ahead.loop.stop()
        await asyncio.sleep(0)
        assert not ahead.task.done()
        serve(writers[0])
        await asyncio.wait_for(ahead.loop.stopped(), 5)
    assert ahead.scrapes == [1, 1, 1]


async def test_another_answer_than_the_usual_is_for_the_full_client() -> None:
    """H12: this time and later."""

    def serve_oddly(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY)
        writer.close()

    async with scraping(serve, serve, serve_oddly) as (ahead, _):
        await until(lambda: len(ahead.scrapes) > 5)
    assert set(ahead.scrapes) == {1.0}


async def test_the_usual_answer_may_say_its_type_anew() -> None:
    """N1: what a target sends can change from one request to the next."""

    def serve_garbage(writer: asyncio.StreamWriter) -> None:
        answer(writer)  # without a type, and no line of any format

    async with scraping(serve, serve, serve_garbage, serve) as (ahead, _):
        await until(lambda: len(ahead.scrapes) > 4)
    assert ahead.scrapes[:4] == [1, 1, 0, 1]
