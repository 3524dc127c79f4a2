"""When target sets are handed on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import final

import pytest
from prometheus_client import CollectorRegistry

from promscrape.discovery.metrics import DiscoveryMetrics
from promscrape.discovery.sender import Sender
from tests.support.clock import ManualClock


@final
class Receiver:
    """Notes when it was sent something; a busy one takes nothing."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.times, self.is_busy = clock, list[float](), False
        self.registry = CollectorRegistry()

    def take(self) -> bool:
        if not self.is_busy:
            self.times.append(self.clock.monotonic_s())
        return not self.is_busy

    def counted(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"prometheus_sd_{name}", {"name": "scrape"})


@asynccontextmanager
async def sending(share: float | None = None) -> AsyncIterator[tuple[Sender, Receiver]]:
    """Run a sender, its gaps at `share` between the least and the most where that is given."""
    receiver = Receiver(ManualClock())
    metrics = DiscoveryMetrics(receiver.registry)
    if share is None:
        sender = Sender(receiver.take, receiver.clock, metrics)
    else:
        fixed = share
        sender = Sender(
            receiver.take, receiver.clock, metrics, lambda low, high: low + fixed * (high - low)
        )
    task = asyncio.create_task(sender.run())
    try:
        yield sender, receiver
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(("share", "expected_s"), [(0, 0.05), (0.5, 0.1), (1, 0.15)])
async def test_a_change_in_a_quiet_time_leaves_soon(share: float, expected_s: float) -> None:
    """M-7, test 12: between 50 and 150 ms, whenever it comes."""
    async with sending(share) as (sender, receiver):
        await receiver.clock.advance(60)
        sender.trigger()
        await receiver.clock.advance(1)
        assert receiver.times == [pytest.approx(60 + expected_s)]


async def test_the_gaps_grow_under_constant_change() -> None:
    """M-7, test 13: by half each time up to 5 s, and small again once it was quiet."""
    async with sending(0.5) as (sender, receiver):
        for _ in range(6000):
            sender.trigger()
            await receiver.clock.advance(0.01)
        gaps = [later - time for time, later in pairwise([0.0, *receiver.times])]
        expected = [min(0.1 * 1.5**number, 5.0) for number in range(len(gaps))]
        assert gaps == pytest.approx(expected)
        assert len(gaps) <= 30

        await receiver.clock.advance(15)
        quiet_since_s = receiver.clock.monotonic_s()
        sender.trigger()
        await receiver.clock.advance(1)
        assert receiver.times[-1] == pytest.approx(quiet_since_s + 0.1)


async def test_gaps_vary_so_that_many_daemons_do_not_move_together() -> None:
    """M-7, test 13: within half of the nominal gap, whatever chance gives."""
    async with sending() as (sender, receiver):
        for _ in range(2000):  # More often than the smallest gap, so that each ends with news.
            sender.trigger()
            await receiver.clock.advance(0.03)
        gaps = [later - time for time, later in pairwise([0.0, *receiver.times])]
        nominal = [min(0.1 * 1.5**number, 5.0) for number in range(len(gaps))]
        assert all(
            0.5 * each - 1e-6 <= gap <= 1.5 * each + 1e-6
            for gap, each in zip(gaps, nominal, strict=True)
        )
        assert len(set(gaps)) > 5


async def test_a_busy_receiver_gets_the_newest_when_it_is_free() -> None:
    """M-7, test 14: counted as delayed, and nothing is lost."""
    async with sending(0.5) as (sender, receiver):
        receiver.is_busy = True
        sender.trigger()
        await receiver.clock.advance(1)
        assert receiver.times == []
        assert (receiver.counted("updates_delayed_total") or 0) >= 1
        receiver.is_busy = False
        await receiver.clock.advance(1)
        assert len(receiver.times) == 1


async def test_a_sender_with_nothing_to_send_sleeps() -> None:
    """A deviation in cost alone: Prometheus wakes ten times a second to look."""
    async with sending(0.5) as (sender, receiver):
        await receiver.clock.advance(60)
        assert receiver.clock.due_s == []
        sender.trigger()
        await receiver.clock.advance(10)
        assert receiver.clock.due_s == []
        assert receiver.counted("updates_total") == 1
