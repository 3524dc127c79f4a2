"""The objects of a Docker swarm, and the targets that come of each kind of them.

Section 5.6 of the discovery specification; source: Prometheus discovery/moby/nodes.go,
services.go and tasks.go.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import final

import msgspec

from promscrape.discovery.naming import flag, host_port, labels_of
from promscrape.discovery.target_group import ADDRESS_LABEL
from promscrape.errors import DiscoveryError
from promscrape.model.quoting import quote

Labels = Mapping[str, str]

PREFIX = "__meta_dockerswarm_"
LABELS = tuple(
    f"{PREFIX}{name}"
    for name in (
        "node_id",
        "node_role",
        "node_availability",
        "node_hostname",
        "node_platform_architecture",
        "node_platform_os",
        "node_engine_version",
        "node_status",
        "node_address",
        "node_manager_leader",
        "node_manager_reachability",
        "node_manager_address",
        "node_label_<name>",
        "service_id",
        "service_name",
        "service_mode",
        "service_label_<name>",
        "service_endpoint_port_name",
        "service_endpoint_port_publish_mode",
        "service_task_container_hostname",
        "service_task_container_image",
        "service_updating_status",
        "task_id",
        "task_desired_state",
        "task_state",
        "task_slot",
        "task_container_id",
        "task_port_publish_mode",
        "container_label_<name>",
        "network_id",
        "network_name",
        "network_scope",
        "network_internal",
        "network_ingress",
        "network_label_<name>",
    )
)


class _Platform(msgspec.Struct, frozen=True):
    architecture: str = msgspec.field(name="Architecture", default="")
    os: str = msgspec.field(name="OS", default="")


class _Engine(msgspec.Struct, frozen=True, rename="pascal"):
    engine_version: str = ""


class _Description(msgspec.Struct, frozen=True, rename="pascal"):
    hostname: str = ""
    platform: _Platform = _Platform()
    engine: _Engine = _Engine()


class _NodeSpec(msgspec.Struct, frozen=True, rename="pascal"):
    role: str = ""
    availability: str = ""
    labels: dict[str, str] = {}


class _NodeStatus(msgspec.Struct, frozen=True, rename="pascal"):
    state: str = ""
    addr: str = ""


class _ManagerStatus(msgspec.Struct, frozen=True, rename="pascal"):
    leader: bool = False
    reachability: str = ""
    addr: str = ""


class Node(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/nodes`."""

    id: str = msgspec.field(name="ID", default="")
    spec: _NodeSpec = _NodeSpec()
    description: _Description = _Description()
    status: _NodeStatus = _NodeStatus()
    manager_status: _ManagerStatus | None = None


class _Port(msgspec.Struct, frozen=True, rename="pascal"):
    name: str = ""
    protocol: str = ""
    published_port: int = 0
    publish_mode: str = ""


class _VirtualIP(msgspec.Struct, frozen=True):
    network_id: str = msgspec.field(name="NetworkID", default="")
    addr: str = msgspec.field(name="Addr", default="")


class _ServiceEndpoint(msgspec.Struct, frozen=True):
    ports: list[_Port] = msgspec.field(name="Ports", default_factory=list)
    virtual_ips: list[_VirtualIP] = msgspec.field(name="VirtualIPs", default_factory=list)


class _ContainerSpec(msgspec.Struct, frozen=True, rename="pascal"):
    image: str = ""
    hostname: str = ""
    labels: dict[str, str] = {}


class _TaskSpec(msgspec.Struct, frozen=True, rename="pascal"):
    container_spec: _ContainerSpec | None = None


class _Mode(msgspec.Struct, frozen=True, rename="pascal"):
    replicated: dict[str, object] | None = None
    global_: dict[str, object] | None = msgspec.field(name="Global", default=None)


