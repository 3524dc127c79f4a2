"""`hetzner_sd_configs`: targets from the servers of Hetzner Cloud and Hetzner Robot."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.role import one_of
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLE = one_of(("robot", "hcloud"), "unknown role")


@final
class HetznerSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/hetzner/hetzner.go, SDConfig."""

    go_type: ClassVar[str] = "hetzner.plain"
    go_item: ClassVar[str] = "*hetzner.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    role: Annotated[str, _ROLE] = ""
    label_selector: str = ""  # of hcloud servers

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            yield InvalidValue("role missing (one of: robot, hcloud)", at=("role",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
