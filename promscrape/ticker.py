"""A fixed rate, kept by whoever is busy now and then."""

from typing import final


@final
class Ticker:
    """A fixed-rate ticker that remembers one tick while its owner is busy, and loses the rest."""

    def __init__(self, start_s: float, interval_s: float) -> None:
        self._start_s, self._interval_s = start_s, interval_s
        self._tick = 0

    def next_due_s(self, now_s: float) -> float:
        """Return when the next tick is, or `now_s` where one was missed meanwhile."""
        elapsed = int((now_s - self._start_s) / self._interval_s)
        if elapsed > self._tick:
            return now_s
        return self._start_s + (self._tick + 1) * self._interval_s

    def take(self, now_s: float) -> None:
        """Take the tick that was waited for; of several missed ones, the others are lost."""
        self._tick = max(self._tick + 1, int((now_s - self._start_s) / self._interval_s))
