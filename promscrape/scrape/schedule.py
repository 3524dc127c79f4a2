"""When scrapes are due, and which timestamp they carry (rules L1 to L3).

Ticks are counted on the monotonic clock from the end of the first wait, so that the grid does not
drift with what a scrape takes. Timestamps come from the wall clock, snapped to a grid of their
own where a tick was at most `tolerance_ns` late: equal spacing compresses best.
"""

from typing import final


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
