"""Waiting for news, but not for ever."""

import asyncio

from promscrape.clock import Clock


async def news_or(deadline_s: float, news: asyncio.Event, clock: Clock) -> bool:
    """Return once `news` is set, or at `deadline_s`, and say whether there is news."""
    if news.is_set() or clock.monotonic_s() >= deadline_s:
        return news.is_set()
    async with asyncio.TaskGroup() as tasks:
        sleeping = tasks.create_task(clock.sleep_until(deadline_s), name="remote-write:alarm")
        waiting = tasks.create_task(news.wait(), name="remote-write:news")
        await asyncio.wait((sleeping, waiting), return_when=asyncio.FIRST_COMPLETED)
        sleeping.cancel()
        waiting.cancel()
    return news.is_set()
