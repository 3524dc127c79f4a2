"""How a long piece of work in a thread leaves room for the event loop, and ends when told to."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar, final

from promscrape.clock import Clock

T = TypeVar("T")


class Stopped(Exception):
    """The work was told to stop; what it had in hand is undone or without effect."""


@final
class Pace:
    """Work calls `step` between any two pieces of a few milliseconds at most.

    A thread that computes holds the interpreter, five milliseconds at a time, against an event
    loop that wants it back. So it rests: after `work_s` of work, for `rest_s`.
    """

    def __init__(self, clock: Clock, *, work_s: float, rest_s: float) -> None:
        self._clock, self._work_s, self._rest_s = clock, work_s, rest_s
        self._began_s = clock.monotonic_s()
        self._stop = threading.Event()

    def step(self) -> None:
        """Raises Stopped once `stop` was called."""
        if self._clock.monotonic_s() - self._began_s >= self._work_s:
            self._stop.wait(self._rest_s)
            self._began_s = self._clock.monotonic_s()
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        """Let the work end at its next step. Any thread may call this."""
        self._stop.set()


async def run_in_thread(work: Callable[[], T], pace: Pace | None = None) -> T:
    """Return what `work` returns, from a worker thread.

    A cancellation stops the work by its pace, if it has one, and goes on when the thread has
    ended: nothing is left running that still writes.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if pace is not None:
            pace.stop()
        await asyncio.wait([running])
        running.exception()  # looked at, so that the loop does not report it: it was given up
        raise
