"""`http_sd_configs`: targets from an HTTP server that lists them."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import HttpMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL, http_fault
from promscrape.discovery.static import target_groups
from promscrape.discovery.target_group import TargetGroup
from promscrape.discovery.target_group_json import decode_groups
from promscrape.errors import DiscoveryError, FetchError, PromscrapeError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

URL_LABEL = "__meta_url"

# An answer that is larger lists no targets; it would fill the memory of the process.
_MAX_BYTES = 1 << 26
_OFF_LOOP_BYTES = 1 << 19


@final
class HttpSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/http/http.go, SDConfig."""

    go_type: ClassVar[str] = "http.plain"
    go_item: ClassVar[str] = "*http.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)  # also how long a request may take
    url: ServerURL = URL()

    def check(self) -> Iterator[InvalidValue]:
        fault = http_fault("url", self.url)
        if fault:
            yield fault
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


@final
class HttpRefresher:
    """Asks the server for its list of target groups.

    Rules H-1 to H-7 of the discovery specification; source: Prometheus discovery/http/http.go.
    """

    def __init__(
        self, config: HttpSDConfig, context: ProviderContext, metrics: HttpMetrics
    ) -> None:
        self._url, self._metrics = config.url, metrics
        self._interval_s = config.refresh_interval.seconds
        self._last_length = 0
        self._api = API(
            context.http_client(config.http_client),
            self._url.reveal(),
            self._interval_s,
            {"X-Prometheus-Refresh-Interval-Seconds": decimal(self._interval_s)},
            _MAX_BYTES,
        )

    async def refresh(self) -> Sequence[TargetGroup]:
        try:
            body = await self._fetch()
            if len(body) < _OFF_LOOP_BYTES:
                groups = self._groups(body)
            else:  # Tens of thousands of targets would hold up the scrapes of others.
                groups = await asyncio.to_thread(self._groups, body)
        except PromscrapeError:
            self._metrics.failures.inc()
            raise
        url = str(self._url)
        vanished = range(len(groups), self._last_length)
        self._last_length = len(groups)
        return groups + [TargetGroup((), {}, f"{url}:{index}") for index in vanished]

    def _groups(self, body: bytes) -> list[TargetGroup]:
        url = str(self._url)
        return [
            TargetGroup(group.targets, {**group.labels, URL_LABEL: url}, f"{url}:{index}")
            for index, group in enumerate(target_groups(decode_groups(body)))
        ]

    async def close(self) -> None:
        await self._api.close()

    async def _fetch(self) -> bytes:
        try:
            return (await self._api.ask("GET", "")).succeeded().called_json().body
        except FetchError as exc:
            if isinstance(exc.__cause__, TimeoutError):
                raise DiscoveryError(
                    f'Get "{self._url}": no whole answer within the refresh_interval of '
                    f"{decimal(self._interval_s)}s"
                ) from exc
            raise


def decimal(number: float) -> str:
    """Return the shortest decimal form, without an exponent."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _make(config: HttpSDConfig, context: ProviderContext, metrics: HttpMetrics) -> Provider:
    return Refreshed(HttpRefresher(config, context, metrics), config.refresh_interval, context)


KIND = Kind("http", HttpSDConfig, HttpMetrics, _make, (URL_LABEL,))
