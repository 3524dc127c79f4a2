"""`docker_sd_configs`: targets from the containers of a Docker daemon."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.moby import MobyFilter, check_host
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


@final
class DockerSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/moby/docker.go, DockerSDConfig."""

    go_type: ClassVar[str] = "moby.plain"
    go_item: ClassVar[str] = "*moby.DockerSDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    host: ServerURL = URL()
    port: int = 80
    filters: tuple[MobyFilter, ...] = ()
    host_networking_host: str = "localhost"  # the address of containers on the host's network
    refresh_interval: Duration = Duration(60_000)  # also how long a request may take
    match_first_network: bool = True

    def check(self) -> Iterator[InvalidValue]:
        yield from check_host(self.host)
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
