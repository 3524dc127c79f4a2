"""The objects of OpenStack that discovery reads, and the targets that come of them.

Section 5.16 of the discovery specification; source: Prometheus discovery/openstack/instance.go,
hypervisor.go and loadbalancer.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import final
from urllib.parse import urlsplit

import msgspec

from promscrape.discovery.naming import host_port, labels_of
from promscrape.discovery.target_group import ADDRESS_LABEL

_PREFIX = "__meta_openstack_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "hypervisor_id",
        "hypervisor_hostname",
        "hypervisor_host_ip",
        "hypervisor_status",
        "hypervisor_state",
        "hypervisor_type",
        "instance_id",
        "instance_status",
        "instance_name",
        "instance_flavor",
        "instance_image",
        "user_id",
        "address_pool",
        "private_ip",
        "public_ip",
        "tag_<name>",
        "loadbalancer_id",
        "loadbalancer_name",
        "loadbalancer_operating_status",
        "loadbalancer_provisioning_status",
        "loadbalancer_availability_zone",
        "loadbalancer_vip",
        "loadbalancer_provider",
        "loadbalancer_tags",
        "loadbalancer_floating_ip",
        "project_id",
    )
)


class Endpoint(msgspec.Struct, frozen=True):
    interface: str = ""
    region: str = ""
    region_id: str = ""
    url: str = ""


class Entry(msgspec.Struct, frozen=True):
    """A service in the catalog."""

    type: str = ""
    endpoints: list[Endpoint] = []


class _TokenBody(msgspec.Struct, frozen=True):
    catalog: list[Entry] = []


class TokenReply(msgspec.Struct, frozen=True):
    """What the identity service answers."""

    token: _TokenBody = _TokenBody()


@final
class Token:
    """A token, and what it opens."""

    def __init__(self, text: str, catalog: Sequence[Entry]) -> None:
        self.text, self.catalog = text, catalog


class Link(msgspec.Struct, frozen=True):
    rel: str = ""
    href: str = ""


class Page(msgspec.Struct, frozen=True):
    """A page of any list."""

    def next_query(self) -> str:
        """Return the query of the page after this one, "" where there is none."""
        for name in self.__struct_fields__:
            links: Sequence[Link] = getattr(self, name) if name.endswith("_links") else ()
            for link in links:
                if link.rel == "next":
                    return urlsplit(link.href).query
        return ""


class Hypervisor(msgspec.Struct, frozen=True):
    """Source: the compute API, `GET /os-hypervisors/detail`."""

    id: int | str = ""
    hypervisor_hostname: str = ""
    host_ip: str = ""
    status: str = ""
    state: str = ""
    hypervisor_type: str = ""


class HypervisorList(Page, frozen=True):
    hypervisors: list[Hypervisor] = []
    hypervisors_links: list[Link] = []


class Port(msgspec.Struct, frozen=True):
    """Source: the network API, `GET /v2.0/ports`."""

    id: str = ""
    device_id: str = ""


class PortList(Page, frozen=True):
    ports: list[Port] = []
    ports_links: list[Link] = []


class FloatingIP(msgspec.Struct, frozen=True):
    """Source: the network API, `GET /v2.0/floatingips`."""

    floating_ip_address: str = ""
    fixed_ip_address: str = ""
    port_id: str = ""


class FloatingIPList(Page, frozen=True):
    floatingips: list[FloatingIP] = []
    floatingips_links: list[Link] = []


class _Flavor(msgspec.Struct, frozen=True):
    id: str = ""
    original_name: str = ""


class _Image(msgspec.Struct, frozen=True):
    id: str = ""


class _Address(msgspec.Struct, frozen=True):
    addr: str = ""


class Server(msgspec.Struct, frozen=True):
    """Source: the compute API, `GET /servers/detail`. Without an image, `image` is a text: ""."""

    id: str = ""
    name: str = ""
    status: str = ""
    tenant_id: str = ""
    user_id: str = ""
    flavor: _Flavor = _Flavor()
    image: _Image | str = ""
    metadata: dict[str, str] = {}
    addresses: dict[str, list[_Address]] = {}


class ServerList(Page, frozen=True):
    servers: list[Server] = []
    servers_links: list[Link] = []


class Balancer(msgspec.Struct, frozen=True):
    """Source: the load balancer API, `GET /v2.0/lbaas/loadbalancers`."""

    id: str = ""
    name: str = ""
    operating_status: str = ""
    provisioning_status: str = ""
    availability_zone: str = ""
    vip_address: str = ""
    vip_port_id: str = ""
    provider: str = ""
    project_id: str = ""
    tags: list[str] = []


class BalancerList(Page, frozen=True):
    loadbalancers: list[Balancer] = []
    loadbalancers_links: list[Link] = []


class _BalancerRef(msgspec.Struct, frozen=True):
    id: str = ""


class Listener(msgspec.Struct, frozen=True):
    """Source: the load balancer API, `GET /v2.0/lbaas/listeners`."""

    protocol: str = ""
    protocol_port: int = 0
    loadbalancers: list[_BalancerRef] = []


class ListenerList(Page, frozen=True):
    listeners: list[Listener] = []
    listeners_links: list[Link] = []


@final
class FloatingIPs:
    """The floating addresses, by the device that has the port and by the address that they lead to."""

    def __init__(self, floating_ips: Sequence[FloatingIP], ports: Sequence[Port]) -> None:
        devices = {port.id: port.device_id for port in ports}
        bound = [one for one in floating_ips if one.fixed_ip_address]
        self._all = {one.floating_ip_address for one in bound}
        self._by_device = {
            (devices[one.port_id], one.fixed_ip_address): one.floating_ip_address
            for one in bound
            if one.port_id in devices
        }

    def __contains__(self, address: str) -> bool:
        return address in self._all

    def of(self, device: str, fixed: str) -> str:
        """Return the floating address of a device's own one, "" where there is none."""
        return self._by_device.get((device, fixed), "")


