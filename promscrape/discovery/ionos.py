"""`ionos_sd_configs`: targets from the servers of IONOS Cloud."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


@final
class IonosSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry, for one data center; source: Prometheus discovery/ionos/ionos.go, SDConfig."""

    go_type: ClassVar[str] = "ionos.plain"
    go_item: ClassVar[str] = "*ionos.SDConfig"

    datacenter_id: str = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80

    def check(self) -> Iterator[InvalidValue]:
        if not self.datacenter_id:
            yield InvalidValue("datacenter id can't be empty", at=("datacenter_id",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
