import asyncio
import threading

import pytest

from promscrape.clock import SystemClock
from promscrape.storage.wal.pace import Pace, Stopped, run_in_thread
from tests.support.clock import ManualClock
from tests.support.wal import no_pace, until


def test_work_goes_on_until_it_is_stopped() -> None:
    """A replay of minutes must end soon when the daemon is told to."""
    pace = no_pace()
    pace.step()
    pace.stop()
    with pytest.raises(Stopped):
        pace.step()


def test_work_rests_when_its_time_is_used_up() -> None:
    """The event loop gets the interpreter back while a checkpoint is written."""
    clock = ManualClock()
    pace = Pace(clock, work_s=0.002, rest_s=0.001)
    rests = 0

    class Resting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal rests
            rests += 1
            return False

    pace._stop = Resting()
    for monotonic_s in (0.001, 0.002, 0.003, 0.004):
        clock._monotonic_s = monotonic_s
        pace.step()
    assert rests == 2


def test_a_rest_ends_early_when_the_work_is_stopped() -> None:
    """With an hour of rest before it, the stop still comes through."""
    pace = Pace(SystemClock(), work_s=0, rest_s=3600)
    pace.stop()
    with pytest.raises(Stopped):
        pace.step()


async def test_a_thread_returns_its_result() -> None:
    """And raises what it raised."""
    assert await run_in_thread(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 // 0)


async def test_a_cancellation_waits_for_the_thread() -> None:
    """What it leaves must be at rest: the next thing may be to close the file it wrote to."""
    pace = no_pace()
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        try:
            while True:
                pace.step()
        finally:
            ended.set()

    task = asyncio.create_task(run_in_thread(work, pace))
    await until(begun.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


async def test_work_without_a_pace_is_waited_for() -> None:
    """A sync cannot be interrupted; it ends by itself."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        may_end.wait()
        ended.set()

    task = asyncio.create_task(run_in_thread(work))
    await until(begun.is_set)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
