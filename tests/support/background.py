"""Servers on an event loop of their own, beside a test that blocks."""

import asyncio
import threading
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar, final

T = TypeVar("T")

_WITHIN_S = 30.0


@final
class Background:
    """Runs what is entered until it is left; entered with `with`.

    What servers note down can be read from the test's own thread, but not changed while requests
    are under way.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="background-servers")
        self._stack = AsyncExitStack()

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Start a server; return what its context yields."""
        entering = self._stack.enter_async_context(server)
        return asyncio.run_coroutine_threadsafe(entering, self._loop).result(_WITHIN_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result(_WITHIN_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
