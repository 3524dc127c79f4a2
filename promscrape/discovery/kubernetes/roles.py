"""The roles: which objects are watched for each, and whose change remakes which group (K-22).

Each has a store of the objects that its groups are made of. A change of such an object remakes
its own group, a change of another object those that say something of it. What the labels of a
role are stands in the module of its name.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.discovery.kubernetes import endpoints as endpoints_labels
from promscrape.discovery.kubernetes import endpointslice as slice_labels
from promscrape.discovery.kubernetes import ingress as ingress_labels
from promscrape.discovery.kubernetes import node as node_labels
from promscrape.discovery.kubernetes import pod as pod_labels
from promscrape.discovery.kubernetes import service as service_labels
from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.config import AttachMetadata
from promscrape.discovery.kubernetes.endpoint_pods import pod_key
from promscrape.discovery.kubernetes.metrics import KubernetesMetrics
from promscrape.discovery.kubernetes.objects import (
    Endpoints,
    EndpointSlice,
    Labeled,
    Object,
    Owned,
    Pod,
    controller_of,
)
from promscrape.discovery.kubernetes.queue import WorkQueue
from promscrape.discovery.kubernetes.resource import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    INGRESSES,
    JOBS,
    NAMESPACES,
    NODE_LABELS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
)
from promscrape.discovery.kubernetes.store import Index, Key, Store, key_of
from promscrape.discovery.kubernetes.watched import Watched
from promscrape.discovery.target_group import TargetGroup

T = TypeVar("T", bound=Object)


class Role(Protocol):
    """Makes the groups of one role."""

    def keys(self) -> Iterable[Key]:
        """Return what there are groups of."""

    def make(self, key: Key) -> TargetGroup | None:
        """Return a group as it is now, one without targets for what has gone; None for none."""


def make_role(
    name: str,
    attach: AttachMetadata,
    watched: Watched,
    queue: WorkQueue,
    metrics: KubernetesMetrics,
    log: FilteringBoundLogger,
) -> Role:
    """Return the role of that name, its watches made and its queue fed."""

    def note(event: str) -> None:
        metrics.note_event(name, event)

    match name:
        case "node":
            return _NodeRole(watched, queue, note, log)
        case "pod":
            return _PodRole(attach, watched, queue, note)
        case "service":
            return _ServiceRole(attach, watched, queue, note)
        case "ingress":
            return _IngressRole(attach, watched, queue, note)
        case "endpoints":
            return _EndpointsRole(attach, watched, queue, metrics, log)
        case "endpointslice":
            return _EndpointSliceRole(attach, watched, queue, metrics)
        case _:
            raise ValueError(f"no such role: {name}")


_Note = Callable[[str], None]


def _attached(attach: AttachMetadata, watched: Watched, *, has_pods: bool = True) -> Attached:
    """Return what is attached, its watches made; without pods there are namespaces alone."""
    wants_jobs = has_pods and (attach.job or attach.cronjob)
    return Attached(
        nodes=watched.everywhere(NODE_LABELS) if has_pods and attach.node else None,
        namespaces=watched.everywhere(NAMESPACES) if attach.namespace else None,
        replica_sets=watched.namespaced(REPLICA_SETS) if has_pods and attach.deployment else None,
        jobs=watched.namespaced(JOBS) if wants_jobs else None,
        job_names=attach.job,
        cronjob_names=attach.cronjob,
    )


def _remake_own(store: Store[T], queue: WorkQueue) -> None:
    store.listen(lambda old, new: queue.add(key_of(_either(old, new))))


def _remake_in_namespace(attached: Attached, store: Store[T], queue: WorkQueue) -> None:
    """Remake all groups of a namespace that is updated; one that comes or goes is empty."""

    def remake(old: Labeled | None, new: Labeled | None) -> None:
        if old is not None and new is not None:
            queue.add_all(store.in_namespace(new.metadata.name))

    if attached.namespaces is not None:
        attached.namespaces.listen(remake)


def _remake_on_node(
    attached: Attached, store: Store[T], queue: WorkQueue, nodes: Callable[[T], Iterable[str]]
) -> None:
    """Remake the groups that mention a node; `nodes` are those that an object mentions."""
    if attached.nodes is not None:
        index = Index(store, nodes)
        attached.nodes.listen(
            lambda old, new: queue.add_all(index.find(_either(old, new).metadata.name))
        )


def _either(old: T | None, new: T | None) -> T:
    """Return the object that a change is about."""
    item = new if new is not None else old
    assert item is not None, "a change of nothing"
    return item


@final
class _NodeRole:
    def __init__(
        self, watched: Watched, queue: WorkQueue, note: _Note, log: FilteringBoundLogger
    ) -> None:
        self._nodes, self._log = watched.everywhere(NODES, note), log
        _remake_own(self._nodes, queue)

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._nodes)

    def make(self, key: Key) -> TargetGroup | None:
        node = self._nodes.get(key)
        if node is None:
            return TargetGroup((), {}, node_labels.source(key))
        group = node_labels.node_group(node)
        if group is None:
            self._log.warning("No address to scrape the node at, leaving it as it was", node=key[1])
        return group


@final
class _PodRole:
    def __init__(
        self, attach: AttachMetadata, watched: Watched, queue: WorkQueue, note: _Note
    ) -> None:
        self._pods = watched.namespaced(PODS, note)
        self._attached = attached = _attached(attach, watched)
        _remake_own(self._pods, queue)
        _remake_in_namespace(attached, self._pods, queue)
        _remake_on_node(attached, self._pods, queue, lambda pod: [pod.spec.node_name])
        owners = {"ReplicaSet": attached.replica_sets, "Job": attached.jobs}
        stores = {kind: store for kind, store in owners.items() if store is not None}
        if stores:
            self._remake_owned(stores, queue)

    def _remake_owned(self, stores: Mapping[str, Store[Owned]], queue: WorkQueue) -> None:
        index = Index(self._pods, _owner_words)
        for kind, store in stores.items():

            def remake(old: Owned | None, new: Owned | None, kind: str = kind) -> None:
                queue.add_all(index.find((kind, *key_of(_either(old, new)))))

            store.listen(remake)

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._pods)

    def make(self, key: Key) -> TargetGroup:
        pod = self._pods.get(key)
        if pod is None:
            return TargetGroup((), {}, pod_labels.source(key))
        attached = self._attached
        return pod_labels.pod_group(pod, attached.owners(pod), attached.around(pod))


def _owner_words(pod: Pod) -> Iterable[tuple[str, str, str]]:
    owner = controller_of(pod.metadata.owner_references)
    return () if owner is None else ((owner.kind, pod.metadata.namespace, owner.name),)


@final
class _ServiceRole:
    def __init__(
        self, attach: AttachMetadata, watched: Watched, queue: WorkQueue, note: _Note
    ) -> None:
        self._services = watched.namespaced(SERVICES, note)
        self._attached = _attached(attach, watched, has_pods=False)
        _remake_own(self._services, queue)
        _remake_in_namespace(self._attached, self._services, queue)

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._services)

    def make(self, key: Key) -> TargetGroup:
        service = self._services.get(key)
        if service is None:
            return TargetGroup((), {}, service_labels.source(key))
        return service_labels.service_group(service, self._attached.namespace(key[0]))


@final
class _IngressRole:
    def __init__(
        self, attach: AttachMetadata, watched: Watched, queue: WorkQueue, note: _Note
    ) -> None:
        self._ingresses = watched.namespaced(INGRESSES, note)
        self._attached = _attached(attach, watched, has_pods=False)
        _remake_own(self._ingresses, queue)
        _remake_in_namespace(self._attached, self._ingresses, queue)

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._ingresses)

    def make(self, key: Key) -> TargetGroup:
        ingress = self._ingresses.get(key)
        if ingress is None:
            return TargetGroup((), {}, ingress_labels.source(key))
        return ingress_labels.ingress_group(ingress, self._attached.namespace(key[0]))


@final
class _EndpointsRole:
    def __init__(
        self,
        attach: AttachMetadata,
        watched: Watched,
        queue: WorkQueue,
        metrics: KubernetesMetrics,
        log: FilteringBoundLogger,
    ) -> None:
        def note_pod(event: str) -> None:
            if event == "update":
                metrics.note_event("pod", event)

        self._log = log
        self._warned = set[Key]()
        self._endpoints = watched.namespaced(
            ENDPOINTS, lambda event: metrics.note_event("endpoints", event)
        )
        self._services = watched.namespaced(
            SERVICES, lambda event: metrics.note_event("service", event)
        )
        self._pods = watched.namespaced(PODS, note_pod)
        self._attached = attached = _attached(attach, watched)
        _remake_own(self._endpoints, queue)
        # An object of endpoints has the name of its service.
        self._services.listen(lambda old, new: self._remake(key_of(_either(old, new)), queue))
        _remake_in_namespace(attached, self._endpoints, queue)
        _remake_on_node(attached, self._endpoints, queue, _nodes_of_endpoints)
        self._of_pod = Index(self._endpoints, _ready_pods)
        self._pods.listen(lambda old, new: self._heed_pod(old, new, queue))

    def _remake(self, key: Key, queue: WorkQueue) -> None:
        if self._endpoints.get(key) is not None:
            queue.add(key)

    def _heed_pod(self, old: Pod | None, new: Pod | None, queue: WorkQueue) -> None:
        """Remake a pod's groups where its phase changed; the rest shows in the endpoints."""
        if old is not None and new is not None and old.status.phase != new.status.phase:
            queue.add_all(self._of_pod.find(key_of(new)))

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._endpoints)

    def make(self, key: Key) -> TargetGroup:
        endpoints = self._endpoints.get(key)
        if endpoints is None:
            self._warned.discard(key)
            return TargetGroup((), {}, endpoints_labels.source(key))
        if endpoints_labels.is_over_capacity(endpoints) and key not in self._warned:
            self._warned.add(key)
            self._log.warning(
                "The endpoints are over their capacity, some are missing: use role endpointslice",
                endpoints="/".join(key),
            )
        service = self._services.get(key)
        return endpoints_labels.endpoints_group(endpoints, service, self._pods, self._attached)


