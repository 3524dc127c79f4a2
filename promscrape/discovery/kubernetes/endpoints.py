"""The role endpoints: one target for each address and port (K-28 to K-32)."""

from collections.abc import Iterator

from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.endpoint_pods import EndpointPods
from promscrape.discovery.kubernetes.metadata import NAMESPACE, PREFIX, name_label
from promscrape.discovery.kubernetes.objects import (
    EndpointAddress,
    EndpointPort,
    Endpoints,
    EndpointSubset,
    Pod,
    Service,
)
from promscrape.discovery.kubernetes.service import service_labels
from promscrape.discovery.kubernetes.store import Key, Store
from promscrape.discovery.naming import flag, host_port
from promscrape.discovery.target_group import TargetGroup

_OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"


def source(key: Key) -> str:
    return f"endpoints/{key[0]}/{key[1]}"


def is_over_capacity(endpoints: Endpoints) -> bool:
    """Whether the object cannot hold all addresses of its service, or soon will not."""
    labels = endpoints.metadata.labels or {}
    return labels.get(_OVER_CAPACITY) in ("truncated", "warning")


def endpoints_group(
    endpoints: Endpoints, service: Service | None, pods: Store[Pod], attached: Attached
) -> TargetGroup:
    """Return the group of one object; `service` is that of the same name."""
    meta = endpoints.metadata
    labels = {NAMESPACE: meta.namespace}
    if service is not None:
        labels |= service_labels(service)
    labels |= name_label("endpoints", meta) | attached.namespace(meta.namespace)
    behind = EndpointPods(pods, attached)
    targets = [
        _target(address, port, is_ready, attached) | _pod_labels(behind, address, port)
        for subset in endpoints.subsets or ()
        for port in subset.ports or ()
        for address, is_ready in _addresses(subset)
    ]
    targets += behind.further_targets()
    return TargetGroup(tuple(targets), labels, source((meta.namespace, meta.name)))


def _addresses(subset: EndpointSubset) -> Iterator[tuple[EndpointAddress, bool]]:
    for address in subset.addresses or ():
        yield address, True
    for address in subset.not_ready_addresses or ():
        yield address, False


def _pod_labels(
    behind: EndpointPods, address: EndpointAddress, port: EndpointPort
) -> dict[str, str]:
    return behind.labels(address.target_ref, port.port, port.protocol)


def _target(
    address: EndpointAddress,
    port: EndpointPort,
    is_ready: bool,  # noqa: FBT001 - it is a value to be told, not a way to behave
    attached: Attached,
) -> dict[str, str]:
    labels = {
        "__address__": host_port(address.ip, port.port),
        f"{PREFIX}endpoint_port_name": port.name,
        f"{PREFIX}endpoint_port_protocol": port.protocol,
        f"{PREFIX}endpoint_ready": flag(is_ready),
    }
    ref = address.target_ref
    if ref is not None:
        labels[f"{PREFIX}endpoint_address_target_kind"] = ref.kind
        labels[f"{PREFIX}endpoint_address_target_name"] = ref.name
    if address.node_name is not None:
        labels[f"{PREFIX}endpoint_node_name"] = address.node_name
    if address.hostname:
        labels[f"{PREFIX}endpoint_hostname"] = address.hostname
    labels |= attached.node(node_of(address))
    return labels


def node_of(address: EndpointAddress) -> str:
    """Return the node that an address is on, "" where it is not said."""
    if address.node_name is not None:
        return address.node_name
    ref = address.target_ref
    return ref.name if ref is not None and ref.kind == "Node" else ""
