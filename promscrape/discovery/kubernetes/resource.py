"""The kinds of objects that are watched: where they lie in the API, and what is kept of them."""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar, final
from urllib.parse import quote

import msgspec

from promscrape.discovery.kubernetes.objects import (
    Endpoints,
    EndpointSlice,
    Ingress,
    Labeled,
    Node,
    Object,
    Owned,
    Pod,
    Service,
)
from promscrape.discovery.kubernetes.sharing import Sharing, share_pod

T = TypeVar("T", bound=Object)

_JSON = "application/json"
# API servers send metadata alone to those who ask: a node's images and conditions are most of it.
_METADATA = f"{_JSON};as=PartialObjectMetadata{{}};g=meta.k8s.io;v=v1,{_JSON}"


@final
class Resource(msgspec.Struct, Generic[T], frozen=True):
    """One kind of object, by its name in the API: `pods`.

    metadata_only: whether nothing of it is read but `metadata`.
    share: gives a new object its parts in common with others, where many have them alike.
    """

    name: str
    root: str
    type: type[T]
    metadata_only: bool = False
    share: Callable[[T, Sharing], None] | None = None

    def path(self, namespace: str) -> str:
        """Return the path of all objects, or of those in one namespace."""
        place = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{self.root}{place}/{self.name}"

    def accept(self, form: str) -> str:
        """Return the header Accept; form: "List" for a list, "" for a watch."""
        return _METADATA.format(form) if self.metadata_only else _JSON


NODES: Final = Resource("nodes", "/api/v1", Node)
NODE_LABELS: Final = Resource("nodes", "/api/v1", Labeled, metadata_only=True)
NAMESPACES: Final = Resource("namespaces", "/api/v1", Labeled, metadata_only=True)
PODS: Final = Resource("pods", "/api/v1", Pod, share=share_pod)
SERVICES: Final = Resource("services", "/api/v1", Service)
ENDPOINTS: Final = Resource("endpoints", "/api/v1", Endpoints)
ENDPOINT_SLICES: Final = Resource("endpointslices", "/apis/discovery.k8s.io/v1", EndpointSlice)
INGRESSES: Final = Resource("ingresses", "/apis/networking.k8s.io/v1", Ingress)
REPLICA_SETS: Final = Resource("replicasets", "/apis/apps/v1", Owned, metadata_only=True)
JOBS: Final = Resource("jobs", "/apis/batch/v1", Owned, metadata_only=True)

# The role whose selectors go for a resource.
SELECTOR_ROLES: Final[Mapping[str, str]] = {
    "nodes": "node",
    "pods": "pod",
    "services": "service",
    "endpoints": "endpoints",
    "endpointslices": "endpointslice",
    "ingresses": "ingress",
}
