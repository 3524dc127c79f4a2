"""`puppetdb_sd_configs`: targets from the resources that PuppetDB knows."""

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
class PuppetdbSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/puppetdb/puppetdb.go, SDConfig."""

    go_type: ClassVar[str] = "puppetdb.plain"
    go_item: ClassVar[str] = "*puppetdb.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    url: ServerURL = URL()
    query: str = ""
    include_parameters: bool = False
    port: int = 80

    def check(self) -> Iterator[InvalidValue]:
        fault = http_fault("url", self.url)
        if fault:
            yield fault
        if not self.query:
            yield InvalidValue("query missing", at=("query",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
