"""Where time comes from: the one protocol that tests replace.

Wall time and monotonic time never meet in one subtraction: wall time stamps samples and places
scrapes on their grid, monotonic time measures and waits.
"""

import asyncio
import time
from typing import Protocol, final

_SHORTEST_TIMER_S = 0.001


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

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_s(self) -> float:
        return time.monotonic()

    async def sleep_until(self, monotonic_s: float) -> None:
        # libuv's timers count whole milliseconds from the loop's cached time, so a timer can
        # fire up to a millisecond early: what is left then is waited for again. As a timer of
        # less than half a millisecond it would be none, and the loop would spin until then.
        while (left_s := monotonic_s - time.monotonic()) > 0:
            await asyncio.sleep(max(left_s, _SHORTEST_TIMER_S))
