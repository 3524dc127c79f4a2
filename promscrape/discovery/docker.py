"""`docker_sd_configs`: targets from the containers of a Docker daemon.

Section 5.5 of the discovery specification; source: Prometheus discovery/moby/docker.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.moby import MobyAPI, MobyFilter, check_host, network_labels
from promscrape.discovery.naming import host_port, labels_of
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

_PREFIX = "__meta_docker_"
_ON_HOST = "host"
LABELS = (
    "__meta_docker_container_id",
    "__meta_docker_container_name",
    "__meta_docker_container_network_mode",
    "__meta_docker_container_image",
    "__meta_docker_container_image_id",
    "__meta_docker_container_label_<name>",
    "__meta_docker_network_id",
    "__meta_docker_network_name",
    "__meta_docker_network_scope",
    "__meta_docker_network_internal",
    "__meta_docker_network_ingress",
    "__meta_docker_network_label_<name>",
    "__meta_docker_network_ip",
    "__meta_docker_port_private",
    "__meta_docker_port_public",
    "__meta_docker_port_public_ip",
)


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


class _Port(msgspec.Struct, frozen=True):
    ip: str = msgspec.field(name="IP", default="")
    private: int = msgspec.field(name="PrivatePort", default=0)
    public: int = msgspec.field(name="PublicPort", default=0)
    type: str = msgspec.field(name="Type", default="")


class _Endpoint(msgspec.Struct, frozen=True):
    """How a container is attached to a network."""

    network_id: str = msgspec.field(name="NetworkID", default="")
    ipv4: str = msgspec.field(name="IPAddress", default="")
    ipv6: str = msgspec.field(name="GlobalIPv6Address", default="")


class _NetworkSettings(msgspec.Struct, frozen=True, rename="pascal"):
    networks: dict[str, _Endpoint] = {}


class _HostConfig(msgspec.Struct, frozen=True, rename="pascal"):
    network_mode: str = ""


class Container(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/containers/json`."""

    id: str = ""
    names: list[str] = []
    image: str = ""
    image_id: str = msgspec.field(name="ImageID", default="")
    labels: dict[str, str] = {}
    ports: list[_Port] = []
    host_config: _HostConfig = _HostConfig()
    network_settings: _NetworkSettings = _NetworkSettings()


def targets_of(
    containers: Sequence[Container],
    networks: Mapping[str, Mapping[str, str]],
    config: DockerSDConfig,
) -> Iterator[dict[str, str]]:
    """Yield the targets: one for each TCP port of a container in each of its networks."""
    by_id = {container.id: container for container in containers}
    for container in containers:
        if not container.names:
            continue
        common = _labels_of_container(container)
        for endpoint in _endpoints(container, by_id, is_one=config.match_first_network):
            of_network = networks.get(endpoint.network_id, {})
            for own in _addresses(container, endpoint, config):
                yield {**common, **of_network, **own}


def _labels_of_container(container: Container) -> dict[str, str]:
    labels = {
        f"{_PREFIX}container_id": container.id,
        f"{_PREFIX}container_name": container.names[0],
        f"{_PREFIX}container_network_mode": container.host_config.network_mode,
        **labels_of(f"{_PREFIX}container_label_", container.labels),
    }
    if container.image:
        labels[f"{_PREFIX}container_image"] = container.image
    if container.image_id:
        labels[f"{_PREFIX}container_image_id"] = container.image_id
    return labels


def _endpoints(
    container: Container, by_id: Mapping[str, Container], *, is_one: bool
) -> Sequence[_Endpoint]:
    """Return a container's networks, or those of the container that lends it its own."""
    seen: set[str] = set()
    lender: Container | None = container
    while lender and not lender.network_settings.networks and lender.id not in seen:
        seen.add(lender.id)
        kind, _, lender_id = lender.host_config.network_mode.partition(":")
        lender = by_id.get(lender_id) if kind == "container" else None
    if lender is None:
        return ()
    networks = lender.network_settings.networks
    found = [networks[name] for name in sorted(networks)]
    return found[:1] if is_one else found


def _addresses(
    container: Container, endpoint: _Endpoint, config: DockerSDConfig
) -> Iterator[dict[str, str]]:
    """Yield the labels that differ from port to port."""
    ip = endpoint.ipv4 or endpoint.ipv6
    ports = [port for port in container.ports if port.type == "tcp"]
    for port in ports:
        labels = {
            ADDRESS_LABEL: host_port(ip, port.private),
            f"{_PREFIX}network_ip": ip,
            f"{_PREFIX}port_private": str(port.private),
        }
        if port.public:
            labels[f"{_PREFIX}port_public"] = str(port.public)
            labels[f"{_PREFIX}port_public_ip"] = port.ip
        yield labels
    if not ports:
        is_on_host = container.host_config.network_mode == _ON_HOST
        address = config.host_networking_host if is_on_host else host_port(ip, config.port)
        yield {ADDRESS_LABEL: address, f"{_PREFIX}network_ip": ip}


@final
class DockerRefresher:
    """Lists the running containers and the networks of one daemon."""

    def __init__(self, config: DockerSDConfig, context: ProviderContext) -> None:
        self._config = config
        self._api = MobyAPI(config.host, config.http_client, context, config.refresh_interval)

    async def refresh(self) -> Sequence[TargetGroup]:
        path, filters = "/containers/json", self._config.filters
        containers = await self._api.get(path, list[Container], filters)
        networks = await network_labels(self._api, _PREFIX)
        targets = tuple(targets_of(containers, networks, self._config))
        return [TargetGroup(targets, {}, "Docker")]

    async def close(self) -> None:
        await self._api.close()


def _make(config: DockerSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(DockerRefresher(config, context), config.refresh_interval, context)


KIND = Kind("docker", DockerSDConfig, NoMetrics, _make, LABELS)
