"""What `attach_metadata` adds to targets: looked up among the objects that are watched for it."""

from typing import final

import msgspec

from promscrape.discovery.kubernetes.metadata import PREFIX, namespace_labels, node_labels
from promscrape.discovery.kubernetes.objects import Labeled, Owned, Pod, controller_of
from promscrape.discovery.kubernetes.store import Store


@final
class Attached(msgspec.Struct, frozen=True):
    """The stores that labels are attached from; None for what is not attached."""

    nodes: Store[Labeled] | None = None
    namespaces: Store[Labeled] | None = None
    replica_sets: Store[Owned] | None = None
    jobs: Store[Owned] | None = None
    job_names: bool = False
    cronjob_names: bool = False

    def node(self, name: str) -> dict[str, str]:
        """Return the labels of a node, none where it is not known or nodes are not attached."""
        node = self.nodes.get(("", name)) if self.nodes is not None and name else None
        return {} if node is None else node_labels(node)

    def namespace(self, name: str) -> dict[str, str]:
        """Return the labels of a namespace, none where it is not known or not attached."""
        found = self.namespaces.get(("", name)) if self.namespaces is not None else None
        return {} if found is None else namespace_labels(found)

    def around(self, pod: Pod) -> dict[str, str] | None:
        """Return the labels of a pod's node and namespace; None where its node is not known.

        That hides pods without a node, and those on a node that a selector leaves out (K-26).
        """
        labels = self.node(pod.spec.node_name)
        if self.nodes is not None and not labels:
            return None
        return labels | self.namespace(pod.metadata.namespace)

    def owners(self, pod: Pod) -> dict[str, str]:
        """Return the names of the deployment, job and cron job that a pod belongs to."""
        controller = controller_of(pod.metadata.owner_references)
        if controller is None:
            return {}
        namespace, labels = pod.metadata.namespace, dict[str, str]()
        if controller.kind == "ReplicaSet":
            name = _controller_name(self.replica_sets, (namespace, controller.name), "Deployment")
            if name:
                labels[f"{PREFIX}pod_deployment_name"] = name
        elif controller.kind == "Job":
            if self.job_names:
                labels[f"{PREFIX}pod_job_name"] = controller.name
            jobs = self.jobs if self.cronjob_names else None
            name = _controller_name(jobs, (namespace, controller.name), "CronJob")
            if name:
                labels[f"{PREFIX}pod_cronjob_name"] = name
        return labels


def _controller_name(store: Store[Owned] | None, key: tuple[str, str], kind: str) -> str:
    """Return the name of what controls the object at `key`, "" unless it is of that kind."""
    item = store.get(key) if store is not None else None
    owner = controller_of(item.metadata.owner_references) if item is not None else None
    return owner.name if owner is not None and owner.kind == kind else ""