def target_of_hypervisor(hypervisor: Hypervisor, port: int) -> dict[str, str]:
    return {
        ADDRESS_LABEL: host_port(hypervisor.host_ip, port),
        f"{_PREFIX}hypervisor_id": str(hypervisor.id),
        f"{_PREFIX}hypervisor_hostname": hypervisor.hypervisor_hostname,
        f"{_PREFIX}hypervisor_host_ip": hypervisor.host_ip,
        f"{_PREFIX}hypervisor_status": hypervisor.status,
        f"{_PREFIX}hypervisor_state": hypervisor.state,
        f"{_PREFIX}hypervisor_type": hypervisor.hypervisor_type,
    }


def targets_of_server(server: Server, floating: FloatingIPs, port: int) -> Iterator[dict[str, str]]:
    """Yield a target for each address of a server that is not a floating one."""
    flavor = server.flavor.original_name or server.flavor.id
    if not flavor:
        return
    common = {
        f"{_PREFIX}instance_id": server.id,
        f"{_PREFIX}instance_status": server.status,
        f"{_PREFIX}instance_name": server.name,
        f"{_PREFIX}project_id": server.tenant_id,
        f"{_PREFIX}user_id": server.user_id,
        f"{_PREFIX}instance_flavor": flavor,
        **labels_of(f"{_PREFIX}tag_", server.metadata),
    }
    if isinstance(server.image, _Image) and server.image.id:
        common[f"{_PREFIX}instance_image"] = server.image.id
    for pool in sorted(server.addresses):
        for address in server.addresses[pool]:
            if address.addr in floating:
                continue
            public = floating.of(server.id, address.addr)
            yield {
                **common,
                ADDRESS_LABEL: host_port(address.addr, port),
                f"{_PREFIX}address_pool": pool,
                f"{_PREFIX}private_ip": address.addr,
                **({f"{_PREFIX}public_ip": public} if public else {}),
            }


def targets_of_balancers(
    balancers: Sequence[Balancer],
    listeners: Sequence[Listener],
    floating_ips: Sequence[FloatingIP],
) -> Iterator[dict[str, str]]:
    """Yield the load balancers that have a listener for Prometheus, at the first of these."""
    ports: dict[str, int] = {}
    for listener in listeners:
        if listener.protocol == "PROMETHEUS":
            for balancer_id in listener.loadbalancers:
                ports.setdefault(balancer_id.id, listener.protocol_port)
    floating = {
        one.fixed_ip_address: one.floating_ip_address
        for one in floating_ips
        if one.fixed_ip_address
    }
    for balancer in balancers:
        if balancer.id in ports:
            yield _target_of_balancer(balancer, ports[balancer.id], floating)


def _target_of_balancer(
    balancer: Balancer, port: int, floating: Mapping[str, str]
) -> dict[str, str]:
    labels = {
        ADDRESS_LABEL: host_port(balancer.vip_address, port),
        f"{_PREFIX}loadbalancer_id": balancer.id,
        f"{_PREFIX}loadbalancer_name": balancer.name,
        f"{_PREFIX}loadbalancer_operating_status": balancer.operating_status,
        f"{_PREFIX}loadbalancer_provisioning_status": balancer.provisioning_status,
        f"{_PREFIX}loadbalancer_availability_zone": balancer.availability_zone,
        f"{_PREFIX}loadbalancer_vip": balancer.vip_address,
        f"{_PREFIX}loadbalancer_provider": balancer.provider,
        f"{_PREFIX}project_id": balancer.project_id,
    }
    if balancer.tags:
        labels[f"{_PREFIX}loadbalancer_tags"] = ",".join(balancer.tags)
    if balancer.vip_address in floating:
        labels[f"{_PREFIX}loadbalancer_floating_ip"] = floating[balancer.vip_address]
    return labels
