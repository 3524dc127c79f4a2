"""Long work in small pieces, so that scrapes keep their schedule meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

T = TypeVar("T")


async def paced(items: Iterable[T], at_a_time: int) -> AsyncIterator[T]:
    """Yield the items, and let others run after each few of them."""
    for index, item in enumerate(items, 1):
        yield item
        if index % at_a_time == 0:
            await asyncio.sleep(0)
