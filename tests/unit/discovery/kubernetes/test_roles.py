"""Which change remakes which group: roles beside a server that speaks list and watch."""

from collections.abc import Mapping

import pytest

from promscrape.discovery.kubernetes.config import AttachMetadata, Selector
from tests.support.discovery import Discovered
from tests.support.kubernetes import discover, events
from tests.support.kubernetes_api import KubernetesAPI
from tests.support.kubernetes_objects import (
    address,
    endpoint_port,
    endpoint_slice,
    endpoints,
    ingress,
    namespace,
    node,
    owned,
    owner,
    pod,
    pod_ref,
    rule,
    service,
    service_port,
    subset,
)
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"
AT = ("InternalIP", "10.0.0.1")
WEB: JSON = {"name": "web", "protocol": "TCP", "port": 9000}


def labels_of(found: Discovered, source: str) -> Mapping[str, str]:
    return found.published.groups[source].labels


def of_pods(name: str, *pods: str) -> JSON:
    """Return endpoints with the named pods of its namespace behind them."""
    at = [address(f"1.1.1.{number}", ref=pod_ref(one)) for number, one in enumerate(pods)]
    return endpoints(name, "default", subset([endpoint_port(9000)], at))


def slice_of(name: str, *pods: str, of_service: str = "") -> JSON:
    items: list[JSON] = [
        {"addresses": [f"1.1.1.{number}"], "targetRef": pod_ref(one), "nodeName": "node-1"}
        for number, one in enumerate(pods)
    ]
    return endpoint_slice(name, "default", *items, ports=[WEB], of_service=of_service)


async def test_a_pod_comes_changes_and_goes(api: KubernetesAPI) -> None:
    """Discovery 59, K-21, K-25: one group each time; one without targets where it has none."""
    api.put(pod("p", ip="", phase="Pending"))
    async with discover(api, "pod") as found:
        await found.published.update(1)
        api.put(pod("p", phase="Pending", ready="False"))
        await found.published.update(2)
        assert labels_of(found, "pod/default/p")[f"{K}pod_phase"] == "Pending"
        api.put(pod("p", phase="Running"))
        await found.published.update(3)
        assert labels_of(found, "pod/default/p")[f"{K}pod_phase"] == "Running"
        api.delete(pod("p"))
        await found.published.update(4)
        source = "pod/default/p"
        assert found.published.sources == [[f"-{source}"], [source], [source], [f"-{source}"]]
        assert events(found, "pod") == (1, 2, 1)


async def test_what_changes_in_nothing_that_is_read_remakes_nothing(api: KubernetesAPI) -> None:
    """K-19: it is counted all the same. Heartbeats of ten thousand pods cost no sync of targets."""
    api.put(pod("p"))
    async with discover(api, "pod") as found:
        await found.published.update(1)
        item = pod("p")
        item["status"]["qosClass"] = "Guaranteed"  # type: ignore[index]  # a map
        api.put(item)
        api.put(pod("q"))
        await found.published.update(2)
        assert found.published.sources[1] == ["pod/default/q"]
        assert events(found, "pod") == (2, 1, 0)


async def test_a_deployment_is_found_by_way_of_its_replica_set(api: KubernetesAPI) -> None:
    """Discovery 65, K-22: also where that comes after the pod, and not of another namespace."""
    attach = AttachMetadata(deployment=True)
    api.put(pod("p", owners=[owner("ReplicaSet", "d-1")]))
    api.put(owned("ReplicaSet", "d-1", "other", [owner("Deployment", "wrong")]))
    async with discover(api, "pod", attach=attach) as found:
        await found.published.update(1)
        assert f"{K}pod_deployment_name" not in labels_of(found, "pod/default/p")
        api.put(owned("ReplicaSet", "d-1", "default", [owner("Deployment", "d")]))
        await found.published.update(2)
        assert labels_of(found, "pod/default/p")[f"{K}pod_deployment_name"] == "d"
        assert events(found, "pod") == (1, 0, 0)


@pytest.mark.parametrize(
    ("attach", "expected"),
    [
        (AttachMetadata(job=True), {"job": "j"}),
        (AttachMetadata(cronjob=True), {"cronjob": "c"}),
        (AttachMetadata(job=True, cronjob=True), {"job": "j", "cronjob": "c"}),
    ],
    ids=["job", "cronjob", "both"],
)
async def test_a_job_and_its_cron_job_are_attached_as_asked(
    api: KubernetesAPI, attach: AttachMetadata, expected: Mapping[str, str]
) -> None:
    """Discovery 66."""
    api.put(pod("p", owners=[owner("Job", "j")]))
    api.put(owned("Job", "j", "default", [owner("CronJob", "c")]))
    async with discover(api, "pod", attach=attach) as found:
        await found.published.update(1)
        labels = labels_of(found, "pod/default/p")
        names = ("job", "cronjob")
        made = {name: labels.get(f"{K}pod_{name}_name") for name in names}
        assert {name: value for name, value in made.items() if value} == expected


