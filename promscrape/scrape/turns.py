"""When a loop works on its body: one at a time, and not each by itself where many come.

Work that comes by itself finds the processor's caches full of other things, and takes twice as
long for it. So what comes within a moment of earlier work waits for the end of that moment, and
then goes on one after the other. Timers, sockets and the API get their turn between two of them,
and not after all of them.
"""

import asyncio
from collections import deque
from typing import Final, final

GATHERED_S: Final = 0.1
"""How long a body waits at most for others. A hundred targets a second make ten of them."""


@final
class Turns:
    """Gives each pass of the event loop to one of those who ask, in their order.

    Who asks first after a while goes on at once; who asks within `gathered_s` of that waits for
    the rest of it, if that suits the asker, and then begins another such while.
    """

    def __init__(self, gathered_s: float = 0.0) -> None:
        self._gathered_s = gathered_s
        self._is_taken = self._is_gathering = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gathered: deque[asyncio.Future[None]] = deque()

    async def mine(self, *, may_wait: bool = False) -> None:
        """Return when it is the caller's turn, which lasts to its next await."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None]
        if may_wait and self._is_gathering:
            turn = loop.create_future()
            self._gathered.append(turn)
            await turn
            return
        if may_wait and self._gathered_s:
            self._gather(loop)
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._next, loop)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_gathering = True
        loop.call_later(self._gathered_s, self._end_gathering, loop)

    def _end_gathering(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_gathering = False
        if not self._gathered:
            return
        self._gather(loop)
        self._waiting.extend(self._gathered)
        self._gathered.clear()
        if not self._is_taken:
            self._is_taken = True
            self._next(loop)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                # What was woken comes before this: it has the next pass to itself.
                loop.call_soon(self._next, loop)
                return
        self._is_taken = False
