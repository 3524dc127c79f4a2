import asyncio
from collections.abc import Callable

import pytest

from promscrape.clock import Clock
from tests.support.clock import ManualClock, settle

SECOND_NS = 1_000_000_000


async def record(clock: Clock, due_s: float, wake: Callable[[float], None]) -> None:
    await clock.sleep_until(due_s)
    wake(clock.monotonic_s())


async def tick(clock: Clock, interval_s: float, wake: Callable[[float], None]) -> None:
    due_s = clock.monotonic_s()
    while True:
        due_s += interval_s
        await record(clock, due_s, wake)


async def test_sleepers_wake_at_their_own_times_in_their_order() -> None:
    """A test of two loops can only be judged where each sees the time that it asked for."""
    clock, woken = ManualClock(), list[float]()
    async with asyncio.TaskGroup() as group:
        for due_s in (7.0, 3.0, 5.0):
            group.create_task(record(clock, due_s, woken.append))
        await clock.advance(10)

    assert woken == [3.0, 5.0, 7.0]
    assert clock.monotonic_s() == 10.0


async def test_sleepers_of_one_instant_wake_in_the_order_they_went_to_sleep() -> None:
    """Ties are broken by turn, as an event loop's timers are, and never by chance."""
    clock, woken = ManualClock(), list[str]()

    async def sleeper(name: str) -> None:
        await clock.sleep_until(1.0)
        woken.append(name)

    async with asyncio.TaskGroup() as group:
        for name in "cab":
            group.create_task(sleeper(name))
        await clock.advance(1)

    assert woken == ["c", "a", "b"]


async def test_a_loop_that_sleeps_again_wakes_again_within_one_advance() -> None:
    """One call of advance covers many rounds of a loop, each at its own time."""
    clock, woken = ManualClock(), list[float]()
    ticking = asyncio.create_task(tick(clock, 15.0, woken.append))
    await clock.advance(60)
    ticking.cancel()

    assert woken == [15.0, 30.0, 45.0, 60.0]


async def test_time_stands_still_between_advances() -> None:
    """Nothing that a task does moves the clock: only the test does."""
    clock, woken = ManualClock(), list[float]()
    sleeping = asyncio.create_task(record(clock, 15.0, woken.append))
    await clock.advance(14.999)
    await settle()

    assert woken == []
    assert clock.due_s == [15.0]
    sleeping.cancel()


async def test_a_time_that_has_come_is_not_waited_for() -> None:
    """The protocol says "at once": a loop that is late must not lose its turn."""
    clock = ManualClock(monotonic_s=5.0)
    await clock.sleep_until(5.0)
    await clock.sleep_until(4.0)

    assert clock.due_s == []


async def test_short_steps_reach_what_one_long_step_reaches() -> None:
    """Ten times 0.1 is less than 1.0 in floating point; a test must not have to know that."""
    clock, woken = ManualClock(now_ns=0), list[float]()
    async with asyncio.TaskGroup() as group:
        group.create_task(record(clock, 1.0, woken.append))
        for _ in range(10):
            await clock.advance(0.1)

    assert woken == [1.0]
    assert clock.now_ns() == SECOND_NS


async def test_wall_time_advances_with_monotonic_time() -> None:
    """Samples are stamped with the one and waited for with the other."""
    clock = ManualClock(now_ns=1_000 * SECOND_NS, monotonic_s=77.0)
    await clock.advance(2.5)

    assert clock.now_ns() == 1_002 * SECOND_NS + SECOND_NS // 2
    assert clock.monotonic_s() == 79.5


async def test_a_step_of_the_wall_time_wakes_nobody() -> None:
    """NTP and operators move the wall time only; what waits, waits on."""
    clock, woken = ManualClock(now_ns=100 * SECOND_NS), list[float]()
    sleeping = asyncio.create_task(record(clock, 1.0, woken.append))
    await settle()
    clock.step_wall(-40 * SECOND_NS)
    await settle()

    assert (clock.now_ns(), clock.monotonic_s()) == (60 * SECOND_NS, 0.0)
    assert woken == []
    sleeping.cancel()


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """A loop that was stopped must not hold up, or be woken by, a later advance."""
    clock, woken = ManualClock(), list[float]()
    cancelled = asyncio.create_task(record(clock, 1.0, woken.append))
    kept = asyncio.create_task(record(clock, 2.0, woken.append))
    await settle()
    cancelled.cancel()
    await settle()

    assert clock.due_s == [2.0]
    await clock.advance(2)
    assert woken == [2.0]
    assert kept.done()


async def test_advance_lets_the_end_of_a_task_reach_who_waits_for_it() -> None:
    """What follows a sleep is done when advance returns, across gather and task groups."""
    clock, woken = ManualClock(), list[float]()

    async def work() -> None:
        await asyncio.gather(
            asyncio.gather(clock.sleep_until(1.0), clock.sleep_until(2.0)), clock.sleep_until(3.0)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(clock.sleep_until(4.0))
        woken.append(clock.monotonic_s())

    working = asyncio.create_task(work())
    await clock.advance(4)

    assert woken == [4.0]
    assert working.done()


async def test_a_spinning_task_is_reported() -> None:
    """Without a bound, a test of a loop that never sleeps would hang until its time limit."""

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    spinning = asyncio.create_task(spin())
    with pytest.raises(AssertionError, match="tasks still run"):
        await ManualClock().advance(1)
    spinning.cancel()
