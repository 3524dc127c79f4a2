"""A clock that stands still until the test moves it.

    clock = ManualClock()
    loop = asyncio.create_task(component.run())   # ends in `await clock.sleep_until(...)`
    await clock.advance(15)                       # wakes it, and returns when it sleeps again

Nothing here waits for real time. What a woken task does over a socket or in a thread takes real
time, though, and `advance` cannot wait for that: the test then waits for what it expects to see.
"""

import asyncio
import heapq
from itertools import count
from typing import final

# One quiet pass over the loop's queue is not enough: the end of a task reaches the task that
# waits for it in up to two passes (a callback, then a future), one more for each nested gather.
_QUIET_PASSES = 5
_MAX_PASSES = 10_000

# Ten steps of 0.1 s fall a little short of one second: who sleeps until then is due all the same.
_ROUNDING_S = 1e-9

_Sleeper = tuple[float, int, "asyncio.Future[None]"]  # when it is due, its turn, what it awaits


@final
class ManualClock:
    """Implements `promscrape.clock.Clock` for tests; owned by one event loop.

    Wall and monotonic time advance together; `step_wall` moves the wall time alone.
    """

    def __init__(self, now_ns: int = 1_700_000_000_000_000_000, monotonic_s: float = 0.0) -> None:
        # Wall time is derived, not added up, so that a thousand short steps leave no error.
        self._wall_at_zero_ns = now_ns - round(monotonic_s * 1e9)
        self._monotonic_s = monotonic_s
        self._sleepers: list[_Sleeper] = []
        self._turns = count()

    def now_ns(self) -> int:
        return self._wall_at_zero_ns + round(self._monotonic_s * 1e9)

    def monotonic_s(self) -> float:
        return self._monotonic_s

    async def sleep_until(self, monotonic_s: float) -> None:
        if monotonic_s <= self._monotonic_s:
            return
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (monotonic_s, next(self._turns), woken))
        await woken

    @property
    def due_s(self) -> list[float]:
        """The monotonic times that tasks sleep until, in the order in which they will wake."""
        return [due_s for due_s, _, woken in sorted(self._sleepers) if not woken.done()]

    def step_wall(self, ns: int) -> None:
        """Move the wall time alone, as an operator or NTP does; a negative step goes back."""
        self._wall_at_zero_ns += ns

    def work(self, seconds: float) -> None:
        """Let time pass in which nobody gets a turn: something holds up the event loop."""
        self._monotonic_s += seconds

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: wake each sleeper at its time, and let it run before time goes on.

        Sleepers due at one instant wake in the order in which they went to sleep. Tasks that
        were started just before get to their first sleep first.
        """
        until_s = self._monotonic_s + seconds
        await settle()
        while (due_s := self._next_due_s()) <= until_s + _ROUNDING_S:
            self._monotonic_s = due_s
            self._wake_due()
            await settle()
        self._monotonic_s = max(self._monotonic_s, until_s)

    def _next_due_s(self) -> float:
        while self._sleepers and self._sleepers[0][2].done():  # cancelled while it slept
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else float("inf")

    def _wake_due(self) -> None:
        while self._next_due_s() <= self._monotonic_s:
            heapq.heappop(self._sleepers)[2].set_result(None)


async def settle() -> None:
    """Return once every other task of this loop waits for something that is yet to happen.

    Raises AssertionError where that never comes, because a task spins.
    """
    quiet = 0
    for _ in range(_MAX_PASSES):
        await asyncio.sleep(0)
        quiet = 0 if any(map(_is_runnable, asyncio.all_tasks())) else quiet + 1
        if quiet == _QUIET_PASSES:
            return
    raise AssertionError(f"tasks still run after {_MAX_PASSES} passes over the event loop")


def _is_runnable(task: "asyncio.Task[object]") -> bool:
    """Whether the loop will run `task` in its next pass.

    A task does not tell in public what it waits for; `_fut_waiter` is the same on the standard
    loop and on uvloop, because both run the standard library's tasks.
    """
    if task is asyncio.current_task():
        return False
    waiter: asyncio.Future[object] | None = getattr(task, "_fut_waiter", None)
    return waiter is None or waiter.done()