def _ready_pods(endpoints: Endpoints) -> Iterable[Key]:
    for subset in endpoints.subsets or ():
        for address in subset.addresses or ():
            key = pod_key(address.target_ref)
            if key is not None:
                yield key


def _nodes_of_endpoints(endpoints: Endpoints) -> Iterable[str]:
    for subset in endpoints.subsets or ():
        for address in (*(subset.addresses or ()), *(subset.not_ready_addresses or ())):
            yield endpoints_labels.node_of(address)


@final
class _EndpointSliceRole:
    def __init__(
        self, attach: AttachMetadata, watched: Watched, queue: WorkQueue, metrics: KubernetesMetrics
    ) -> None:
        self._slices = watched.namespaced(
            ENDPOINT_SLICES, lambda event: metrics.note_event("endpointslice", event)
        )
        self._services = watched.namespaced(
            SERVICES, lambda event: metrics.note_event("service", event)
        )
        self._pods = watched.namespaced(PODS)
        self._attached = attached = _attached(attach, watched)
        _remake_own(self._slices, queue)
        of_service = Index(self._slices, _services_of_slice)
        self._services.listen(
            lambda old, new: queue.add_all(of_service.find(key_of(_either(old, new))))
        )
        _remake_in_namespace(attached, self._slices, queue)
        _remake_on_node(attached, self._slices, queue, _nodes_of_slice)

    def keys(self) -> Iterable[Key]:
        return map(key_of, self._slices)

    def make(self, key: Key) -> TargetGroup:
        found = self._slices.get(key)
        if found is None:
            return TargetGroup((), {}, slice_labels.source(key))
        service_key = slice_labels.service_key(found)
        service = None if service_key is None else self._services.get(service_key)
        return slice_labels.slice_group(found, service, self._pods, self._attached)


def _services_of_slice(endpoint_slice: EndpointSlice) -> Iterable[Key]:
    key = slice_labels.service_key(endpoint_slice)
    return () if key is None else (key,)


def _nodes_of_slice(endpoint_slice: EndpointSlice) -> Iterable[str]:
    return map(slice_labels.node_of, endpoint_slice.endpoints or ())
