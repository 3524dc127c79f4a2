"""The role node: one target for each node, its kubelet (discovery specification, K-23)."""

from promscrape.discovery.kubernetes.metadata import PREFIX, node_labels
from promscrape.discovery.kubernetes.objects import Node
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.naming import host_port, sanitized
from promscrape.discovery.target_group import TargetGroup

# Source: Prometheus discovery/kubernetes/node.go, nodeAddress.
_ADDRESS_TYPES = (
    "InternalIP",
    "InternalDNS",
    "ExternalIP",
    "ExternalDNS",
    "LegacyHostIP",
    "Hostname",
)


def source(key: Key) -> str:
    return f"node/{key[1]}"


def node_group(node: Node) -> TargetGroup | None:
    """Return a node's group; None where it has no address that it could be scraped at."""
    by_type: dict[str, str] = {}
    for address in node.status.addresses or ():
        by_type.setdefault(address.type, address.address)
    host = next((by_type[kind] for kind in _ADDRESS_TYPES if kind in by_type), None)
    if host is None:
        return None
    name = node.metadata.name
    port = node.status.daemon_endpoints.kubelet_endpoint.port
    target = {"__address__": host_port(host, port), "instance": name}
    for kind, address_text in by_type.items():
        target[f"{PREFIX}node_address_{sanitized(kind)}"] = address_text
    labels = {f"{PREFIX}node_provider_id": node.spec.provider_id}
    for condition in node.status.conditions or ():
        word = sanitized(condition.type.lower())
        labels[f"{PREFIX}node_condition_{word}"] = condition.status.lower()
    labels |= node_labels(node)
    return TargetGroup((target,), labels, source(("", name)))
