"""`ionos_sd_configs`: targets from the servers of IONOS Cloud.

Section 5.9 of the discovery specification; source: Prometheus discovery/ionos/server.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final
from urllib.parse import quote

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API, api_of
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import host_port, sanitized, wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_BASE = "https://api.ionos.com"
_PREFIX = "__meta_ionos_server_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "availability_zone",
        "boot_cdrom_id",
        "boot_image_id",
        "boot_volume_id",
        "cpu_family",
        "id",
        "ip",
        "lifecycle",
        "name",
        "nic_ip_<nic>",
        "servers_id",
        "state",
        "type",
    )
)


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


class _Id(msgspec.Struct, frozen=True):
    id: str = ""


class _NicProperties(msgspec.Struct, frozen=True):
    name: str = ""
    ips: list[str] = []


class _Nic(msgspec.Struct, frozen=True):
    properties: _NicProperties = _NicProperties()


class _Nics(msgspec.Struct, frozen=True):
    items: list[_Nic] = []


class _VolumeProperties(msgspec.Struct, frozen=True):
    image: str = ""


class _Volume(msgspec.Struct, frozen=True):
    properties: _VolumeProperties = _VolumeProperties()


class _Volumes(msgspec.Struct, frozen=True):
    items: list[_Volume] = []


class _Entities(msgspec.Struct, frozen=True):
    nics: _Nics = _Nics()
    volumes: _Volumes = _Volumes()


class _Metadata(msgspec.Struct, frozen=True):
    state: str = ""


class _Properties(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    availability_zone: str = ""
    vm_state: str = ""
    boot_cdrom: _Id = _Id()
    boot_volume: _Id = _Id()
    cpu_family: str = ""
    type: str = ""


class Server(msgspec.Struct, frozen=True):
    """One entry of `items`."""

    id: str = ""
    metadata: _Metadata = _Metadata()
    properties: _Properties = _Properties()
    entities: _Entities = _Entities()


class _Servers(msgspec.Struct, frozen=True):
    id: str = ""
    items: list[Server] = []


def targets_of(servers: Sequence[Server], servers_id: str, port: int) -> Iterator[dict[str, str]]:
    for server in servers:
        nics = server.entities.nics.items
        # The last interface comes first, as in Prometheus, and with it its first address.
        ips = [ip for nic in reversed(nics) for ip in nic.properties.ips]
        if ips:
            optional = {**_labels_of(server), "servers_id": servers_id}
            yield {
                ADDRESS_LABEL: host_port(ips[0], port),
                f"{_PREFIX}ip": wrapped(",", ips),
                **{_PREFIX + name: value for name, value in optional.items() if value},
                **_labels_of_nics(nics),
            }


def _labels_of(server: Server) -> Mapping[str, str]:
    """Return the labels that are there where they have a value."""
    properties, volumes = server.properties, server.entities.volumes.items
    return {
        "availability_zone": properties.availability_zone,
        "boot_cdrom_id": properties.boot_cdrom.id,
        "boot_image_id": volumes[0].properties.image if volumes else "",
        "boot_volume_id": properties.boot_volume.id,
        "cpu_family": properties.cpu_family,
        "id": server.id,
        "lifecycle": server.metadata.state,
        "name": properties.name,
        "state": properties.vm_state,
        "type": properties.type,
    }


def _labels_of_nics(nics: Sequence[_Nic]) -> dict[str, str]:
    return {
        f"{_PREFIX}nic_ip_{sanitized(nic.properties.name or 'unnamed')}": wrapped(
            ",", nic.properties.ips
        )
        for nic in nics
        if nic.properties.ips
    }


@final
class IonosRefresher:
    """Lists the servers of one data center."""

    def __init__(self, config: IonosSDConfig, api: API) -> None:
        self._port, self._api = config.port, api
        self._path = f"/cloudapi/v6/datacenters/{quote(config.datacenter_id, safe='')}/servers"

    async def refresh(self) -> Sequence[TargetGroup]:
        servers = await self._api.get(self._path, _Servers, {"depth": "3"})
        targets = tuple(targets_of(servers.items, servers.id, self._port))
        return [TargetGroup(targets, {}, "ionos")]

    async def close(self) -> None:
        await self._api.close()


def _make(
    config: IonosSDConfig, context: ProviderContext, _: NoMetrics, base: str = _BASE
) -> Provider:
    refresher = IonosRefresher(config, api_of(config, context, base))
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("ionos", IonosSDConfig, NoMetrics, _make, LABELS)
