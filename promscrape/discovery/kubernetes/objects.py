"""The objects of the API, cut down to the fields that something is made of.

What is not declared here is skipped while an answer is decoded, and takes no memory. Go writes a
missing list as nothing or as null; both are None here. Objects are kept by the ten thousand, so
they are left out of garbage collection: none can be part of a cycle.

Source: Kubernetes API reference, core/v1, discovery/v1, networking/v1, apps/v1, batch/v1.
"""

from typing import Generic, TypeVar, final

import msgspec

T = TypeVar("T")


class _Part(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """A part of an object. Equal where all that is kept of it is."""


class NamedMeta(_Part, frozen=True, kw_only=True):
    """The least that is kept of any object; `taken_version` empties `resource_version`."""

    name: str
    namespace: str = ""
    resource_version: str = ""


class Meta(NamedMeta, frozen=True, kw_only=True):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


@final
class OwnerReference(_Part, frozen=True):
    kind: str
    name: str
    controller: bool | None = None


@final
class OwnedMeta(NamedMeta, frozen=True, kw_only=True):
    owner_references: tuple[OwnerReference, ...] | None = None


@final
class PodMeta(Meta, frozen=True, kw_only=True):
    uid: str = ""
    owner_references: tuple[OwnerReference, ...] | None = None


class Object(_Part, frozen=True):
    metadata: NamedMeta


@final
class Labeled(Object, frozen=True):
    """A node or a namespace of which only the labels and annotations are of interest."""

    metadata: Meta


@final
class Owned(Object, frozen=True):
    """A ReplicaSet or a Job: what matters is who controls it."""

    metadata: OwnedMeta


@final
class ContainerPort(_Part, frozen=True):
    container_port: int
    name: str = ""
    protocol: str = "TCP"


@final
class Container(_Part, frozen=True):
    name: str
    image: str = ""
    ports: tuple[ContainerPort, ...] | None = None


@final
class ContainerStatus(_Part, frozen=True):
    name: str
    container_id: str = msgspec.field(name="containerID", default="")


@final
class Condition(_Part, frozen=True):
    type: str
    status: str


@final
class PodSpec(_Part, frozen=True):
    node_name: str = ""
    containers: tuple[Container, ...] | None = None
    init_containers: tuple[Container, ...] | None = None


@final
class PodStatus(_Part, frozen=True):
    phase: str = ""
    host_ip: str = msgspec.field(name="hostIP", default="")
    pod_ip: str = msgspec.field(name="podIP", default="")
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None


@final
class Pod(Object, frozen=True):
    metadata: PodMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


@final
class NodeAddress(_Part, frozen=True):
    type: str
    address: str


@final
class DaemonEndpoint(_Part, frozen=True):
    # The one field of the API that begins with a capital.
    port: int = msgspec.field(name="Port", default=0)


@final
class DaemonEndpoints(_Part, frozen=True):
    kubelet_endpoint: DaemonEndpoint = DaemonEndpoint()


@final
class NodeSpec(_Part, frozen=True):
    provider_id: str = msgspec.field(name="providerID", default="")


@final
class NodeStatus(_Part, frozen=True):
    addresses: tuple[NodeAddress, ...] | None = None
    conditions: tuple[Condition, ...] | None = None
    daemon_endpoints: DaemonEndpoints = DaemonEndpoints()


@final
class Node(Object, frozen=True):
    metadata: Meta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


@final
class ServicePort(_Part, frozen=True):
    port: int
    name: str = ""
    protocol: str = "TCP"


@final
class ServiceSpec(_Part, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(name="clusterIP", default="")
    external_name: str = ""
    load_balancer_ip: str = msgspec.field(name="loadBalancerIP", default="")
    ports: tuple[ServicePort, ...] | None = None
    ip_families: tuple[str, ...] | None = None
    ip_family_policy: str | None = None


@final
class LoadBalancerIngress(_Part, frozen=True):
    ip: str = ""


@final
class LoadBalancerStatus(_Part, frozen=True):
    ingress: tuple[LoadBalancerIngress, ...] | None = None


@final
class ServiceStatus(_Part, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


@final
class Service(Object, frozen=True):
    metadata: Meta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


@final
class ObjectReference(_Part, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""


@final
class EndpointAddress(_Part, frozen=True):
    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


@final
class EndpointPort(_Part, frozen=True):
    port: int
    name: str = ""
    protocol: str = "TCP"


@final
class EndpointSubset(_Part, frozen=True):
    addresses: tuple[EndpointAddress, ...] | None = None
    not_ready_addresses: tuple[EndpointAddress, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


@final
class Endpoints(Object, frozen=True):
    metadata: Meta
    subsets: tuple[EndpointSubset, ...] | None = None


@final
class EndpointConditions(_Part, frozen=True):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


@final
class Endpoint(_Part, frozen=True):
    addresses: tuple[str, ...] | None = None
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None
    deprecated_topology: dict[str, str] | None = None


@final
class SlicePort(_Part, frozen=True):
    name: str | None = None
    protocol: str | None = None
    port: int | None = None
    app_protocol: str | None = None


@final
class EndpointSlice(Object, frozen=True):
    metadata: Meta
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[SlicePort, ...] | None = None


@final
class IngressPath(_Part, frozen=True):
    path: str = ""


@final
class HTTPRule(_Part, frozen=True):
    paths: tuple[IngressPath, ...] | None = None


@final
class IngressRule(_Part, frozen=True):
    host: str = ""
    http: HTTPRule | None = None


@final
class IngressTLS(_Part, frozen=True):
    hosts: tuple[str, ...] | None = None


@final
class IngressSpec(_Part, frozen=True):
    ingress_class_name: str | None = None
    rules: tuple[IngressRule, ...] | None = None
    tls: tuple[IngressTLS, ...] | None = None


@final
class Ingress(Object, frozen=True):
    metadata: Meta
    spec: IngressSpec = IngressSpec()


@final
class ListMeta(_Part, frozen=True):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")


@final
class ListHead(_Part, frozen=True):
    """A list without its items."""

    metadata: ListMeta = ListMeta()


@final
class ObjectList(_Part, Generic[T], frozen=True):
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


@final
class WatchEvent(_Part, frozen=True):
    """One line of a watch; what `object` is depends on the type."""

    type: str
    object: msgspec.Raw = msgspec.Raw()


@final
class BookmarkMeta(_Part, frozen=True):
    resource_version: str = ""


@final
class Bookmark(_Part, frozen=True):
    metadata: BookmarkMeta = BookmarkMeta()


@final
class StatusDetails(_Part, frozen=True):
    retry_after_seconds: int = 0


@final
class Status(_Part, frozen=True):
    """Why the API server refused something, in its own words."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: StatusDetails | None = None


def taken_version(item: Object) -> str:
    """Return an object's version, and empty it: two that differ in it alone are equal."""
    version = item.metadata.resource_version
    msgspec.structs.force_setattr(item.metadata, "resource_version", "")
    return version


def controller_of(owners: tuple[OwnerReference, ...] | None) -> OwnerReference | None:
    """Return the first owner that is the controller."""
    return next((owner for owner in owners or () if owner.controller), None)
