"""Makes the log survive a loss of power, as often as the operator chose."""

import asyncio
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.storage.wal.options import FsyncPolicy
from promscrape.storage.wal.pace import run_in_thread
from promscrape.storage.wal.segment import SegmentWriter

_INTERVAL_S = 1.0


@final
class Syncer:
    """Syncs in a thread what was logged; one sync ends before the next begins."""

    def __init__(
        self, writer: SegmentWriter, policy: FsyncPolicy, clock: Clock, log: FilteringBoundLogger
    ) -> None:
        self._writer, self._policy, self._clock, self._log = writer, policy, clock, log
        self._is_wanted = asyncio.Event()
        self._is_noted = False

    def notice(self) -> None:
        """Take note that something was logged."""
        # Nearly always that was noted before, and setting an event is a call of its own.
        if self._is_noted:
            return
        if self._policy is not FsyncPolicy.SEGMENT or self._writer.has_finished_segments:
            self._is_noted = True
            self._is_wanted.set()

    async def run(self) -> None:
        """Ends only by cancellation, after the sync that may be under way."""
        next_s = self._clock.monotonic_s()
        while True:
            await self._is_wanted.wait()
            await self._clock.sleep_until(next_s)
            self._is_wanted.clear()
            self._is_noted = False
            if self._policy is FsyncPolicy.INTERVAL:
                next_s = self._clock.monotonic_s() + _INTERVAL_S
            await self._sync()

    async def _sync(self) -> None:
        is_lazy = self._policy is FsyncPolicy.SEGMENT
        try:
            await run_in_thread(self._writer.sync_finished if is_lazy else self._writer.sync)
        except OSError as exc:
            # The kernel has dropped what it could not write: trying again would find no fault.
            self._log.error("Syncing the WAL failed", err=str(exc))
