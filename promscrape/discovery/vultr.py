"""`vultr_sd_configs`: targets from the instances of Vultr."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


@final
class VultrSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/vultr/vultr.go, SDConfig."""

    go_type: ClassVar[str] = "vultr.plain"
    go_item: ClassVar[str] = "*vultr.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80

    def check(self) -> Iterator[InvalidValue]:
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
