"""Limits to how long something takes, by a clock that is passed in."""

import asyncio

import pytest

from promscrape.discovery.kubernetes.deadline import deadline
from tests.support.clock import ManualClock


async def test_what_takes_too_long_is_ended() -> None:
    """K-11: also in the middle of a wait."""
    clock = ManualClock()

    async def take_for_ever() -> None:
        async with deadline(clock, 5):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(take_for_ever())
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.1)
    with pytest.raises(TimeoutError):
        await task


async def test_what_is_done_in_time_is_left_alone() -> None:
    """K-11: also what ends in the very moment."""
    clock = ManualClock()
    async with deadline(clock, 5):
        pass
    await clock.advance(10)
    async with deadline(clock, 5):
        advancing = asyncio.create_task(clock.advance(5))
        await clock.sleep_until(15)
    await advancing


async def test_cancellation_is_no_timeout() -> None:
    """Style 2.7: it is never swallowed."""
    clock = ManualClock()

    async def wait() -> None:
        async with deadline(clock, 5):
            await asyncio.get_running_loop().create_future()

    task = asyncio.create_task(wait())
    await clock.advance(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_other_errors_pass() -> None:
    """Style 2.8: they rise as they are."""
    with pytest.raises(KeyError):
        async with deadline(ManualClock(), 5):
            raise KeyError
