"""The role endpointslice: one target for each endpoint, port and address (K-33, K-34)."""

from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.endpoint_pods import EndpointPods
from promscrape.discovery.kubernetes.metadata import NAMESPACE, PREFIX, name_label
from promscrape.discovery.kubernetes.objects import (
    Endpoint,
    EndpointConditions,
    EndpointSlice,
    Pod,
    Service,
    SlicePort,
)
from promscrape.discovery.kubernetes.service import service_labels
from promscrape.discovery.kubernetes.store import Key, Store
from promscrape.discovery.naming import flag, host_port, sanitized
from promscrape.discovery.target_group import TargetGroup

_DUAL_STACK = ("PreferDualStack", "RequireDualStack")
_SERVICE_NAME = "kubernetes.io/service-name"


def source(key: Key) -> str:
    return f"endpointslice/{key[0]}/{key[1]}"


def service_key(endpoint_slice: EndpointSlice) -> Key | None:
    """Return the service that a slice is a part of, None where it is of none."""
    meta = endpoint_slice.metadata
    name = (meta.labels or {}).get(_SERVICE_NAME)
    return None if name is None else (meta.namespace, name)


def slice_group(
    endpoint_slice: EndpointSlice, service: Service | None, pods: Store[Pod], attached: Attached
) -> TargetGroup:
    """Return the group of one slice; `service` is the one it is a part of."""
    meta = endpoint_slice.metadata
    labels = {
        NAMESPACE: meta.namespace,
        f"{PREFIX}endpointslice_address_type": endpoint_slice.address_type,
        **name_label("endpointslice", meta),
    }
    if service is not None:
        labels |= service_labels(service)
    labels |= attached.namespace(meta.namespace)
    targets: list[dict[str, str]] = []
    if service is None or not _is_second_family(endpoint_slice, service):
        behind = EndpointPods(pods, attached)
        targets += (
            _target(endpoint, port, address, attached)
            | behind.labels(endpoint.target_ref, port.port, None)
            for endpoint in endpoint_slice.endpoints or ()
            for port in endpoint_slice.ports or ()
            for address in endpoint.addresses or ()
        )
        targets += behind.further_targets()
    return TargetGroup(tuple(targets), labels, source((meta.namespace, meta.name)))


def _is_second_family(endpoint_slice: EndpointSlice, service: Service) -> bool:
    """Whether the slice repeats, under its other addresses, what the service's first family has."""
    families = service.spec.ip_families
    return (
        service.spec.ip_family_policy in _DUAL_STACK
        and bool(families)
        and endpoint_slice.address_type != (families or ("",))[0]
    )


def _target(
    endpoint: Endpoint, port: SlicePort, address: str, attached: Attached
) -> dict[str, str]:
    labels = {"__address__": address if port.port is None else host_port(address, port.port)}
    ref = endpoint.target_ref
    values = {
        "port_name": port.name,
        "port_protocol": port.protocol,
        "port": None if port.port is None else str(port.port),
        "port_app_protocol": port.app_protocol,
        **_conditions(endpoint.conditions),
        "endpoint_hostname": endpoint.hostname,
        "endpoint_node_name": endpoint.node_name,
        "endpoint_zone": endpoint.zone,
        "address_target_kind": None if ref is None else ref.kind,
        "address_target_name": None if ref is None else ref.name,
    }
    for name, value in values.items():
        if value is not None:
            labels[f"{PREFIX}endpointslice_{name}"] = value
    topology = endpoint.deprecated_topology or {}
    for key in sorted(topology):
        word = sanitized(key)
        labels[f"{PREFIX}endpointslice_endpoint_topology_{word}"] = topology[key]
        labels[f"{PREFIX}endpointslice_endpoint_topology_present_{word}"] = "true"
    labels |= attached.node(node_of(endpoint))
    return labels


def _conditions(conditions: EndpointConditions) -> dict[str, str | None]:
    values = {
        "ready": conditions.ready,
        "serving": conditions.serving,
        "terminating": conditions.terminating,
    }
    return {
        f"endpoint_conditions_{name}": None if value is None else flag(value)
        for name, value in values.items()
    }


def node_of(endpoint: Endpoint) -> str:
    """Return the node that an endpoint is on, "" where it is not said."""
    ref = endpoint.target_ref
    if ref is not None and ref.kind == "Node":
        return ref.name
    return endpoint.node_name or ""
