"""`dockerswarm_sd_configs`: targets from the services, tasks and nodes of a Docker swarm."""

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

_ROLES = ("services", "tasks", "nodes")


@final
class DockerswarmSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/moby/dockerswarm.go, DockerSwarmSDConfig."""

    go_type: ClassVar[str] = "moby.plain"
    go_item: ClassVar[str] = "*moby.DockerSwarmSDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    host: ServerURL = URL()
    role: str = ""
    port: int = 80
    filters: tuple[MobyFilter, ...] = ()  # of the role's own list
    refresh_interval: Duration = Duration(60_000)  # also how long a request may take

    def check(self) -> Iterator[InvalidValue]:
        yield from check_host(self.host)
        if not self.role:
            yield InvalidValue("role missing (one of: tasks, services, nodes)", at=("role",))
        elif self.role not in _ROLES:
            yield InvalidValue(
                f"invalid role {self.role}, expected tasks, services, or nodes", at=("role",)
            )
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
