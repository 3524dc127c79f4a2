"""How long is waited after a failure."""

import asyncio
import random

import pytest

from promscrape.discovery.kubernetes.backoff import Backoff
from tests.support.clock import ManualClock


async def delay_of(backoff: Backoff, clock: ManualClock, at_least_s: float = 0) -> float:
    waiting = asyncio.create_task(backoff.wait(at_least_s))
    await clock.advance(0)
    (due_s,) = clock.due_s
    delay_s = due_s - clock.monotonic_s()
    await clock.advance(delay_s)
    await waiting
    return delay_s


class Chance(random.Random):
    """One whose every number is the same."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self._number = number

    def random(self) -> float:
        return self._number


@pytest.mark.parametrize("number", [0.0, 0.5, 0.999])
async def test_delays_double_up_to_half_a_minute_and_scatter(number: float) -> None:
    """K-15: each is stretched by up to twice."""
    clock = ManualClock()
    backoff = Backoff(clock, Chance(number))
    delays = [await delay_of(backoff, clock) for _ in range(8)]
    bases = [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]
    assert delays == pytest.approx([base * (1 + number) for base in bases])


async def test_two_minutes_without_a_failure_begin_anew() -> None:
    """K-15: counted from the end of the last delay."""
    clock = ManualClock()
    backoff = Backoff(clock, Chance(0))
    for _ in range(4):
        await delay_of(backoff, clock)
    await clock.advance(119)
    assert await delay_of(backoff, clock) == pytest.approx(12.8)
    await clock.advance(121)
    assert await delay_of(backoff, clock) == pytest.approx(0.8)


async def test_a_server_may_ask_for_more_time() -> None:
    """K-15: and not for less."""
    clock = ManualClock()
    backoff = Backoff(clock, Chance(0))
    assert await delay_of(backoff, clock, 20) == 20
    assert await delay_of(backoff, clock, 1) == pytest.approx(1.6)