async def test_a_node_selector_hides_the_pods_of_other_nodes(api: KubernetesAPI) -> None:
    """Discovery 67, K-2, K-26: until the node is relabeled into it."""
    api.put(node("node-1", AT, labels={"pool": "b"}))
    api.put(pod("p"))
    api.put(pod("unscheduled", node=""))
    selector = Selector(role="node", label="pool=a")
    async with discover(
        api, "pod", selectors=(selector,), attach=AttachMetadata(node=True)
    ) as found:
        await found.published.update(1)
        assert found.published.groups == {}
        api.put(node("node-1", AT, labels={"pool": "a"}))
        await found.published.update(2)
        assert found.published.sources[1] == ["pod/default/p"]
        labels = labels_of(found, "pod/default/p")
        assert labels[f"{K}node_name"] == "node-1"
        assert labels[f"{K}node_label_pool"] == "a"
        for verb in ("list", "watch"):
            assert api.requests(verb, "nodes")[0].query["labelSelector"] == "pool=a"
            assert "labelSelector" not in api.requests(verb, "pods")[0].query
        api.delete(node("node-1", AT))
        await found.published.update(3)
        assert found.published.groups == {}


async def test_a_node_that_loses_its_address_stays_as_it_was(api: KubernetesAPI) -> None:
    """Discovery 69, K-23."""
    api.put(node("a", AT))
    async with discover(api, "node") as found:
        await found.published.update(1)
        api.put(node("a"))
        api.put(node("b", AT))
        while "node/b" not in found.published.groups:
            await found.published.update(len(found.published.updates) + 1)
        assert found.published.addresses == ["10.0.0.1:10250", "10.0.0.1:10250"]
        (warning,) = found.logs.entries
        assert warning["node"] == "a"
        api.delete(node("a"))
        while "node/a" in found.published.groups:
            await found.published.update(len(found.published.updates) + 1)
        assert events(found, "node") == (2, 1, 1)


async def test_endpoints_follow_a_pods_phase_and_nothing_else_of_it(api: KubernetesAPI) -> None:
    """Discovery 76, K-19, K-22."""
    api.put(of_pods("e", "p"))
    api.put(pod("p", phase="Pending"))
    async with discover(api, "endpoints") as found:
        await found.published.update(1)
        api.put(pod("p", phase="Pending", labels={"new": "1"}))
        api.put(pod("p", phase="Running", labels={"new": "2"}))
        await found.published.update(2)
        assert found.published.sources[1] == ["endpoints/default/e"]
        (target,) = found.published.groups["endpoints/default/e"].targets
        assert target[f"{K}pod_phase"] == "Running"
        assert target[f"{K}pod_label_new"] == "2"
        api.put(pod("p", labels={"new": "3"}))
        api.put(pod("q"))  # neither does one that comes
        api.put(of_pods("f", "p"))
        await found.published.update(3)
        assert found.published.sources[2] == ["endpoints/default/f"]
        assert events(found, "endpoints") == (2, 0, 0)
        assert events(found, "pod") == (0, 3, 0)


async def test_slices_follow_no_pod(api: KubernetesAPI) -> None:
    """Discovery 76, K-19, K-22: neither its phase nor its labels."""
    api.put(slice_of("e", "p"))
    api.put(pod("p", phase="Pending"))
    async with discover(api, "endpointslice") as found:
        await found.published.update(1)
        api.put(pod("p", phase="Running", labels={"new": "1"}))
        api.put(slice_of("f"))
        await found.published.update(2)
        assert found.published.sources[1] == ["-endpointslice/default/f"]
        assert events(found, "pod") == (0, 0, 0)


@pytest.mark.parametrize("role", ["endpoints", "endpointslice"])
async def test_a_service_remakes_what_is_its_own(api: KubernetesAPI, role: str) -> None:
    """Discovery 81, K-19, K-22: with its new labels, and without them once it has gone."""
    is_slice = role == "endpointslice"
    for name in ("s", "t"):
        api.put(slice_of(name, "p", of_service=name) if is_slice else of_pods(name, "p"))
    api.put(service("s", labels={"v": "1"}))
    async with discover(api, role) as found:
        await found.published.update(1)
        source = f"{role}/default/s"
        assert labels_of(found, source)[f"{K}service_label_v"] == "1"
        api.put(service("s", labels={"v": "2"}))
        await found.published.update(2)
        assert labels_of(found, source)[f"{K}service_label_v"] == "2"
        api.delete(service("s"))
        await found.published.update(3)
        assert f"{K}service_label_v" not in labels_of(found, source)
        assert found.published.sources[1:] == [[source], [source]]
        assert events(found, "service") == (1, 1, 1)


