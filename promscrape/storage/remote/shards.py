"""The shards of a destination: as many lines of batches as it takes to keep up (section 7)."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable
from typing import final

from promscrape.clock import Clock
from promscrape.storage.remote.alarm import news_or
from promscrape.storage.remote.batch import Batch, Part, settle
from promscrape.storage.remote.metrics import QueueMetrics
from promscrape.storage.remote.outcome import Counts, sum_of
from promscrape.storage.remote.shard import Shard, ShardOptions

_FIRST_PAUSE_S = 0.005

Deliver = Callable[[Batch], Awaitable[bool]]
"""Sends a batch; false where it is not settled, and not to be settled by this process."""


@final
class Shards:
    """All items of a series go through one shard at a time, so that they keep their order.

    tasks: where each shard runs. max_pause_s: how long at most `put` waits before it tries again.
    """

    def __init__(
        self,
        options: ShardOptions,
        deliver: Deliver,
        metrics: QueueMetrics,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        max_pause_s: float,
    ) -> None:
        self._options, self._deliver, self._metrics = options, deliver, metrics
        self._clock, self._tasks, self._max_pause_s = clock, tasks, max_pause_s
        self._shards: list[Shard] = []
        self._running: list[asyncio.Task[None]] = []
        self._room = asyncio.Event()
        self._is_open = False
        metrics.pending = self._pending

    def __len__(self) -> int:
        return len(self._shards)

    def start(self, number: int) -> None:
        """Begin with so many shards; all earlier ones have been stopped."""
        self._shards = [
            Shard(self._options, self._delivered, self._room.set, self._clock)
            for _ in range(number)
        ]
        self._running = [
            self._tasks.create_task(shard.run(), name=f"remote-write:shard:{at}")
            for at, shard in enumerate(self._shards)
        ]
        self._metrics.shards = number
        self._is_open = True
        self._room.set()

    async def _delivered(self, batch: Batch) -> None:
        if await self._deliver(batch):
            settle(batch.parts)

    def _pending(self) -> Counts:
        """Return what was taken and not delivered."""
        return sum_of(batch.counts for shard in self._shards for batch in shard.waiting)

    def has_room(self, samples: int) -> bool:
        """Whether so many samples would surely be taken."""
        return self._is_open and len(self._shards) == 1 and samples <= self._shards[0].room

    def take(self, part: Part) -> list[Part]:
        """Hand a part to the shards of its series, and return what they have no room for."""
        if self._is_open and len(self._shards) == 1:
            rest = self._shards[0].take(part)
            return [] if rest is None else [rest]
        return self._offered([part])

    async def put(self, parts: list[Part]) -> None:
        """Hand to the shards what there was no room for, as soon as there is."""
        pause_s = _FIRST_PAUSE_S
        while parts:
            self._metrics.enqueue_retries += 1
            self._room.clear()
            await news_or(self._clock.monotonic_s() + pause_s, self._room, self._clock)
            pause_s = min(2 * pause_s, self._max_pause_s)
            parts = self._offered(parts)

    def _offered(self, parts: list[Part]) -> list[Part]:
        """Return what the shards did not take; their number may have changed in between."""
        if not self._is_open:
            return parts
        return [
            rest
            for part in parts
            for at, own in self._by_shard(part)
            if (rest := self._shards[at].take(own)) is not None
        ]

    def _by_shard(self, part: Part) -> list[tuple[int, Part]]:
        number = len(self._shards)
        if number == 1:
            return [(0, part)]
        first, count = part.rows[0], len(part.rows)
        if not part.histograms and not part.exemplars and _are_consecutive(part.rows):
            starts = range(min(number, count))
            return [((first + start) % number, part.every(number, start)) for start in starts]
        places: dict[int, list[int]] = {}
        for place, row in enumerate(part.rows):
            places.setdefault(row % number, []).append(place)
        return [(at, part.picked(own)) for at, own in places.items()]

    async def change(self, number: int, deadline_s: float) -> None:
        """Flush the shards, and go on with another number of them (7.10).

        What is not flushed at the deadline goes to the new shards, each series in its order.
        """
        left = await self.stop(deadline_s)
        self.start(number)
        for batches in left:
            for batch in batches:
                for part in batch.parts:
                    for at, own in self._by_shard(part):
                        self._shards[at].take(own, over_limit=True)

    async def stop(self, deadline_s: float) -> list[list[Batch]]:
        """Take nothing any more, send what is there, and return what is left at the deadline."""
        self._is_open = False
        for shard in self._shards:
            shard.drain()
        ended = asyncio.Event()
        for task in self._running:
            task.add_done_callback(lambda _: self._note_end(ended))
        self._note_end(ended)
        await news_or(deadline_s, ended, self._clock)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        return [shard.waiting for shard in self._shards]

    def _note_end(self, ended: asyncio.Event) -> None:
        if all(task.done() for task in self._running):
            ended.set()

    def rows_waiting(self) -> set[int]:
        """Return the rows of all that is on its way."""
        return {
            row
            for shard in self._shards
            for batch in shard.waiting
            for part in batch.parts
            for row in part.rows
        }


def _are_consecutive(rows: "array[int]") -> bool:
    return rows[-1] - rows[0] == len(rows) - 1 and rows == array(
        "I", range(rows[0], rows[0] + len(rows))
    )
