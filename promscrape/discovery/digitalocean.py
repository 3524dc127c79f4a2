"""`digitalocean_sd_configs`: targets from the droplets and databases of DigitalOcean."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.role import one_of
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLE = one_of(("droplets", "databases"), "unknown DigitalOcean SD role")


@final
class DigitaloceanSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/digitalocean/digitalocean.go, SDConfig."""

    go_type: ClassVar[str] = "digitalocean.plain"
    go_item: ClassVar[str] = "*digitalocean.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    role: Annotated[str, _ROLE] = "droplets"

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            yield InvalidValue("role missing (one of: droplets, databases)", at=("role",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