class _ServiceSpec(msgspec.Struct, frozen=True, rename="pascal"):
    name: str = ""
    labels: dict[str, str] = {}
    task_template: _TaskSpec = _TaskSpec()
    mode: _Mode = _Mode()


class _UpdateStatus(msgspec.Struct, frozen=True, rename="pascal"):
    state: str = ""


class Service(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/services`."""

    id: str = msgspec.field(name="ID", default="")
    spec: _ServiceSpec = _ServiceSpec()
    endpoint: _ServiceEndpoint = _ServiceEndpoint()
    update_status: _UpdateStatus | None = None


class _ContainerStatus(msgspec.Struct, frozen=True):
    container_id: str = msgspec.field(name="ContainerID", default="")


class _PortStatus(msgspec.Struct, frozen=True, rename="pascal"):
    ports: list[_Port] = []


class _TaskStatus(msgspec.Struct, frozen=True, rename="pascal"):
    state: str = ""
    container_status: _ContainerStatus | None = None
    port_status: _PortStatus = _PortStatus()


class _NetworkRef(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="ID", default="")


class _Attachment(msgspec.Struct, frozen=True, rename="pascal"):
    network: _NetworkRef = _NetworkRef()
    addresses: list[str] = []


class Task(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/tasks`."""

    id: str = msgspec.field(name="ID", default="")
    spec: _TaskSpec = _TaskSpec()
    service_id: str = msgspec.field(name="ServiceID", default="")
    node_id: str = msgspec.field(name="NodeID", default="")
    slot: int = 0
    status: _TaskStatus = _TaskStatus()
    desired_state: str = ""
    networks_attachments: list[_Attachment] = []


@final
class Surroundings(msgspec.Struct, frozen=True):
    """What tasks refer to, by id: services, nodes and networks."""

    services: Mapping[str, Service]
    nodes: Mapping[str, Node]
    networks: Mapping[str, Labels]

    @classmethod
    def of(
        cls, services: Sequence[Service], nodes: Sequence[Node], networks: Mapping[str, Labels]
    ) -> "Surroundings":
        return cls(
            {service.id: service for service in services},
            {node.id: node for node in nodes},
            networks,
        )


def node_targets(nodes: Sequence[Node], port: int) -> Iterator[dict[str, str]]:
    for node in nodes:
        yield {
            ADDRESS_LABEL: host_port(node.status.addr, port),
            **_labels_of_node(node),
            f"{PREFIX}node_engine_version": node.description.engine.engine_version,
            **_labels_of_manager(node),
        }


def _labels_of_node(node: Node) -> dict[str, str]:
    platform = node.description.platform
    return {
        f"{PREFIX}node_id": node.id,
        f"{PREFIX}node_role": node.spec.role,
        f"{PREFIX}node_availability": node.spec.availability,
        f"{PREFIX}node_hostname": node.description.hostname,
        f"{PREFIX}node_platform_architecture": platform.architecture,
        f"{PREFIX}node_platform_os": platform.os,
        f"{PREFIX}node_status": node.status.state,
        f"{PREFIX}node_address": node.status.addr,
        **labels_of(f"{PREFIX}node_label_", node.spec.labels),
    }


def _labels_of_manager(node: Node) -> dict[str, str]:
    status = node.manager_status
    if status is None:
        return {}
    return {
        f"{PREFIX}node_manager_leader": flag(status.leader),
        f"{PREFIX}node_manager_reachability": status.reachability,
        f"{PREFIX}node_manager_address": status.addr,
    }


def service_targets(
    services: Sequence[Service], networks: Mapping[str, Labels], port: int
) -> Iterator[dict[str, str]]:
    """Yield a target for each TCP port of each virtual address. Raises DiscoveryError."""
    for service in services:
        common = _labels_of_service(service) | _labels_of_template(service)
        ports = [one for one in service.endpoint.ports if one.protocol == "tcp"]
        for virtual in service.endpoint.virtual_ips:
            ip = _ip(virtual.addr)
            shared = {**common, **networks.get(virtual.network_id, {})}
            for one in ports:
                yield {
                    **shared,
                    ADDRESS_LABEL: host_port(ip, one.published_port),
                    f"{PREFIX}service_endpoint_port_name": one.name,
                    f"{PREFIX}service_endpoint_port_publish_mode": one.publish_mode,
                }
            if not ports:
                yield {**shared, ADDRESS_LABEL: host_port(ip, port)}


def _labels_of_service(service: Service) -> dict[str, str]:
    return {
        f"{PREFIX}service_id": service.id,
        f"{PREFIX}service_name": service.spec.name,
        f"{PREFIX}service_mode": _mode(service.spec.mode),
        **labels_of(f"{PREFIX}service_label_", service.spec.labels),
    }


def _mode(mode: _Mode) -> str:
    if mode.global_ is not None:
        return "global"
    return "" if mode.replicated is None else "replicated"


def _labels_of_template(service: Service) -> dict[str, str]:
    labels = {}
    container = service.spec.task_template.container_spec
    if container is not None:  # Services of plug-ins run none.
        labels[f"{PREFIX}service_task_container_hostname"] = container.hostname
        labels[f"{PREFIX}service_task_container_image"] = container.image
    if service.update_status is not None and service.update_status.state:
        labels[f"{PREFIX}service_updating_status"] = service.update_status.state
    return labels


def task_targets(
    tasks: Sequence[Task], surroundings: Surroundings, port: int
) -> Iterator[dict[str, str]]:
    """Yield a target for each port that a task has on its node or in a network.

    Raises DiscoveryError.
    """
    for task in tasks:
        node = surroundings.nodes.get(task.node_id)
        service = surroundings.services.get(task.service_id)
        common = {
            **(_labels_of_service(service) if service else {}),
            **(_labels_of_node(node) if node else {}),
            **_labels_of_task(task),
        }
        host = node.status.addr if node else ""
        for one in task.status.port_status.ports:
            if one.protocol == "tcp":
                yield {**common, **_published(host, one)}
        for attachment in task.networks_attachments:
            shared = {**common, **surroundings.networks.get(attachment.network.id, {})}
            ports = service.endpoint.ports if service else []
            for own in _in_network(attachment, ports, port):
                yield {**shared, **own}


def _labels_of_task(task: Task) -> dict[str, str]:
    labels = {
        f"{PREFIX}task_id": task.id,
        f"{PREFIX}task_desired_state": task.desired_state,
        f"{PREFIX}task_state": task.status.state,
        f"{PREFIX}task_slot": str(task.slot),
    }
    if task.status.container_status is not None:
        labels[f"{PREFIX}task_container_id"] = task.status.container_status.container_id
    if task.spec.container_spec is not None:
        labels |= labels_of(f"{PREFIX}container_label_", task.spec.container_spec.labels)
    return labels


def _in_network(
    attachment: _Attachment, ports: Sequence[_Port], port: int
) -> Iterator[dict[str, str]]:
    open_ports = [one for one in ports if one.protocol == "tcp"]
    for address in attachment.addresses:
        ip = _ip(address)
        for one in open_ports:
            yield _published(ip, one)
        if not open_ports:
            yield {ADDRESS_LABEL: host_port(ip, port)}


def _published(host: str, port: _Port) -> dict[str, str]:
    return {
        ADDRESS_LABEL: host_port(host, port.published_port),
        f"{PREFIX}task_port_publish_mode": port.publish_mode,
    }


def _ip(cidr: str) -> str:
    """Return the address of `10.0.0.2/24`. Raises DiscoveryError."""
    try:
        # Without its prefix it would be an address all the same, but not one of the API's.
        return str(ipaddress.ip_interface(cidr if "/" in cidr else "").ip)
    except ValueError:
        raise DiscoveryError(f"invalid CIDR address: {quote(cidr)}") from None
