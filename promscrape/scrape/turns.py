"""One loop's work a pass of the event loop.

Where many answers come at once, timers, sockets and the API get their turn between two of them,
and not after all of them.
"""

import asyncio
from collections import deque
from typing import final


@final
class Turns:
    """Gives each pass of the event loop to one of those who ask, in their order.

    Whoever asks first in a pass goes on at once: mostly nobody else does.
    """

    def __init__(self) -> None:
        self._is_taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def mine(self) -> None:
        """Return when it is the caller's turn, which lasts to its next await."""
        loop = asyncio.get_running_loop()
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._next, loop)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                # What was woken comes before this: it has the next pass to itself.
                loop.call_soon(self._next, loop)
                return
        self._is_taken = False
