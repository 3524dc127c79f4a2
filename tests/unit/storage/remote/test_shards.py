"""Several shards: the order of each series, and changes of their number."""

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path

from promscrape.storage.remote.queue import RemoteQueue
from tests.support.clock import ManualClock, settle
from tests.support.remote_queue import Bench, FakePeer, destination, named, running
from tests.support.wal import Target

NOW_MS = 1_700_000_000_000
NAMES = [f"m{n}" for n in range(10)]


def check_order(peer: FakePeer, scrapes: int) -> None:
    for n, name in enumerate(NAMES):
        assert peer.samples()[name] == [(NOW_MS + at, float(at + n)) for at in range(scrapes)]


def scrape(target: Target, at: int) -> None:
    target.scrape([float(at + n) for n in range(len(NAMES))], NOW_MS + at)


async def test_a_series_keeps_its_order_over_several_shards(tmp_path: Path) -> None:
    """T51: ten series, four shards, a hundred samples each, any latencies."""
    clock = ManualClock()
    config = destination(queue_config={"min_shards": 4, "max_shards": 4, "max_samples_per_send": 7})
    async with running(tmp_path, config, clock=clock) as bench:
        rng = random.Random(51)
        bench.peer.delays_s.extend(rng.random() for _ in range(1000))
        target = Target(bench.storage, named(*NAMES))
        for at in range(100):
            scrape(target, at)
            await clock.advance(rng.random() / 10)
        await clock.advance(60)
        assert bench.metric("shards") == 4
        check_order(bench.peer, 100)


async def test_a_series_keeps_its_order_when_the_number_of_shards_changes(tmp_path: Path) -> None:
    """T52: from one to four to two, with requests under way."""
    clock = ManualClock()
    config = destination(queue_config={"max_samples_per_send": 7, "max_shards": 4})
    async with running(tmp_path, config, clock=clock) as bench:
        rng = random.Random(52)
        bench.peer.delays_s.extend(rng.random() for _ in range(1000))
        target = Target(bench.storage, named(*NAMES))
        await settle()
        queue_of(bench)._pause_resharding(1e6)
        shards = queue_of(bench)._shards
        assert shards is not None
        for at in range(120):
            scrape(target, at)
            await clock.advance(rng.random() / 10)
            if at in (40, 80):
                change = shards.change(4 if at == 40 else 2, clock.monotonic_s() + 60)
                await advance_until_done(clock, change)
        await clock.advance(60)
        assert bench.metric("shards") == 2
        check_order(bench.peer, 120)


async def test_what_is_not_flushed_in_time_moves_to_the_new_shards(tmp_path: Path) -> None:
    """7.10: here nothing is lost to a change of their number."""
    clock = ManualClock()
    config = destination(queue_config={"max_samples_per_send": 7})
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.gate.clear()
        target = Target(bench.storage, named(*NAMES))
        for at in range(30):
            scrape(target, at)
        await settle()
        shards = queue_of(bench)._shards
        assert shards is not None
        await advance_until_done(clock, shards.change(3, clock.monotonic_s() + 2))
        bench.peer.gate.set()
        await clock.advance(30)
        check_order(bench.peer, 30)


async def test_the_number_of_shards_follows_the_load(tmp_path: Path) -> None:
    """7.8: requests that take long need company."""
    clock = ManualClock()
    config = destination(queue_config={"max_samples_per_send": 10, "max_shards": 5})
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.delays_s.extend([2.5] * 1000)
        target = Target(bench.storage, named(*NAMES))
        for at in range(40):
            scrape(target, at)
            await clock.advance(1)
        assert bench.metric("shards") > 1
        assert bench.metric("shards_desired") > 1
        await clock.advance(60)
        check_order(bench.peer, 40)


async def test_a_peer_that_hangs_changes_nothing(tmp_path: Path) -> None:
    """T55: no reshard where nothing was sent for ten seconds."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock, flush_deadline_s=1) as bench:
        target = Target(bench.storage, named(*NAMES))
        scrape(target, 0)
        await clock.advance(6)
        queue = queue_of(bench)
        assert queue._may_reshard()
        queue._pause_resharding(1.0)
        await clock.advance(1.9)
        assert not queue._may_reshard()
        await clock.advance(0.2)
        assert queue._may_reshard()
        await clock.advance(11)
        assert not queue._may_reshard()


async def test_a_scrape_of_known_series_is_in_its_shard_when_it_is_logged(tmp_path: Path) -> None:
    """Nothing has to wake for it, as long as there is room; then the log is the buffer (7.6)."""
    clock = ManualClock()
    queue = {"max_samples_per_send": 25, "capacity": 50, "max_shards": 1}
    async with running(tmp_path, destination(queue_config=queue), clock=clock) as bench:
        bench.peer.gate.clear()
        target = Target(bench.storage, named(*NAMES))
        scrape(target, 0)
        await settle()
        for at in range(1, 7):
            scrape(target, at)
            assert bench.metric("samples_pending") == 10 * (at + 1)
        for at in range(7, 20):
            scrape(target, at)
        assert bench.metric("samples_pending") == 70  # of 74 that there is room for
        bench.peer.gate.set()
        await clock.advance(10)
        assert bench.metric("samples_pending") == 0
        check_order(bench.peer, 20)


def queue_of(bench: Bench) -> RemoteQueue:
    """Return the queue of the one destination."""
    (one,) = bench.remote._destinations.values()
    return one._queue


async def advance_until_done(clock: ManualClock, change: Coroutine[object, object, None]) -> None:
    """Let time go by until `change` is over."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(change)
        for _ in range(600):
            await clock.advance(0.1)
            if task.done():
                return
