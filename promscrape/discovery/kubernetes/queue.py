"""Which groups have to be made anew: each once, however often it was asked for (K-21)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Final, final

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.provider import Publish
from promscrape.discovery.target_group import TargetGroup

# How many groups are made before others on the event loop have their turn: a millisecond or two.
_SLICE: Final = 50


@final
class WorkQueue:
    """Keys of the objects whose groups are to be made, in the order in which they came."""

    def __init__(self, name: str, clock: Clock, metrics: KubernetesMetrics) -> None:
        self._clock = clock
        self._since_s: dict[Key, float] = {}
        self._has_work = asyncio.Event()
        self._depth = metrics.queue_depth.labels(name)
        self._items = metrics.queue_items.labels(name)
        self._latency = metrics.queue_latency.labels(name)
        self._work = metrics.queue_work.labels(name)
        # A group is made without a pause, so nobody ever sees one under way: these stay 0.
        metrics.queue_unfinished.labels(name)
        metrics.queue_longest.labels(name)

    def add(self, key: Key) -> None:
        """Have the group of an object made; does nothing where it waits for that already."""
        if key not in self._since_s:
            self._since_s[key] = self._clock.monotonic_s()
            self._items.inc()
            self._depth.inc()
            self._has_work.set()

    def add_all(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self.add(key)

    async def work(self, make: Callable[[Key], TargetGroup | None], publish: Publish) -> None:
        """Publish the groups of all that waits, at first even if it is none, and so on.

        A group of None is not published. Ends by cancellation alone.
        """
        try:
            while True:
                publish(await self._make_all(make))
                await self._has_work.wait()
        finally:
            self._depth.dec(len(self._since_s))
            self._since_s.clear()

    async def _make_all(self, make: Callable[[Key], TargetGroup | None]) -> list[TargetGroup]:
        """Make the groups of what waits now; what is added meanwhile waits for the next time."""
        groups: list[TargetGroup] = []
        for count, key in enumerate(list(self._since_s), 1):
            group = self._make(key, make)
            if group is not None:
                groups.append(group)
            if count % _SLICE == 0:
                await asyncio.sleep(0)
        if not self._since_s:
            self._has_work.clear()
        return groups

    def _make(self, key: Key, make: Callable[[Key], TargetGroup | None]) -> TargetGroup | None:
        started_s = self._clock.monotonic_s()
        self._latency.observe(started_s - self._since_s.pop(key))
        self._depth.dec()
        group = make(key)
        self._work.observe(self._clock.monotonic_s() - started_s)
        return group
