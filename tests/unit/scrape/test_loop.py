"""When a loop scrapes, and how it ends."""

import asyncio
from itertools import pairwise

import msgspec
import pytest

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import FetchError
from promscrape.scrape.loop import ScrapeLoop
from tests.support.clock import settle
from tests.support.scraping import OneTarget, markers

INTERVAL_S = 10.0


class Running:
    """A loop in a task, on the test's clock; it begins at its target's place in the interval."""

    def __init__(self, target: OneTarget, loop: ScrapeLoop | None = None) -> None:
        self.target = target
        self.loop = loop or target.loop
        self.task = asyncio.create_task(self.loop.run())

    @property
    def first_s(self) -> float:
        return self.target.target.first_delay_ns(self.target.clock.now_ns(), 0) / 1e9

    async def start(self) -> None:
        """Wait until the first scrape is done."""
        await self.target.clock.advance(self.first_s)

    async def end(self) -> None:
        self.loop.stop()
        self.task.cancel()
        await asyncio.wait([self.task])


async def test_the_first_scrape_waits_for_its_place_in_the_interval() -> None:
    """L1, T18: not a moment earlier."""
    running = Running(target := OneTarget())
    await target.clock.advance(running.first_s - 0.001)
    assert target.client.requests == 0
    await target.clock.advance(0.001)
    assert target.client.requests == 1
    await running.end()


async def test_scrapes_follow_at_the_interval_on_the_grid() -> None:
    """L1 to L3: equal distances, and timestamps that are the scrapes' own."""
    running = Running(target := OneTarget())
    await running.start()
    await target.clock.advance(3 * INTERVAL_S)
    times = [sample.t_ms for sample in target.storage.committed if sample.name == "up"]
    assert [later - earlier for earlier, later in pairwise(times)] == [10_000] * 3
    await running.end()


async def test_a_slow_scrape_is_followed_at_once_and_then_on_the_grid() -> None:
    """L1: one missed tick is made up, further ones are lost."""
    running = Running(target := OneTarget())
    target.client.release.clear()
    await running.start()
    start_s = target.clock.monotonic_s()
    await target.clock.advance(25)
    target.client.release.set()
    await settle()
    assert target.client.requests == 2
    await target.clock.advance(start_s + 30 - target.clock.monotonic_s())
    assert target.client.requests == 3
    await running.end()


async def test_the_interval_between_scrapes_is_observed() -> None:
    """L6: from the second scrape on, start to start."""
    running = Running(target := OneTarget())
    await running.start()
    await target.clock.advance(2 * INTERVAL_S)
    registry = target.metrics.registry
    name = "prometheus_target_interval_length_seconds"
    assert registry.get_sample_value(f"{name}_count", {"interval": "10s"}) == 2
    assert registry.get_sample_value(f"{name}_sum", {"interval": "10s"}) == pytest.approx(20)
    await running.end()


async def test_a_loop_that_is_stopped_before_its_first_scrape_never_asks() -> None:
    """TC169, M21: the stop is acknowledged once the loop was entered."""
    running = Running(target := OneTarget())
    running.loop.stop()
    await running.loop.stopped()
    await running.task
    assert target.client.requests == 0


async def test_a_stop_during_the_wait_ends_it() -> None:
    """L1: the offset wait can be aborted."""
    running = Running(target := OneTarget())
    await settle()
    running.loop.stop()
    await running.loop.stopped()
    await running.task
    assert target.client.requests == 0


async def test_a_stop_waits_for_the_scrape_under_way() -> None:
    """TC170, M18: the answer that comes is committed."""
    running = Running(target := OneTarget())
    target.client.release.clear()
    await running.start()
    running.loop.leave_no_markers()
    running.loop.stop()
    await settle()
    assert not running.task.done()
    target.client.release.set()
    await running.loop.stopped()
    await running.task
    assert target.storage.report("up") == [1.0]


async def test_a_removed_target_is_marked_stale_after_two_more_ticks() -> None:
    """TC128, L30, L32: all its series and those of the report, at the time of the first tick."""
    running = Running(target := OneTarget())
    await running.start()
    running.loop.stop()
    await running.loop.stopped()
    scraped_ms = target.clock.now_ns() // 1_000_000
    await target.clock.advance(2 * INTERVAL_S + 0.9)
    assert not running.task.done()
    await target.clock.advance(0.2)
    await running.task
    ending = target.storage.transactions[-1]
    assert markers(ending) == {"a"} | {s.name for s in target.storage.transactions[0]}
    assert {sample.t_ms for sample in ending} == {scraped_ms + 10_000}


