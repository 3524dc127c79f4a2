"""Parts that many objects have alike take their place in memory once."""

import msgspec

from promscrape.discovery.kubernetes.objects import Pod
from promscrape.discovery.kubernetes.pod import pod_group
from promscrape.discovery.kubernetes.sharing import Sharing, share_pod
from tests.support.kubernetes_objects import owner, pod


def decoded(name: str, sharing: Sharing | None = None, **labels: str) -> Pod:
    item = pod(
        name, labels=labels, annotations={"a": "b"}, owners=[owner("ReplicaSet", "r")], ip=name
    )
    made = msgspec.json.decode(msgspec.json.encode(item), type=Pod)
    if sharing is not None:
        share_pod(made, sharing)
    return made


def test_replicas_share_what_they_have_alike() -> None:
    """Issue: ten thousand pods in 60 MB."""
    sharing = Sharing()
    first, second = decoded("p", sharing, app="x"), decoded("q", sharing, app="x")
    assert first.spec.containers is second.spec.containers
    assert first.metadata.labels is second.metadata.labels
    assert first.metadata.annotations is second.metadata.annotations
    assert first.metadata.owner_references is second.metadata.owner_references
    assert first.status.conditions is second.status.conditions
    assert decoded("r", sharing, app="y").metadata.labels == {"app": "y"}


def test_sharing_changes_no_label() -> None:
    """3.5: what is left out of a pod, its group does not show."""
    assert pod_group(decoded("p", Sharing()), {}, {}) == pod_group(decoded("p"), {}, {})


def test_large_annotations_are_kept_for_nobody_else() -> None:
    """Issue: a part that is remembered must be small."""
    sharing = Sharing()
    large = {"text": "x" * 2000}
    assert sharing.map(large) is large
    assert sharing.map(dict(large)) is not large
    assert sharing.map(None) is None


def test_what_is_remembered_is_bounded() -> None:
    """Issue: parts of pods that went long ago are let go."""
    sharing = Sharing()
    first = sharing.part("first")
    for number in range(5000):
        sharing.part(f"part {number}")
        sharing.map({"number": str(number)})
    assert len(sharing._parts) <= 4096
    assert len(sharing._maps) <= 4096
    assert first == "first"
