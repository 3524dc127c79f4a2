"""When target sets are handed on: soon after a quiet time, ever more rarely in a busy one (M-7)."""

import asyncio
import random
from collections.abc import Callable
from typing import final

from promscrape.clock import Clock
from promscrape.discovery.metrics import DiscoveryMetrics

_MIN_S, _MAX_S, _GROWTH = 0.1, 5.0, 1.5


@final
class Sender:
    """Calls `send` some time after each `trigger`; triggers meanwhile are one.

    The gap between two calls grows from 0.1 s by half each time up to 5 s, each varied by half,
    and is small again once nothing was sent for more than 5 s. `send` returns False where its
    receiver is busy, and is called again after the next gap. Source: Prometheus
    discovery/manager.go, sender.
    """

    def __init__(
        self,
        send: Callable[[], bool],
        clock: Clock,
        metrics: DiscoveryMetrics,
        vary: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._send, self._clock, self._metrics, self._vary = send, clock, metrics, vary
        self._pending = asyncio.Event()

    def trigger(self) -> None:
        self._pending.set()

    async def run(self) -> None:
        """Run until it is cancelled."""
        interval_s = _MIN_S
        last_sent_s = self._clock.monotonic_s() - _MAX_S
        while True:
            if interval_s == _MIN_S:
                # Prometheus wakes ten times a second to look; nothing else depends on it.
                await self._pending.wait()
            now_s = self._clock.monotonic_s()
            await self._clock.sleep_until(now_s + self._vary(0.5, 1.5) * interval_s)
            interval_s = min(interval_s * _GROWTH, _MAX_S)
            if self._pending.is_set() and self._try():
                last_sent_s = self._clock.monotonic_s()
            if self._clock.monotonic_s() - last_sent_s > _MAX_S:
                interval_s = _MIN_S

    def _try(self) -> bool:
        self._pending.clear()
        self._metrics.updates.inc()
        if self._send():
            return True
        self._metrics.updates_delayed.inc()
        self._pending.set()
        return False
