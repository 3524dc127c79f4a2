"""Which groups are made, and how often."""

import asyncio

from prometheus_client import CollectorRegistry

from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.queue import WorkQueue
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.target_group import TargetGroup
from tests.support.clock import ManualClock, settle


class Worked:
    """A queue at work: what was made, and what was published."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.clock = ManualClock()
        self.queue = WorkQueue("pod", self.clock, KubernetesMetrics(self.registry))
        self.made: list[Key] = []
        self.published: list[list[str]] = []

    def make(self, key: Key) -> TargetGroup | None:
        self.made.append(key)
        return None if key[1] == "none" else TargetGroup((), {}, key[1])

    async def work(self) -> None:
        await self.queue.work(
            self.make, lambda groups: self.published.append([group.source for group in groups])
        )

    def metric(self, name: str) -> float | None:
        full_name = f"prometheus_sd_kubernetes_workqueue_{name}"
        return self.registry.get_sample_value(full_name, {"queue_name": "pod"})


async def test_what_waits_is_made_once() -> None:
    """Discovery 91, K-21: however often it was asked for, and again where it is asked for later."""
    worked = Worked()
    for _ in range(500):
        worked.queue.add(("a", "p"))
    assert worked.metric("depth") == 1
    task = asyncio.create_task(worked.work())
    await settle()
    assert worked.published == [["p"]]
    for _ in range(500):
        worked.queue.add(("a", "p"))
    await settle()
    assert worked.made == [("a", "p")] * 2
    assert worked.published == [["p"], ["p"]]
    assert worked.metric("items_total") == 2
    assert worked.metric("depth") == 0
    task.cancel()
    await asyncio.wait([task])


async def test_the_first_groups_are_published_together_even_if_there_are_none() -> None:
    """C-2, C-6: so that a job without targets is told from one that waits."""
    worked = Worked()
    task = asyncio.create_task(worked.work())
    await settle()
    worked.queue.add_all([("a", str(number)) for number in range(120)])
    await settle()
    assert worked.published == [[], [str(number) for number in range(120)]]
    task.cancel()
    await asyncio.wait([task])


async def test_what_changes_while_others_are_made_is_made_again() -> None:
    """K-21: the newest state counts."""
    worked = Worked()
    worked.queue.add_all([("a", str(number)) for number in range(120)])
    task = asyncio.create_task(worked.work())
    await asyncio.sleep(0)
    assert 0 < len(worked.made) < 120
    worked.queue.add(("a", "0"))
    await settle()
    assert worked.published[1:] == [["0"]]
    task.cancel()
    await asyncio.wait([task])


async def test_a_group_that_cannot_be_made_is_not_published() -> None:
    """K-23: such as that of a node without an address."""
    worked = Worked()
    worked.queue.add_all([("", "none"), ("", "some")])
    task = asyncio.create_task(worked.work())
    await settle()
    assert worked.published == [["some"]]
    task.cancel()
    await asyncio.wait([task])


async def test_what_nobody_works_on_any_more_does_not_count_as_waiting() -> None:
    """1.6: the depth is that of all providers of a role together."""
    worked = Worked()
    task = asyncio.create_task(worked.work())
    await settle()
    worked.queue.add(("a", "p"))
    task.cancel()
    await asyncio.wait([task])
    assert worked.metric("depth") == 0


async def test_waiting_and_work_are_measured() -> None:
    """1.6: and the work under way, which is never seen, is there as 0."""
    worked = Worked()
    worked.queue.add(("a", "p"))
    await worked.clock.advance(3)
    task = asyncio.create_task(worked.work())
    await settle()
    assert worked.metric("latency_seconds_sum") == 3
    assert worked.metric("work_duration_seconds_count") == 1
    assert worked.metric("unfinished_work_seconds") == 0
    assert worked.metric("longest_running_processor_seconds") == 0
    task.cancel()
    await asyncio.wait([task])
