"""The servers of Scaleway, and the targets that come of them.

Section 5.20 of the discovery specification; source: Prometheus discovery/scaleway/instance.go
and baremetal.go.
"""

from collections.abc import Mapping

import msgspec

from promscrape.discovery.naming import host_port, wrapped
from promscrape.discovery.target_group import ADDRESS_LABEL

_INSTANCE = "__meta_scaleway_instance_"
_BAREMETAL = "__meta_scaleway_baremetal_"
LABELS = (
    *(
        _INSTANCE + name
        for name in (
            "boot_type",
            "hostname",
            "id",
            "name",
            "organization_id",
            "project_id",
            "status",
            "type",
            "zone",
            "region",
            "image_arch",
            "image_id",
            "image_name",
            "location_cluster_id",
            "location_hypervisor_id",
            "location_node_id",
            "security_group_id",
            "security_group_name",
            "private_ipv4",
            "public_ipv4",
            "public_ipv6",
            "tags",
            "public_ipv4_addresses",
            "public_ipv6_addresses",
        )
    ),
    *(
        _BAREMETAL + name
        for name in (
            "id",
            "name",
            "zone",
            "status",
            "project_id",
            "type",
            "os_name",
            "os_version",
            "public_ipv4",
            "public_ipv6",
            "tags",
        )
    ),
)


class _Named(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""


class _Image(msgspec.Struct, frozen=True):
    id: str = ""
    name: str = ""
    arch: str = ""


class _Location(msgspec.Struct, frozen=True):
    cluster_id: str = ""
    hypervisor_id: str = ""
    node_id: str = ""


class _Address(msgspec.Struct, frozen=True):
    address: str = ""


class _Nic(msgspec.Struct, frozen=True):
    id: str = ""


class Instance(msgspec.Struct, frozen=True):
    """One entry of `servers` of the instance API."""

    id: str = ""
    name: str = ""
    hostname: str = ""
    boot_type: str = ""
    commercial_type: str = ""
    organization: str = ""
    project: str = ""
    state: str = ""
    zone: str = ""
    tags: list[str] = []
    image: _Image | None = None
    location: _Location | None = None
    security_group: _Named | None = None
    private_ip: str = ""
    public_ip: _Address = _Address()
    public_ips: list[_Address] = []
    ipv6: _Address = _Address()
    private_nics: list[_Nic] = []


class _ServerAddress(msgspec.Struct, frozen=True):
    address: str = ""
    version: str = ""


class _Install(msgspec.Struct, frozen=True):
    os_id: str = ""


class Server(msgspec.Struct, frozen=True):
    """One entry of `servers` of the bare metal API."""

    id: str = ""
    name: str = ""
    zone: str = ""
    status: str = ""
    project_id: str = ""
    offer_id: str = ""
    tags: list[str] = []
    ips: list[_ServerAddress] = []
    install: _Install = _Install()


class System(msgspec.Struct, frozen=True):
    """One entry of `os` of the bare metal API."""

    id: str = ""
    name: str = ""
    version: str = ""


class IpamAddress(msgspec.Struct, frozen=True):
    """One entry of `ips` of the IPAM API, such as `172.16.0.2/22`."""

    address: str = ""
    is_ipv6: bool = False


class Page(msgspec.Struct, frozen=True):
    """A page of any list. Its length is the number of entries on it."""

    total_count: int = 0

    def __len__(self) -> int:
        return sum(
            len(entries)
            for entries in (getattr(self, name) for name in self.__struct_fields__)
            if isinstance(entries, list)
        )


class InstancePage(Page, frozen=True):
    servers: list[Instance] = []


class ServerPage(Page, frozen=True):
    servers: list[Server] = []


class OfferPage(Page, frozen=True):
    offers: list[_Named] = []


class SystemPage(Page, frozen=True):
    os: list[System] = []


class AddressPage(Page, frozen=True):
    ips: list[IpamAddress] = []


def has_address(instance: Instance) -> bool:
    """Whether an instance has an address of its own, without its private networks."""
    return bool(instance.private_ip or instance.public_ip.address or instance.ipv6.address)


def target_of_instance(instance: Instance, private_ip: str, port: int) -> dict[str, str]:
    """Return the labels of an instance, {} where it has no address.

    private_ip: that in its private network, for one that has no other.
    """
    private = instance.private_ip or private_ip
    public, ipv6 = instance.public_ip.address, instance.ipv6.address
    address = private or public or ipv6
    if not address:
        return {}
    labels = {
        ADDRESS_LABEL: host_port(address, port),
        f"{_INSTANCE}boot_type": instance.boot_type,
        f"{_INSTANCE}hostname": instance.hostname,
        f"{_INSTANCE}id": instance.id,
        f"{_INSTANCE}name": instance.name,
        f"{_INSTANCE}organization_id": instance.organization,
        f"{_INSTANCE}project_id": instance.project,
        f"{_INSTANCE}status": instance.state,
        f"{_INSTANCE}type": instance.commercial_type,
        f"{_INSTANCE}zone": instance.zone,
        **_labels_of_parts(instance),
    }
    addresses = [one.address for one in instance.public_ips]
    optional = {
        "region": instance.zone.rpartition("-")[0],
        "private_ipv4": private,
        "public_ipv4": "" if ":" in public else public,
        "public_ipv6": ipv6,
        "tags": _wrapped(instance.tags),
        "public_ipv4_addresses": _wrapped([one for one in addresses if ":" not in one]),
        "public_ipv6_addresses": _wrapped([one for one in addresses if ":" in one]),
    }
    return labels | {_INSTANCE + name: value for name, value in optional.items() if value}


def _labels_of_parts(instance: Instance) -> dict[str, str]:
    labels = {}
    if instance.image is not None:
        labels[f"{_INSTANCE}image_arch"] = instance.image.arch
        labels[f"{_INSTANCE}image_id"] = instance.image.id
        labels[f"{_INSTANCE}image_name"] = instance.image.name
    if instance.location is not None:
        labels[f"{_INSTANCE}location_cluster_id"] = instance.location.cluster_id
        labels[f"{_INSTANCE}location_hypervisor_id"] = instance.location.hypervisor_id
        labels[f"{_INSTANCE}location_node_id"] = instance.location.node_id
    if instance.security_group is not None:
        labels[f"{_INSTANCE}security_group_id"] = instance.security_group.id
        labels[f"{_INSTANCE}security_group_name"] = instance.security_group.name
    return labels


def _wrapped(values: list[str]) -> str:
    return wrapped(",", values) if values else ""


def target_of_server(
    server: Server, offers: Mapping[str, str], systems: Mapping[str, System], port: int
) -> dict[str, str]:
    """Return the labels of a bare metal server; one without an address has none."""
    labels = {
        f"{_BAREMETAL}id": server.id,
        f"{_BAREMETAL}name": server.name,
        f"{_BAREMETAL}zone": server.zone,
        f"{_BAREMETAL}status": server.status,
        f"{_BAREMETAL}project_id": server.project_id,
    }
    system = systems.get(server.install.os_id, System())
    ipv4, ipv6 = (
        next((one.address for one in server.ips if one.version == version), "")
        for version in ("IPv4", "IPv6")
    )
    optional = {
        "type": offers.get(server.offer_id, ""),
        "os_name": system.name,
        "os_version": system.version,
        "public_ipv4": ipv4,
        "public_ipv6": ipv6,
        "tags": _wrapped(server.tags),
    }
    labels |= {_BAREMETAL + name: value for name, value in optional.items() if value}
    if ipv4 or ipv6:
        labels[ADDRESS_LABEL] = host_port(ipv4 or ipv6, port)
    return labels
