"""Providers that poll."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, final

import pytest

from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed
from promscrape.discovery.static import StaticConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.model.duration import Duration
from tests.support.clock import ManualClock, settle
from tests.support.discovery import JOB, Discovered, discovering

INTERVAL = Duration(10_000)
A = TargetGroup(({"__address__": "a:1"},), {}, "s")
EMPTY = TargetGroup((), {}, "s")
Answer: TypeAlias = Sequence[TargetGroup] | Exception


@final
class Scripted:
    """Gives one answer after the other, each after `takes_s`; the last one for ever."""

    def __init__(self, clock: ManualClock, answers: Sequence[Answer], takes_s: float = 0) -> None:
        self.clock, self.answers, self.takes_s = clock, list(answers), takes_s
        self.started: list[float] = []
        self.is_closed = False

    async def refresh(self) -> Sequence[TargetGroup]:
        self.started.append(self.clock.monotonic_s())
        await self.clock.sleep_until(self.clock.monotonic_s() + self.takes_s)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.is_closed = True


def make(refresher: Scripted, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(refresher, INTERVAL, context)


@asynccontextmanager
async def refreshing(refresher: Scripted) -> AsyncIterator[Discovered]:
    kind = Kind("demo", StaticConfig, NoMetrics, make)
    async with discovering(kind, refresher, refresher.clock) as discovered:
        yield discovered


async def test_each_success_is_published_and_each_failure_counted() -> None:
    """B-1 to B-4, test 20: a failure says nothing, and takes part in the durations."""
    refresher = Scripted(ManualClock(), [[A], [EMPTY], DiscoveryError("gone")])
    async with refreshing(refresher) as discovered:
        await refresher.clock.advance(20)
        assert discovered.published.updates == [[A], [EMPTY]]
        assert discovered.refresh_failures == 1
        labels = {"mechanism": "demo", "config": JOB}
        assert discovered.counted("refresh_duration_seconds_count", **labels) == 3
        histogram = "refresh_duration_histogram_seconds_count"
        assert discovered.counted(histogram, mechanism="demo") == 3
        (entry,) = discovered.logs.entries
        assert (entry["log_level"], str(entry["err"])) == ("error", "gone")


async def test_of_the_ticks_that_a_refresh_overruns_one_is_made_up_for() -> None:
    """B-1, test 21: the rate counts from the end of the first; nothing overlaps."""
    refresher = Scripted(ManualClock(), [[A]], takes_s=25)
    async with refreshing(refresher):
        await refresher.clock.advance(100)
        assert refresher.started == [0, 35, 60, 85]


async def test_a_failure_does_not_slow_down_the_rate() -> None:
    """B-2: no backoff of its own."""
    refresher = Scripted(ManualClock(), [DiscoveryError("down")])
    async with refreshing(refresher):
        await refresher.clock.advance(50)
        assert refresher.started == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("error", [KeyError("no such field"), AttributeError("None")])
async def test_an_answer_that_nobody_thought_of_is_a_failed_refresh(error: Exception) -> None:
    """P-8: the next tick tries again; the log has the traceback."""
    refresher = Scripted(ManualClock(), [[A], error, [A]])
    async with refreshing(refresher) as discovered:
        await refresher.clock.advance(20)
        assert discovered.published.updates == [[A], [A]]
        assert discovered.refresh_failures == 1
        assert discovered.logs.entries[0]["exc_info"] is True


async def test_a_cancelled_refresh_is_neither_logged_nor_counted() -> None:
    """B-2: and the connections are let go of."""
    refresher = Scripted(ManualClock(), [[A]], takes_s=60)
    async with refreshing(refresher) as discovered:
        await settle()
    assert refresher.is_closed
    assert discovered.refresh_failures == 0
    assert discovered.logs.entries == []


def test_a_provider_has_its_series_before_its_first_refresh() -> None:
    """1.6: an alert on failures needs the zero."""
    refresher = Scripted(ManualClock(), [[A]])
    discovered = Discovered(Kind("demo", StaticConfig, NoMetrics, make), refresher)
    assert discovered.refresh_failures == 0
