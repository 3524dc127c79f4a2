"""One line of batches to a destination, sent one after the other (7.3, 7.5)."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import final

import msgspec

from promscrape.clock import Clock
from promscrape.storage.remote.batch import Batch, Part


@final
class ShardOptions(msgspec.Struct, frozen=True):
    """max_batches: full ones that may wait, besides one that is being filled."""

    max_items: int
    max_batches: int
    deadline_s: float


@final
class Shard:
    """Takes parts in order, and hands batches to `deliver` in that order.

    on_room: called where there is room for more after there was none.
    """

    def __init__(
        self,
        options: ShardOptions,
        deliver: Callable[[Batch], Awaitable[None]],
        on_room: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._options, self._deliver, self._on_room = options, deliver, on_room
        self._clock = clock
        self._full: deque[Batch] = deque()
        self._partial = Batch()
        self._in_hand: Batch | None = None
        self._news = asyncio.Event()  # a full batch, or the deadline has come, or it is to drain
        self._due_s = 0.0
        self._is_draining = False

    @property
    def room(self) -> int:
        """How many samples would be taken."""
        batches = self._options.max_batches - len(self._full)
        return (batches + 1) * self._options.max_items - self._partial.size - 1

    def take(self, part: Part, *, over_limit: bool = False) -> Part | None:
        """Take of a part what there is room for, and return the rest, None where nothing is left.

        With all full batches waiting, a batch may be filled up to one item less than it holds.
        """
        limit = self._options.max_items
        while part.rows:
            is_last = not over_limit and len(self._full) >= self._options.max_batches
            room = limit - self._partial.size - is_last
            if len(part.rows) + part.exemplar_count <= room:
                self._add(part)
                return None
            count = part.fitting(room)
            if not count:
                if is_last:
                    return part
                if self._partial.size:
                    self._close_partial()
                    continue
                count = 1  # one sample with more exemplars than a batch has items
            self._add(part.between(0, count))
            part = part.between(count, len(part.rows))
        return None

    def _add(self, part: Part) -> None:
        self._partial.append(part)
        if self._partial.size >= self._options.max_items:
            self._close_partial()

    def _close_partial(self) -> None:
        self._full.append(self._partial)
        self._partial = Batch()
        self._news.set()

    async def run(self) -> None:
        """Deliver until `drain` was called and all is delivered, or until cancelled."""
        self._due_s = self._clock.monotonic_s() + self._options.deadline_s
        async with asyncio.TaskGroup() as tasks:
            alarm = tasks.create_task(self._watch_deadline(), name="remote-write:alarm")
            await self._deliver_all()
            alarm.cancel()

    async def _deliver_all(self) -> None:
        while True:
            is_due = self._clock.monotonic_s() >= self._due_s
            batch = self._next(is_due=is_due or self._is_draining)
            if batch is not None:
                await self._send(batch)
            elif self._is_draining:
                return
            if batch is not None or is_due:
                self._due_s = self._clock.monotonic_s() + self._options.deadline_s
                continue
            self._news.clear()
            await self._news.wait()

    async def _watch_deadline(self) -> None:
        """Say when the deadline has come.

        It mostly moves on before it does, with each batch that is sent. So nobody is woken
        for that: the next look is taken when the deadline was that is known here.
        """
        clock = self._clock
        while True:
            await clock.sleep_until(self._due_s)
            if clock.monotonic_s() >= self._due_s:
                self._news.set()
                # The next deadline counts from now on, or from later.
                await clock.sleep_until(clock.monotonic_s() + self._options.deadline_s)

    def _next(self, *, is_due: bool) -> Batch | None:
        if self._full:
            return self._full.popleft()
        if is_due and self._partial.size:
            batch, self._partial = self._partial, Batch()
            return batch
        return None

    async def _send(self, batch: Batch) -> None:
        self._in_hand = batch
        self._on_room()
        await self._deliver(batch)
        self._in_hand = None

    def drain(self) -> None:
        """Let `run` send what is there, at once, and return."""
        self._is_draining = True
        self._news.set()

    @property
    def waiting(self) -> list[Batch]:
        """What was taken and not delivered, oldest first."""
        in_hand = [self._in_hand] if self._in_hand else []
        partial = [self._partial] if self._partial.size else []
        return [*in_hand, *self._full, *partial]
