"""The labels of one service's instances, from an answer of Consul's health API.

Section 4.3 of the discovery specification; source: Prometheus discovery/consul/consul.go,
watch, and hashicorp/consul api/health.go, AggregatedStatus.
"""

from collections.abc import Sequence

import msgspec

from promscrape.discovery.naming import host_port, labels_of, wrapped
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup

_PREFIX = "__meta_consul_"
LABELS = (
    "__meta_consul_service",
    "__meta_consul_dc",
    "__meta_consul_address",
    "__meta_consul_node",
    "__meta_consul_tags",
    "__meta_consul_service_address",
    "__meta_consul_service_port",
    "__meta_consul_service_id",
    "__meta_consul_health",
    "__meta_consul_namespace",
    "__meta_consul_partition",
    "__meta_consul_metadata_<key>",
    "__meta_consul_service_metadata_<key>",
    "__meta_consul_tagged_address_<key>",
)
_STATUSES = ("critical", "warning", "passing")
_MAINTENANCE_OF_NODE = "_node_maintenance"
_MAINTENANCE_OF_SERVICE = "_service_maintenance:"


class Check(msgspec.Struct, frozen=True):
    """What is asked of an instance, or of its node, and what came of it."""

    id: str = msgspec.field(name="CheckID", default="")
    status: str = msgspec.field(name="Status", default="")


class Node(msgspec.Struct, frozen=True, rename="pascal"):
    """The machine."""

    node: str = ""
    address: str = ""
    meta: dict[str, str] = {}
    tagged_addresses: dict[str, str] = {}


class Service(msgspec.Struct, frozen=True, rename="pascal"):
    """The instance."""

    id: str = msgspec.field(name="ID", default="")
    tags: list[str] = []
    meta: dict[str, str] = {}
    address: str = ""
    port: int = 0
    namespace: str = ""
    partition: str = ""


class Instance(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/v1/health/service/<name>`."""

    node: Node = Node()
    service: Service = Service()
    checks: list[Check] = []


def target_group(
    name: str, datacenter: str, separator: str, instances: Sequence[Instance]
) -> TargetGroup:
    """Return the group of a service; `separator` is what joins an instance's tags."""
    return TargetGroup(
        targets=tuple(_labels(instance, separator) for instance in instances),
        labels={f"{_PREFIX}service": name, f"{_PREFIX}dc": datacenter},
        source=name,
    )


def _labels(instance: Instance, separator: str) -> dict[str, str]:
    node, service = instance.node, instance.service
    return {
        ADDRESS_LABEL: host_port(service.address or node.address, service.port),
        f"{_PREFIX}address": node.address,
        f"{_PREFIX}node": node.node,
        f"{_PREFIX}tags": wrapped(separator, service.tags),
        f"{_PREFIX}service_address": service.address,
        f"{_PREFIX}service_port": str(service.port),
        f"{_PREFIX}service_id": service.id,
        f"{_PREFIX}health": aggregated_status(instance.checks),
        f"{_PREFIX}namespace": service.namespace,
        f"{_PREFIX}partition": service.partition,
        **labels_of(f"{_PREFIX}metadata_", node.meta),
        **labels_of(f"{_PREFIX}service_metadata_", service.meta),
        **labels_of(f"{_PREFIX}tagged_address_", node.tagged_addresses),
    }


def aggregated_status(checks: Sequence[Check]) -> str:
    """Return the worst status of an instance's checks; "" where one has a status of its own."""
    asked = [check for check in checks if not _is_maintenance(check.id)]
    found = {check.status for check in asked}
    if found - set(_STATUSES):
        return ""
    if len(asked) < len(checks):
        return "maintenance"
    return next((status for status in _STATUSES if status in found), "passing")


def _is_maintenance(check_id: str) -> bool:
    return check_id == _MAINTENANCE_OF_NODE or check_id.startswith(_MAINTENANCE_OF_SERVICE)
