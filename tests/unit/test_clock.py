import time

import pytest

from promscrape.clock import Clock, SystemClock
from tests.support.clock import ManualClock


@pytest.fixture(params=[SystemClock, ManualClock])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


async def test_a_past_time_returns_at_once(clock: Clock) -> None:
    """Of both clocks: a loop that is late goes on without giving up its turn."""
    await clock.sleep_until(clock.monotonic_s() - 1.0)
    await clock.sleep_until(clock.monotonic_s())


async def test_the_system_clock_never_returns_early() -> None:
    """L1: timers may fire up to a millisecond early, but a scrape is never stamped before its tick."""
    clock = SystemClock()
    for delay_s in (0.0004, 0.0011, 0.0029):
        due_s = clock.monotonic_s() + delay_s
        await clock.sleep_until(due_s)
        assert clock.monotonic_s() >= due_s


def test_wall_time_is_nanoseconds_since_the_epoch() -> None:
    """Samples are stamped from it, so that another machine must read the same time."""
    before_ns = time.time_ns()
    assert before_ns <= SystemClock().now_ns() <= time.time_ns()
