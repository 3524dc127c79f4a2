"""How long to wait after a failure (K-15); source: client-go tools/cache/reflector.go."""

import random
from typing import Final, final

from promscrape.clock import Clock

_FIRST_S: Final = 0.8
_MOST_S: Final = 30.0
_FORGOTTEN_AFTER_S: Final = 120.0


@final
class Backoff:
    """Doubles from 0.8 s to 30 s, each time stretched by up to twice, so that clients scatter.

    Two minutes without a failure begin anew.
    """

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock, self._chance = clock, chance
        self._base_s = _FIRST_S
        self._last_s = clock.monotonic_s()

    async def wait(self, at_least_s: float = 0.0) -> None:
        """Wait for the next delay, or for longer where the server asked for that."""
        now_s = self._clock.monotonic_s()
        if now_s - self._last_s > _FORGOTTEN_AFTER_S:
            self._base_s = _FIRST_S
        delay_s = self._base_s * (1 + self._chance.random())
        self._base_s = min(self._base_s * 2, _MOST_S)
        self._last_s = now_s + max(delay_s, at_least_s)
        await self._clock.sleep_until(self._last_s)
