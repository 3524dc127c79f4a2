"""The pods behind the addresses of endpoints: their labels, and their ports beside those.

Discovery specification, K-29 to K-31; the same for endpoints and for endpoint slices.
"""

from collections.abc import Iterator
from typing import final

from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.objects import ObjectReference, Pod
from promscrape.discovery.kubernetes.pod import (
    container_labels,
    containers,
    pod_labels,
    port_labels,
)
from promscrape.discovery.kubernetes.store import Key, Store
from promscrape.discovery.naming import host_port


def pod_key(ref: ObjectReference | None) -> Key | None:
    """Return the pod that an address is said to belong to, None where it is no pod's."""
    return (ref.namespace, ref.name) if ref is not None and ref.kind == "Pod" else None


@final
class EndpointPods:
    """The pods that one object refers to, with the ports at which it does."""

    def __init__(self, pods: Store[Pod], attached: Attached) -> None:
        self._pods, self._attached = pods, attached
        self._labels: dict[Key, dict[str, str]] = {}
        self._served: dict[Key, set[int | None]] = {}

    def labels(
        self, ref: ObjectReference | None, port: int | None, protocol: str | None
    ) -> dict[str, str]:
        """Return the labels of the pod behind an address, and of the container at its port.

        protocol: what is said of the port; None for what the container declares.
        """
        key = pod_key(ref)
        pod = None if key is None else self._pods.get(key)
        if key is None or pod is None:
            return {}
        self._served.setdefault(key, set()).add(port)
        labels = dict(self._labels_of(key, pod))
        for container, is_init in containers(pod):
            for declared in container.ports or ():
                if declared.container_port == port:
                    labels |= container_labels(container, is_init=is_init)
                    labels |= port_labels(
                        declared, declared.protocol if protocol is None else protocol
                    )
                    break
        return labels

    def further_targets(self) -> Iterator[dict[str, str]]:
        """Yield a target for each port of the pods that was not asked for."""
        for key, served in self._served.items():
            pod = self._pods.get(key)
            if pod is None or not pod.status.pod_ip:
                continue
            for container, is_init in containers(pod):
                for port in container.ports or ():
                    if port.container_port not in served:
                        yield {
                            "__address__": host_port(pod.status.pod_ip, port.container_port),
                            **self._labels_of(key, pod),
                            **container_labels(container, is_init=is_init),
                            **port_labels(port, port.protocol),
                        }

    def _labels_of(self, key: Key, pod: Pod) -> dict[str, str]:
        labels = self._labels.get(key)
        if labels is None:
            labels = self._labels[key] = pod_labels(pod, self._attached.owners(pod))
        return labels
