"""`dockerswarm_sd_configs`: targets from the services, tasks and nodes of a Docker swarm.

Section 5.6 of the discovery specification; source: Prometheus discovery/moby/dockerswarm.go,
nodes.go, services.go and tasks.go.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.moby import MobyAPI, MobyFilter, check_host, network_labels
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.discovery.swarm_objects import (
    LABELS,
    PREFIX,
    Node,
    Service,
    Surroundings,
    Task,
    node_targets,
    service_targets,
    task_targets,
)
from promscrape.discovery.target_group import TargetGroup
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


@final
class SwarmRefresher:
    """Lists what the role says, and what its labels tell of besides."""

    def __init__(self, config: DockerswarmSDConfig, context: ProviderContext) -> None:
        self._role, self._port, self._filters = config.role, config.port, config.filters
        self._api = MobyAPI(config.host, config.http_client, context, config.refresh_interval)

    async def refresh(self) -> Sequence[TargetGroup]:
        match self._role:
            case "nodes":
                targets = await self._nodes()
            case "services":
                targets = await self._services()
            case _:
                targets = await self._tasks()
        return [TargetGroup(tuple(targets), {}, "DockerSwarm")]

    async def close(self) -> None:
        await self._api.close()

    async def _nodes(self) -> Iterator[dict[str, str]]:
        nodes = await self._api.get("/nodes", list[Node], self._filters)
        return node_targets(nodes, self._port)

    async def _services(self) -> Iterator[dict[str, str]]:
        services = await self._api.get("/services", list[Service], self._filters)
        networks = await network_labels(self._api, PREFIX)
        return service_targets(services, networks, self._port)

    async def _tasks(self) -> Iterator[dict[str, str]]:
        tasks = await self._api.get("/tasks", list[Task], self._filters)
        services = await self._api.get("/services", list[Service])
        nodes = await self._api.get("/nodes", list[Node])
        networks = await network_labels(self._api, PREFIX)
        return task_targets(tasks, Surroundings.of(services, nodes, networks), self._port)


def _make(config: DockerswarmSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(SwarmRefresher(config, context), config.refresh_interval, context)


KIND = Kind("dockerswarm", DockerswarmSDConfig, NoMetrics, _make, LABELS)
