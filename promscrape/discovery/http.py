"""`http_sd_configs`: targets from an HTTP server that lists them."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL, http_fault
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


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
