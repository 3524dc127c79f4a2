"""`hetzner_sd_configs`: targets from the servers of Hetzner Cloud and Hetzner Robot.

Section 5.8 of the discovery specification; source: Prometheus discovery/hetzner/hcloud.go and
robot.go.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API, api_of, page_numbers
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import flag, host_port, labels_of, sanitized
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.role import one_of
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLE = one_of(("robot", "hcloud"), "unknown role")


_BASES = {
    "hcloud": "https://api.hetzner.cloud/v1",
    "robot": "https://robot-ws.your-server.de",
}
_PREFIX = "__meta_hetzner_"
_CLOUD = f"{_PREFIX}hcloud_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "role",
        "server_id",
        "server_name",
        "server_status",
        "public_ipv4",
        "public_ipv6_network",
        "hcloud_location",
        "hcloud_location_network_zone",
        "hcloud_datacenter_location",
        "hcloud_datacenter_location_network_zone",
        "hcloud_server_type",
        "hcloud_cpu_cores",
        "hcloud_cpu_type",
        "hcloud_memory_size_gb",
        "hcloud_disk_size_gb",
        "hcloud_image_name",
        "hcloud_image_description",
        "hcloud_image_os_version",
        "hcloud_image_os_flavor",
        "hcloud_private_ipv4_<network>",
        "hcloud_label_<name>",
        "hcloud_labelpresent_<name>",
        "datacenter",
        "robot_datacenter",
        "robot_product",
        "robot_cancelled",
    )
)


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


class _Address(msgspec.Struct, frozen=True):
    ip: str = ""


class _PublicNet(msgspec.Struct, frozen=True):
    ipv4: _Address = _Address()
    ipv6: _Address = _Address()


class _PrivateNet(msgspec.Struct, frozen=True):
    network: int = 0
    ip: str = ""


class _Location(msgspec.Struct, frozen=True):
    name: str = ""
    network_zone: str = ""


class _Datacenter(msgspec.Struct, frozen=True):
    location: _Location = _Location()


class _ServerType(msgspec.Struct, frozen=True):
    name: str = ""
    cores: int = 0
    cpu_type: str = ""
    memory: float = 0.0
    disk: int = 0


class _Image(msgspec.Struct, frozen=True):
    name: str = ""
    description: str = ""
    os_version: str = ""
    os_flavor: str = ""


class CloudServer(msgspec.Struct, frozen=True):
    """One entry of `/servers` of Hetzner Cloud."""

    id: int = 0
    name: str = ""
    status: str = ""
    public_net: _PublicNet = _PublicNet()
    private_net: list[_PrivateNet] = []
    location: _Location | None = None
    datacenter: _Datacenter = _Datacenter()
    server_type: _ServerType = _ServerType()
    image: _Image | None = None
    labels: dict[str, str] = {}


class Network(msgspec.Struct, frozen=True):
    """One entry of `/networks` of Hetzner Cloud."""

    id: int = 0
    name: str = ""


class _Pagination(msgspec.Struct, frozen=True):
    next_page: int = 0


class _Meta(msgspec.Struct, frozen=True):
    pagination: _Pagination = _Pagination()


class _Page(msgspec.Struct, frozen=True):
    """A page of either list."""

    servers: list[CloudServer] = []
    networks: list[Network] = []
    meta: _Meta = _Meta()


class _Subnet(msgspec.Struct, frozen=True):
    ip: str = ""
    mask: str = ""


class RobotServer(msgspec.Struct, frozen=True):
    """What an entry of `/server` of Hetzner Robot holds."""

    server_ip: str = ""
    server_number: int = 0
    server_name: str = ""
    product: str = ""
    dc: str = ""
    status: str = ""
    cancelled: bool = False
    subnet: list[_Subnet] = []


class _RobotEntry(msgspec.Struct, frozen=True):
    server: RobotServer = RobotServer()


def target_of_cloud_server(
    server: CloudServer, networks: Mapping[int, str], port: int
) -> dict[str, str]:
    """Return the labels of a server; `networks` are the names of private ones."""
    location, kind = server.location or server.datacenter.location, server.server_type
    labels = {
        **_address(server.public_net.ipv4.ip, port),
        f"{_PREFIX}role": "hcloud",
        f"{_PREFIX}server_id": str(server.id),
        f"{_PREFIX}server_name": server.name,
        f"{_PREFIX}server_status": server.status,
        f"{_PREFIX}public_ipv6_network": server.public_net.ipv6.ip,
        f"{_CLOUD}location": location.name,
        f"{_CLOUD}location_network_zone": location.network_zone,
        f"{_CLOUD}datacenter_location": location.name,
        f"{_CLOUD}datacenter_location_network_zone": location.network_zone,
        f"{_CLOUD}server_type": kind.name,
        f"{_CLOUD}cpu_cores": str(kind.cores),
        f"{_CLOUD}cpu_type": kind.cpu_type,
        f"{_CLOUD}memory_size_gb": str(int(kind.memory)),
        f"{_CLOUD}disk_size_gb": str(kind.disk),
        **labels_of(f"{_CLOUD}label_", server.labels),
        **labels_of(f"{_CLOUD}labelpresent_", dict.fromkeys(server.labels, "true")),
    }
    if server.image is not None:
        labels |= {
            f"{_CLOUD}image_name": server.image.name,
            f"{_CLOUD}image_description": server.image.description,
            f"{_CLOUD}image_os_version": server.image.os_version,
            f"{_CLOUD}image_os_flavor": server.image.os_flavor,
        }
    for private in server.private_net:
        if private.network in networks:
            name = sanitized(networks[private.network])
            labels[f"{_CLOUD}private_ipv4_{name}"] = private.ip
    return labels


def target_of_robot_server(server: RobotServer, port: int) -> dict[str, str]:
    datacenter = server.dc.lower()
    labels = {
        **_address(server.server_ip, port),
        f"{_PREFIX}role": "robot",
        f"{_PREFIX}server_id": str(server.server_number),
        f"{_PREFIX}server_name": server.server_name,
        f"{_PREFIX}server_status": server.status,
        f"{_PREFIX}datacenter": datacenter,
        f"{_PREFIX}robot_datacenter": datacenter,
        f"{_PREFIX}robot_product": server.product,
        f"{_PREFIX}robot_cancelled": flag(server.cancelled),
    }
    for subnet in server.subnet:
        if ":" in subnet.ip:
            labels[f"{_PREFIX}public_ipv6_network"] = f"{subnet.ip}/{subnet.mask}"
            break
    return labels


def _address(ipv4: str, port: int) -> dict[str, str]:
    """Return the address, which a server without a public one does not get.

    Prometheus writes `<nil>` for it; a rule can make one of a private address.
    """
    address = {ADDRESS_LABEL: host_port(ipv4, port)} if ipv4 else {}
    return {**address, f"{_PREFIX}public_ipv4": ipv4}


@final
class HetznerRefresher:
    """Lists the servers of Hetzner Cloud with their networks, or those of Hetzner Robot."""

    def __init__(self, config: HetznerSDConfig, api: API) -> None:
        self._role, self._port, self._api = config.role, config.port, api
        self._selector = {"label_selector": config.label_selector} if config.label_selector else {}

    async def refresh(self) -> Sequence[TargetGroup]:
        targets = await (self._cloud() if self._role == "hcloud" else self._robot())
        return [TargetGroup(tuple(targets), {}, "hetzner")]

    async def close(self) -> None:
        await self._api.close()

    async def _cloud(self) -> list[dict[str, str]]:
        servers = [
            server
            async for page in self._pages("/servers", self._selector)
            for server in page.servers
        ]
        networks = {
            network.id: network.name
            async for page in self._pages("/networks", {})
            for network in page.networks
        }
        return [target_of_cloud_server(server, networks, self._port) for server in servers]

    async def _robot(self) -> list[dict[str, str]]:
        reply = await self._api.ask("GET", "/server")
        entries = reply.succeeded(with_any_2xx=True).json(list[_RobotEntry])
        return [target_of_robot_server(entry.server, self._port) for entry in entries]

    async def _pages(self, path: str, query: Mapping[str, str]) -> AsyncIterator[_Page]:
        for number in page_numbers():
            numbered = {**query, "page": str(number), "per_page": "50"}
            page = await self._api.get(path, _Page, numbered)
            yield page
            if page.meta.pagination.next_page <= number:
                return


def _make(
    config: HetznerSDConfig, context: ProviderContext, _: NoMetrics, base: str = ""
) -> Provider:
    refresher = HetznerRefresher(config, api_of(config, context, base or _BASES[config.role]))
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("hetzner", HetznerSDConfig, NoMetrics, _make, LABELS)
