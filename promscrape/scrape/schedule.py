"""When scrapes are due, and which timestamp they carry (rules L1 to L3).

Ticks are counted on the monotonic clock from the end of the first wait, so that the grid does not
drift with what a scrape takes. Timestamps come from the wall clock, snapped to a grid of their
own where a tick was at most `tolerance_ns` late: equal spacing compresses best.
"""

from typing import final


@final
class Ticker:
    """A fixed-rate ticker that remembers one tick while its owner is busy, and loses the rest."""

    def __init__(self, start_s: float, interval_s: float) -> None:
        self._start_s, self._interval_s = start_s, interval_s
        self._tick = 0

    def next_due_s(self, now_s: float) -> float:
        """Return when the next tick is, or `now_s` where one was missed meanwhile."""
        if self._elapsed(now_s) > self._tick:
            return now_s
        return self._start_s + (self._tick + 1) * self._interval_s

    def take(self, now_s: float) -> None:
        """Take the tick that was waited for; of several missed ones, the others are lost."""
        self._tick = max(self._tick + 1, self._elapsed(now_s))

    def _elapsed(self, now_s: float) -> int:
        return int((now_s - self._start_s) / self._interval_s)


@final
class AlignedTime:
    """The timestamps of one loop's scrapes, kept on a grid where the timers allow it."""

    def __init__(self, now_ns: int, interval_ns: int, tolerance_ns: int | None) -> None:
        """`tolerance_ns` None leaves all timestamps as the clock gives them."""
        self._aligned_ns, self._interval_ns = now_ns, interval_ns
        self._tolerance_ns = None if tolerance_ns is None else min(tolerance_ns, interval_ns // 100)

    def stamp_ns(self, now_ns: int) -> int:
        """Return the timestamp of a scrape that starts at wall time `now_ns`.

        A clock that was set back by more than an interval starts a new grid; Prometheus would
        repeat the old grid's last time until the clock has caught up.
        """
        if self._tolerance_ns is None:
            return now_ns
        if now_ns < self._aligned_ns - self._interval_ns:
            self._aligned_ns = now_ns
        ticks = max((now_ns - self._aligned_ns) // self._interval_ns, 0)
        self._aligned_ns += ticks * self._interval_ns
        if now_ns - self._aligned_ns <= self._tolerance_ns:
            return self._aligned_ns
        return now_ns
