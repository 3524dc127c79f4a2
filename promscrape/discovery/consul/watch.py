"""One blocking query, asked again and again: the index rules and the pace.

C-15 and C-16 of the discovery specification; see also Consul's own rules for clients,
https://developer.hashicorp.com/consul/api-docs/features/blocking.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Generic, NoReturn, TypeVar, final

from prometheus_client import Counter
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.consul.api import Answer
from promscrape.errors import DiscoveryError, FetchError
from promscrape.ticker import Ticker

T = TypeVar("T")

RETRY_S: Final = 15.0


@final
class Watch(Generic[T]):
    """Hands on what `call` answers, whenever it is not what it was.

    call: takes the index that the answer is to differ from, 0 for an answer at once. Raises
        DiscoveryError and FetchError.
    interval_s: the shortest time between two calls.
    """

    def __init__(
        self,
        call: Callable[[int], Awaitable[Answer[T]]],
        interval_s: float,
        clock: Clock,
        failures: Counter,
        log: FilteringBoundLogger,
    ) -> None:
        self._call, self._interval_s, self._clock = call, interval_s, clock
        self._failures, self._log = failures, log
        self._index = 0
        self._is_failing = False

    async def run(self, take: Callable[[T], Awaitable[None]]) -> NoReturn:
        """Go on until cancelled, which ends a call under way at once."""
        ticker = Ticker(self._clock.monotonic_s(), self._interval_s)
        while True:
            try:
                answer = await self._call(self._index)
            except (DiscoveryError, FetchError) as exc:
                self._note_failure(exc)
                await self._clock.sleep_until(self._clock.monotonic_s() + RETRY_S)
            else:
                self._is_failing = False
                if self._is_new(answer.index):
                    await take(answer.value)
            await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
            ticker.take(self._clock.monotonic_s())

    def _is_new(self, index: int) -> bool:
        """Whether an answer is one to hand on; choose the index of the next call.

        Prometheus never leaves an index behind that went back, as it does when a server is
        restored, and ignores all answers without one, as some proxies pass them on.
        """
        if index <= 0:
            self._index = 1
            return True
        if index == self._index:
            return False
        self._index = 0 if index < self._index else index
        return True

    def _note_failure(self, error: Exception) -> None:
        self._failures.inc()
        # While the server is down each watch fails twice a minute: once is enough to be told.
        (self._log.debug if self._is_failing else self._log.error)(
            "Error refreshing service", err=error
        )
        self._is_failing = True
