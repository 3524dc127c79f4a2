"""When a loop works on its body: a few at a time, and not each by itself where many come.

Work that comes by itself finds the processor's caches full of other things, and takes twice as
long for it. So what comes within a moment of earlier work waits for the end of that moment, and
then goes on one after the other. Timers, sockets and the API get their turn in between, as soon
as the work has taken `PASS_S`.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final, final

GATHERED_S: Final = 0.1
"""How long a body waits at most for others. A hundred targets a second make ten of them."""

PASS_S: Final = 0.002
"""How long the work of one pass of the event loop may take, going by that of the pass before."""

_MOST_A_PASS: Final = 16


@final
class Turns:
    """Gives each pass of one event loop to a few of those who ask, in their order.

    Who asks first after a while goes on at once; who asks within `gathered_s` of that waits for
    the rest of it, if that suits the asker, and then begins another such while.
    """

    def __init__(
        self, gathered_s: float = 0.0, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._gathered_s, self._monotonic_s = gathered_s, monotonic_s
        self._given, self._given_s = 0, 0.0  # turns of the pass before, and when that began
        self._turn_s = PASS_S  # how long one took, lately
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_taken = self._is_gathering = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gathered: deque[asyncio.Future[None]] = deque()

    def mine(self, *, may_wait: bool = False) -> "asyncio.Future[None] | None":
        """Return what is done when it is the caller's turn; None where it is now.

        The turn lasts to the caller's next await.
        """
        loop = self._loop
        if loop is None:
            # To ask for it is a call to the system, each time.
            loop = self._loop = asyncio.get_running_loop()
        if may_wait and self._is_gathering:
            turn = loop.create_future()
            self._gathered.append(turn)
            return turn
        if may_wait and self._gathered_s:
            self._gather(loop)
        if not self._is_taken:
            self._is_taken = True
            loop.call_soon(self._next, loop)
            return None
        turn = loop.create_future()
        self._waiting.append(turn)
        return turn

    def give(self, asked: "list[asyncio.Future[None]]") -> None:
        """Give a turn to each of those who have waited for others already."""
        self._waiting.extend(asked)
        if not self._is_taken:
            self._is_taken = True
            self._next(asyncio.get_running_loop())

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
        now_s = self._monotonic_s()
        if self._given:
            # What was woken came before this call, and had the pass to itself.
            self._turn_s = (now_s - self._given_s) / self._given
        room = max(1, int(PASS_S / max(self._turn_s, PASS_S / _MOST_A_PASS)))
        self._given, self._given_s = 0, now_s
        while self._waiting and self._given < room:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._given += 1
        if self._given:
            loop.call_soon(self._next, loop)
        else:
            self._is_taken = False
