"""What every provider that polls its source has in common.

Rules B-1 to B-6 of the discovery specification; source: Prometheus discovery/refresh/refresh.go.
"""

from collections.abc import Iterator
from typing import final

from promscrape.discovery.provider import ProviderContext, Publish, Refresher
from promscrape.errors import DiscoveryError, PromscrapeError
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.ticker import Ticker


def check_interval(interval: Duration) -> Iterator[InvalidValue]:
    """Yield what is wrong with a `refresh_interval`.

    Prometheus loads an interval of 0 and ends with a panic when its provider starts.
    """
    if not interval:
        yield InvalidValue(
            f"refresh_interval must be positive, got {interval}", at=("refresh_interval",)
        )


@final
class Refreshed:
    """A provider that asks a Refresher at once and then at a fixed rate, one answer at a time.

    The rate counts from the end of the first refresh, and does not slow down when one fails. Of
    the ticks that a refresh overruns one is made up for, at once.
    """

    def __init__(self, refresher: Refresher, interval: Duration, context: ProviderContext) -> None:
        """Raises DiscoveryError for an interval of 0, which `check_interval` would have refused."""
        if not interval:
            raise DiscoveryError("the refresh interval is 0")
        self._refresher, self._interval_s = refresher, interval.seconds
        self._clock, self._log, self._series = context.clock, context.log, context.refreshes
        self._series.show()

    async def run(self, publish: Publish) -> None:
        try:
            await self._refresh(publish)
            ticker = Ticker(self._clock.monotonic_s(), self._interval_s)
            while True:
                await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
                ticker.take(self._clock.monotonic_s())
                await self._refresh(publish)
        finally:
            await self._refresher.close()

    async def _refresh(self, publish: Publish) -> None:
        started_s = self._clock.monotonic_s()
        try:
            publish(await self._refresher.refresh())
        except PromscrapeError as exc:
            self._note_failed(exc)
        except Exception as exc:  # noqa: BLE001 - the next tick may well succeed; nothing is lost
            # An answer of a shape that nobody thought of. The traceback tells where.
            self._note_failed(exc, exc_info=True)
        finally:
            self._series.observe(self._clock.monotonic_s() - started_s)

    def _note_failed(self, error: Exception, *, exc_info: bool = False) -> None:
        self._series.note_failure()
        self._log.error("Unable to refresh target groups", err=error, exc_info=exc_info)
