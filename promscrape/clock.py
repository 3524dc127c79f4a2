"""Where time comes from: the one protocol that tests replace.

Wall time and monotonic time never meet in one subtraction: wall time stamps samples and places
scrapes on their grid, monotonic time measures and waits.
"""

import asyncio
import time
from math import ceil, floor
from typing import Protocol, final

# How much of a millisecond a timer is set for the one before: one in twenty then wakes too early.
_EARLIER_MS = 0.3


class Clock(Protocol):
    """The time of day, a stopwatch, and the only way to wait."""

    def now_ns(self) -> int:
        """Wall time in nanoseconds since the epoch; it can step back."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that never steps; its zero means nothing."""

    async def sleep_until(self, monotonic_s: float) -> None:
        """Return when `monotonic_s()` has reached the given value; at once if it has already."""


@final
class SystemClock:
    """The machine's clocks and the running event loop's timers."""

    # The functions themselves: a scrape looks at the clocks a dozen times.
    now_ns = staticmethod(time.time_ns)
    monotonic_s = staticmethod(time.monotonic)

    async def sleep_until(self, monotonic_s: float) -> None:
        # libuv's timers count the whole milliseconds of this very clock, and wake within the one
        # that they are set for. To wait again costs more than to be late by half of one.
        while (now_s := time.monotonic()) < monotonic_s:
            loop = asyncio.get_running_loop()
            woken = loop.create_future()
            delay_ms = ceil(monotonic_s * 1000 - _EARLIER_MS) - floor(now_s * 1000)
            timer = loop.call_later(max(delay_ms, 1) / 1000, _wake, woken)
            try:
                await woken
            except BaseException:
                timer.cancel()
                raise


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
