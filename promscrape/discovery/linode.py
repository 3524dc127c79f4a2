"""`linode_sd_configs`: targets from the instances of Linode."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


@final
class LinodeSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/linode/linode.go, SDConfig."""

    go_type: ClassVar[str] = "linode.plain"
    go_item: ClassVar[str] = "*linode.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    tag_separator: str = ","
    region: str = ""  # "": all

    def check(self) -> Iterator[InvalidValue]:
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
