"""Rates, and the number of shards that follows from them (7.7 to 7.9)."""

import math
from typing import Final, final

import msgspec

TICK_S: Final = 10.0
_WEIGHT = 0.2
_TOLERANCE = 0.3
_PENDING_SHARE = 0.05
_MAX_DELAY_TO_SHRINK_S = 10.0


@final
class Rate:
    """Events a second, an average that forgets: the first tick with events sets it."""

    def __init__(self) -> None:
        self.value = 0.0
        self._events = 0.0
        self._is_set = False

    def add(self, events: float) -> None:
        self._events += events

    def tick(self) -> None:
        """To be called every `TICK_S`."""
        now, self._events = self._events / TICK_S, 0.0
        if self._is_set:
            self.value += _WEIGHT * (now - self.value)
        elif now > 0:
            self.value, self._is_set = now, True


@final
class Flow(msgspec.Struct, frozen=True):
    """Items a second that come in, go out and are dropped; seconds a second spent in sending.

    delay_s: from the newest item that came in to the newest that was sent.
    """

    incoming: float
    out: float
    dropped: float
    sending: float
    delay_s: float


def desired_shards(flow: Flow, current: int) -> float:
    """Return how many shards would just keep up and work off a twentieth of what is behind."""
    if flow.out <= 0:
        return float(current)
    kept = flow.incoming * flow.out / (flow.dropped + flow.out)
    return flow.sending / flow.out * (kept + _PENDING_SHARE * flow.delay_s * kept)


def next_shards(flow: Flow, current: int, least: int, most: int) -> int:
    """Return the number of shards to have from now on."""
    if flow.out <= 0:
        return current
    number = math.ceil(desired_shards(flow, current))
    if (1 - _TOLERANCE) * current <= number <= (1 + _TOLERANCE) * current:
        return current
    if number < current and flow.delay_s > _MAX_DELAY_TO_SHRINK_S:
        return current
    return min(max(number, least), most)