@pytest.mark.parametrize("role", ["endpoints", "endpointslice"])
async def test_a_node_remakes_the_endpoints_on_it(api: KubernetesAPI, role: str) -> None:
    """K-22: and no others."""
    at = [address("1.1.1.1", node="node-1")]
    item = endpoints("e", "default", subset([endpoint_port(1)], at))
    api.put(slice_of("e", "p") if role == "endpointslice" else item)
    api.put(slice_of("f") if role == "endpointslice" else endpoints("f"))
    async with discover(api, role, attach=AttachMetadata(node=True)) as found:
        await found.published.update(1)
        api.put(node("node-1", AT, labels={"zone": "a"}))
        await found.published.update(2)
        assert found.published.sources[1] == [f"{role}/default/e"]
        (target,) = found.published.groups[f"{role}/default/e"].targets
        assert target[f"{K}node_label_zone"] == "a"


@pytest.mark.parametrize(
    ("role", "item", "source"),
    [
        ("pod", pod("a"), "pod/default/a"),
        ("service", service("a", "default", service_port(80)), "svc/default/a"),
        ("ingress", ingress("a", "default", rule("a", "/")), "ingress/default/a"),
        ("endpoints", of_pods("a", "p"), "endpoints/default/a"),
        ("endpointslice", slice_of("a", "p"), "endpointslice/default/a"),
    ],
    ids=["pod", "service", "ingress", "endpoints", "endpointslice"],
)
async def test_a_namespace_that_is_updated_remakes_what_is_in_it(
    api: KubernetesAPI, role: str, item: JSON, source: str
) -> None:
    """K-22: one that comes or goes remakes nothing."""
    api.put(namespace("default", labels={"team": "x"}))
    api.put(item)
    async with discover(api, role, attach=AttachMetadata(namespace=True)) as found:
        await found.published.update(1)
        assert labels_of(found, source)[f"{K}namespace_label_team"] == "x"
        api.put(namespace("other"))
        api.put(namespace("default", labels={"team": "y"}))
        await found.published.update(2)
        assert labels_of(found, source)[f"{K}namespace_label_team"] == "y"
        assert found.published.sources[1] == [source]
        api.delete(item)
        await found.published.update(3)
        assert found.published.groups == {}
        assert events(found, role) == (1, 0, 1)


async def test_endpoints_over_their_capacity_are_warned_of_once(api: KubernetesAPI) -> None:
    """K-32."""
    labels = {"endpoints.kubernetes.io/over-capacity": "truncated"}
    api.put(endpoints("e", labels=labels))
    async with discover(api, "endpoints") as found:
        await found.published.update(1)
        api.put(endpoints("e", labels={**labels, "a": "b"}))
        await found.published.update(2)
        (warning,) = found.logs.entries
        assert "role endpointslice" in warning["event"]
        assert warning["endpoints"] == "default/e"


@pytest.mark.parametrize(
    ("role", "attach", "watched"),
    [
        ("node", AttachMetadata(node=True, namespace=True), {"nodes": 1}),
        ("pod", AttachMetadata(), {"pods": 2}),
        (
            "pod",
            AttachMetadata(node=True, namespace=True, deployment=True, cronjob=True),
            {"pods": 2, "nodes": 1, "namespaces": 1, "replicasets": 2, "jobs": 2},
        ),
        ("service", AttachMetadata(node=True, deployment=True), {"services": 2}),
        ("ingress", AttachMetadata(namespace=True), {"ingresses": 2, "namespaces": 1}),
        ("endpoints", AttachMetadata(), {"endpoints": 2, "services": 2, "pods": 2}),
        (
            "endpointslice",
            AttachMetadata(node=True, job=True),
            {"endpointslices": 2, "services": 2, "pods": 2, "nodes": 1, "jobs": 2},
        ),
    ],
)
async def test_each_kind_of_object_is_watched_once_in_each_namespace(
    api: KubernetesAPI, role: str, attach: AttachMetadata, watched: Mapping[str, int]
) -> None:
    """Discovery 83, K-3, K-4: what is in no namespace once, and nothing that is not needed."""
    async with discover(api, role, names=("a", "b", "a"), attach=attach) as found:
        await found.published.update(1)
        assert found.published.sources == [[]]
        lists = [one for one in api.asked if one.verb == "list"]
        counted = {one.resource: 0 for one in lists}
        for one in lists:
            counted[one.resource] += 1
            in_none = one.resource in ("nodes", "namespaces")
            assert (one.namespace == "") is in_none
        assert counted == watched


async def test_objects_of_other_namespaces_are_never_seen(api: KubernetesAPI) -> None:
    """Discovery 83, K-3."""
    for name in ("a", "b", "c"):
        api.put(pod("p", name, ip=f"10.0.0.{ord(name)}"))
    async with discover(api, "pod", names=("a", "b")) as found:
        await found.published.update(1)
        assert sorted(found.published.groups) == ["pod/a/p", "pod/b/p"]
        api.put(pod("q", "c"))
        api.put(pod("q", "b"))
        await found.published.update(2)
        assert sorted(found.published.groups) == ["pod/a/p", "pod/b/p", "pod/b/q"]
