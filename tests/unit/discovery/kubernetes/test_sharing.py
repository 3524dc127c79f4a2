"""Parts that many objects have alike take their place in memory once."""

import tracemalloc

import msgspec

from promscrape.discovery.kubernetes.objects import Pod
from promscrape.discovery.kubernetes.pod import pod_group
from promscrape.discovery.kubernetes.sharing import Sharing, share_pod
from promscrape.discovery.kubernetes.store import Store
from promscrape.discovery.kubernetes.stream import ListReader
from tests.support.kubernetes_objects import container, owner, pod, port
from tests.support.kubernetes_selector import JSON


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


def test_a_thousand_pods_and_their_groups_are_small() -> None:
    """Issue: ten thousand in 60 MB, so 6 kB for each; the benchmark measures the whole provider."""
    body = msgspec.json.encode(
        {
            "metadata": {"resourceVersion": "1"},
            "items": [{"metadata": one["metadata"], **one} for one in map(replica, range(1000))],
        }
    )
    tracemalloc.start()
    try:
        sharing, reader, store = Sharing(), ListReader(Pod), Store[Pod]()
        for item in [*reader.feed(body), *reader.finish()[1]]:
            share_pod(item, sharing)
            store.put(item)
        groups = [pod_group(one, {}, {}) for one in store]
        del reader
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(groups) == 1000
    print(f"{kept / 1000:.0f} bytes a pod, of {len(body) / 1000:.0f} on the wire")  # noqa: T201
    assert kept / 1000 < 6000


def replica(number: int) -> JSON:
    app = f"app-{number // 20}"
    return pod(
        f"{app}-7d9f8b6c5d-x{number:05}",
        f"team-{number % 9}",
        container("app", port(9000, "http"), port(9100, "metrics"), image=f"example.com/{app}:1"),
        container("proxy", port(15090, "http-envoy-prom")),
        ip=f"10.0.{number // 250}.{number % 250}",
        labels={"app": app, "pod-template-hash": "7d9f8b6c5d", "team": "a", "version": "1"},
        annotations={"prometheus.io/scrape": "true", "prometheus.io/port": "9100"},
        owners=[owner("ReplicaSet", f"{app}-7d9f8b6c5d")],
    )
