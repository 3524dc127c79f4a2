"""A limit to how long something takes, by the clock that is passed in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from promscrape.clock import Clock


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError out of the block once it has taken so many seconds of the clock."""
    loop = asyncio.get_running_loop()
    is_over = False

    def ring(alarm: asyncio.Task[None]) -> None:
        # The limit is the loop's, which is how it can end the block in the middle of a read.
        if not (is_over or alarm.cancelled()):
            limit.reschedule(loop.time())

    async with asyncio.timeout(None) as limit:
        sleep = clock.sleep_until(clock.monotonic_s() + seconds)
        alarm = asyncio.create_task(sleep, name="kubernetes:deadline")
        alarm.add_done_callback(ring)
        try:
            yield
        finally:
            is_over = True
            alarm.cancel()