async def test_a_target_that_comes_back_meanwhile_is_not_marked() -> None:
    """TC130, L31: its new loop's samples are later than the markers."""
    running = Running(target := OneTarget())
    await running.start()
    running.loop.stop()
    await running.loop.stopped()
    again = Running(target, target.make_loop())
    await target.clock.advance(3 * INTERVAL_S)
    await running.task
    assert markers(target.storage.committed) == set()
    await again.end()


async def test_a_loop_whose_series_live_on_leaves_no_markers() -> None:
    """M8: the successor has the cache."""
    running = Running(target := OneTarget())
    await running.start()
    running.loop.leave_no_markers()
    running.loop.stop()
    await running.task
    assert markers(target.storage.committed) == set()


async def test_a_loop_that_never_scraped_leaves_no_markers() -> None:
    """L30: there is nothing to mark."""
    running = Running(target := OneTarget())
    await settle()
    running.loop.stop()
    await running.task
    assert target.storage.committed == []


async def test_a_bug_in_a_scrape_is_shown_counted_and_survived() -> None:
    """The next tick scrapes again."""
    running = Running(target := OneTarget())

    def broken() -> None:
        raise ZeroDivisionError

    target.storage.appender = broken  # type: ignore[method-assign, assignment]  # the bug
    await running.start()
    assert target.error == "internal error: ZeroDivisionError()"
    del target.storage.appender  # the class's own again
    await target.clock.advance(INTERVAL_S)
    assert target.target.health == "up"
    counted = target.metrics.registry.get_sample_value("promscrape_scrape_internal_errors_total")
    assert counted == 1
    await running.end()


async def test_cancellation_from_outside_ends_the_loop_in_the_middle() -> None:
    """A component that dies takes its tasks with it, and they say so."""
    running = Running(target := OneTarget())
    target.client.release.clear()
    await running.start()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert target.storage.committed == []


async def test_cancellation_ends_a_loop_that_was_asked_to_stop_in_the_middle_of_a_scrape() -> None:
    """M19: a pool that stops does not wait for the markers of a target that went before."""
    running = Running(target := OneTarget())
    target.client.release.clear()
    await running.start()
    running.loop.stop()
    await settle()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert target.storage.committed == []


async def test_failures_do_not_slow_a_target_down() -> None:
    """T21: there is no backoff."""
    target = OneTarget(msgspec.structs.replace(ScrapeConfig(job_name="j")))
    target.client.answers = [FetchError("x")] * 3
    running = Running(target)
    await running.start()
    await target.clock.advance(3 * INTERVAL_S)
    assert target.storage.report("up") == [0.0, 0.0, 0.0, 1.0]
    await running.end()


async def test_an_initial_offset_delays_the_first_scrape() -> None:
    """L1: for an embedder that wants its targets to settle first; the grid moves with it."""
    running = Running(target := OneTarget(initial_offset_s=3.0))
    await target.clock.advance(running.first_s + 2.999)
    assert target.client.requests == 0
    await target.clock.advance(0.001)
    assert target.client.requests == 1
    await running.end()


@pytest.mark.parametrize(("scraped_before", "expected"), [(False, [1.0]), (True, [1.0, 1.0])])
async def test_a_loop_may_scrape_once_more_at_its_end(
    scraped_before: bool,  # noqa: FBT001
    expected: list[float],
) -> None:
    """M22: whatever ends it and even in its first wait; the stop waits for that scrape."""
    running = Running(target := OneTarget(scrape_on_shutdown=True))
    await settle()
    if scraped_before:
        await running.start()
        await target.clock.advance(1)
    running.loop.leave_no_markers()
    target.client.release.clear()
    running.loop.stop()
    await settle()
    assert not running.task.done()
    target.client.release.set()
    await running.loop.stopped()
    assert target.storage.report("up") == expected
    await running.task


@pytest.mark.parametrize(("extra", "observed"), [(False, 0.0), (True, 1.0)])
async def test_durations_are_observed_with_the_extra_metrics(
    extra: bool,  # noqa: FBT001
    observed: float,
) -> None:
    """Section 10: of jobs that have them switched on."""
    target = OneTarget(ScrapeConfig(job_name="j", extra_scrape_metrics=extra))
    await target.scrape(b"a 1\n")
    name = "prometheus_target_scrape_duration_seconds_count"
    assert target.metrics.registry.get_sample_value(name) == observed
