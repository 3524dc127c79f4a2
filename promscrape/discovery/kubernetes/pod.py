"""The role pod: one target for each declared port of each container (K-25 to K-27).

The endpoints roles put the labels of pods and containers on their targets as well.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from promscrape.discovery.kubernetes.metadata import NAMESPACE, PREFIX, name_label
from promscrape.discovery.kubernetes.objects import (
    Container,
    ContainerPort,
    ContainerStatus,
    Pod,
    controller_of,
)
from promscrape.discovery.kubernetes.store import Key
from promscrape.discovery.naming import flag, host_port
from promscrape.discovery.target_group import TargetGroup

_IP: Final = f"{PREFIX}pod_ip"
_HOST_IP: Final = f"{PREFIX}pod_host_ip"
_PHASE: Final = f"{PREFIX}pod_phase"
_READY: Final = f"{PREFIX}pod_ready"
_NODE_NAME: Final = f"{PREFIX}pod_node_name"
_UID: Final = f"{PREFIX}pod_uid"
_CONTROLLER_KIND: Final = f"{PREFIX}pod_controller_kind"
_CONTROLLER_NAME: Final = f"{PREFIX}pod_controller_name"
_CONTAINER_NAME: Final = f"{PREFIX}pod_container_name"
_CONTAINER_IMAGE: Final = f"{PREFIX}pod_container_image"
_CONTAINER_ID: Final = f"{PREFIX}pod_container_id"
_CONTAINER_INIT: Final = f"{PREFIX}pod_container_init"
_PORT_NAME: Final = f"{PREFIX}pod_container_port_name"
_PORT_NUMBER: Final = f"{PREFIX}pod_container_port_number"
_PORT_PROTOCOL: Final = f"{PREFIX}pod_container_port_protocol"


def source(key: Key) -> str:
    return f"pod/{key[0]}/{key[1]}"


def pod_group(pod: Pod, owners: Mapping[str, str], around: Mapping[str, str] | None) -> TargetGroup:
    """Return a pod's group, without targets for as long as it has no address.

    owners: what the ReplicaSet or Job that it belongs to adds.
    around: what its node and namespace add; None where its node is not known, so that no target
        is made of it.
    """
    meta = pod.metadata
    key = source((meta.namespace, meta.name))
    if not pod.status.pod_ip or around is None:
        return TargetGroup((), {}, key)
    labels = {NAMESPACE: meta.namespace, **pod_labels(pod, owners), **around}
    return TargetGroup(tuple(_targets(pod)), labels, key)


def pod_labels(pod: Pod, owners: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of a pod itself, without those of namespace and node."""
    status = pod.status
    labels = {
        _IP: status.pod_ip,
        _HOST_IP: status.host_ip,
        _PHASE: status.phase,
        _READY: _readiness(pod),
        _NODE_NAME: pod.spec.node_name,
        _UID: pod.metadata.uid,
    }
    controller = controller_of(pod.metadata.owner_references)
    if controller is not None:
        if controller.kind:
            labels[_CONTROLLER_KIND] = controller.kind
        if controller.name:
            labels[_CONTROLLER_NAME] = controller.name
    labels.update(owners)
    labels.update(name_label("pod", pod.metadata))
    return labels


def containers(pod: Pod) -> Iterator[tuple[Container, bool]]:
    """Yield the containers, then the init containers, each with whether it is one of those."""
    for container in pod.spec.containers or ():
        yield container, False
    for container in pod.spec.init_containers or ():
        yield container, True


def container_labels(container: Container, *, is_init: bool) -> dict[str, str]:
    return {
        _CONTAINER_NAME: container.name,
        _CONTAINER_IMAGE: container.image,
        _CONTAINER_INIT: flag(is_init),
    }


def port_labels(port: ContainerPort, protocol: str) -> dict[str, str]:
    return {
        _PORT_NAME: port.name,
        _PORT_NUMBER: str(port.container_port),
        _PORT_PROTOCOL: protocol,
    }


def _targets(pod: Pod) -> Iterator[dict[str, str]]:
    status, address = pod.status, pod.status.pod_ip
    for container, is_init in containers(pod):
        statuses = status.init_container_statuses if is_init else status.container_statuses
        labels = container_labels(container, is_init=is_init)
        labels[_CONTAINER_ID] = _id_of(container.name, statuses)
        if not container.ports:
            yield {"__address__": address, **labels}
        for port in container.ports or ():
            yield {
                "__address__": host_port(address, port.container_port),
                **labels,
                **port_labels(port, port.protocol),
            }


def _id_of(name: str, statuses: tuple[ContainerStatus, ...] | None) -> str:
    return next((status.container_id for status in statuses or () if status.name == name), "")


def _readiness(pod: Pod) -> str:
    conditions = pod.status.conditions or ()
    return next((one.status.lower() for one in conditions if one.type == "Ready"), "unknown")
