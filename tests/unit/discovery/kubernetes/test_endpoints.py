"""The labels of endpoints, each from its field, with those of service, pod and node."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.endpoints import endpoints_group, is_over_capacity
from promscrape.discovery.kubernetes.objects import Endpoints, Labeled, Pod, Service
from promscrape.discovery.kubernetes.store import Store
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import (
    address,
    container,
    endpoint_port,
    endpoints,
    namespace,
    node,
    pod,
    pod_ref,
    port,
    service,
    subset,
)
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"
NODE_REF: JSON = {"kind": "Node", "name": "n"}


def group_of(
    item: JSON, *pods: JSON, of: JSON | None = None, attached: Attached | None = None
) -> TargetGroup:
    store = Store[Pod]()
    for one in pods:
        store.put(msgspec.convert(one, Pod))
    service = None if of is None else msgspec.convert(of, Service)
    return endpoints_group(msgspec.convert(item, Endpoints), service, store, attached or Attached())


def with_nodes(*nodes: JSON) -> Attached:
    store = Store[Labeled]()
    for one in nodes:
        store.put(msgspec.convert(one, Labeled))
    return Attached(nodes=store)


def one_target(target_address: JSON, number: int = 9000) -> JSON:
    return endpoints("e", "ns", subset([endpoint_port(number, "web")], [target_address]))


def test_each_address_and_port_is_a_target() -> None:
    """Discovery 73, K-28: for each port the ready ones, then those that are not."""
    ready = address("1.1.1.1", node="n", hostname="h")
    item = endpoints(
        "e",
        "ns",
        subset(
            [endpoint_port(80, "web"), endpoint_port(53, protocol="UDP")],
            [ready],
            [address("fd00::2")],
        ),
        labels={"a": "b"},
    )
    group = group_of(item)
    assert group.source == "endpoints/ns/e"
    assert group.labels == {
        f"{K}namespace": "ns",
        f"{K}endpoints_name": "e",
        f"{K}endpoints_label_a": "b",
        f"{K}endpoints_labelpresent_a": "true",
    }
    web = {f"{K}endpoint_port_name": "web", f"{K}endpoint_port_protocol": "TCP"}
    dns = {f"{K}endpoint_port_name": "", f"{K}endpoint_port_protocol": "UDP"}
    is_ready = {
        f"{K}endpoint_ready": "true",
        f"{K}endpoint_node_name": "n",
        f"{K}endpoint_hostname": "h",
    }
    not_ready = {f"{K}endpoint_ready": "false"}
    assert group.targets == (
        {"__address__": "1.1.1.1:80", **web, **is_ready},
        {"__address__": "[fd00::2]:80", **web, **not_ready},
        {"__address__": "1.1.1.1:53", **dns, **is_ready},
        {"__address__": "[fd00::2]:53", **dns, **not_ready},
    )


def test_the_service_of_that_name_adds_its_labels() -> None:
    """Discovery 3.5, Appendix A: its metadata, and nothing of its type and ports."""
    of = service("e", "ns", labels={"team": "x"})
    labels = group_of(one_target(address("1.1.1.1")), of=of).labels
    assert labels == {
        f"{K}namespace": "ns",
        f"{K}service_name": "e",
        f"{K}service_label_team": "x",
        f"{K}service_labelpresent_team": "true",
        f"{K}endpoints_name": "e",
    }


def test_a_pod_behind_an_address_adds_its_labels_and_its_other_ports() -> None:
    """Discovery 72, K-28 to K-30: no container id, and no endpoint labels on further targets."""
    behind = pod(
        "p", "ns", container("c1", port(9000, "web")), container("c2", port(9001)), ip="1.2.3.4"
    )
    ref = pod_ref("p", "ns")
    group = group_of(one_target(address("4.3.2.1", ref=ref)), behind)
    pod_part = {
        f"{K}pod_ip": "1.2.3.4",
        f"{K}pod_host_ip": "10.0.0.1",
        f"{K}pod_phase": "Running",
        f"{K}pod_ready": "true",
        f"{K}pod_node_name": "node-1",
        f"{K}pod_uid": "uid-of-p",
        f"{K}pod_name": "p",
        f"{K}pod_container_init": "false",
    }
    assert group.targets == (
        {
            "__address__": "4.3.2.1:9000",
            f"{K}endpoint_port_name": "web",
            f"{K}endpoint_port_protocol": "TCP",
            f"{K}endpoint_ready": "true",
            f"{K}endpoint_address_target_kind": "Pod",
            f"{K}endpoint_address_target_name": "p",
            **pod_part,
            f"{K}pod_container_name": "c1",
            f"{K}pod_container_image": "registry.example/c1:1.2.3",
            f"{K}pod_container_port_name": "web",
            f"{K}pod_container_port_number": "9000",
            f"{K}pod_container_port_protocol": "TCP",
        },
        {
            "__address__": "1.2.3.4:9001",
            **pod_part,
            f"{K}pod_container_name": "c2",
            f"{K}pod_container_image": "registry.example/c2:1.2.3",
            f"{K}pod_container_port_name": "",
            f"{K}pod_container_port_number": "9001",
            f"{K}pod_container_port_protocol": "TCP",
        },
    )


def test_ports_of_several_subsets_are_not_repeated() -> None:
    """K-30: what one of them asks for is no further target of the other."""
    behind = pod("p", "ns", container("c", port(1), port(2), port(3)), ip="1.2.3.4")
    at = address("1.2.3.4", ref=pod_ref("p", "ns"))
    item = endpoints("e", "ns", subset([endpoint_port(1)], [at]), subset([endpoint_port(2)], [at]))
    assert [target["__address__"] for target in group_of(item, behind).targets] == [
        "1.2.3.4:1",
        "1.2.3.4:2",
        "1.2.3.4:3",
    ]


def test_a_pod_without_an_address_has_no_further_targets() -> None:
    """K-30: its address would be empty."""
    behind = pod("p", "ns", container("c", port(1), port(2)), ip="")
    at = address("1.2.3.4", ref=pod_ref("p", "ns"))
    assert len(group_of(one_target(at, 1), behind).targets) == 1


def test_an_init_container_can_serve_a_port() -> None:
    """Discovery 74, K-28: as sidecars do."""
    behind = pod("p", "ns", init=[container("proxy", port(9111))])
    target = group_of(one_target(address("1.1.1.1", ref=pod_ref("p", "ns")), 9111), behind).targets[
        0
    ]
    assert target[f"{K}pod_container_name"] == "proxy"
    assert target[f"{K}pod_container_init"] == "true"


def test_a_port_is_found_by_its_number_alone() -> None:
    """Discovery 75, K-28, K-29: the protocol is the endpoint's."""
    behind = pod("p", "ns", container("c", port(9000, protocol="UDP")))
    target = group_of(one_target(address("1.1.1.1", ref=pod_ref("p", "ns"))), behind).targets[0]
    assert target[f"{K}pod_container_name"] == "c"
    assert target[f"{K}pod_container_port_protocol"] == "TCP"


def test_a_pod_that_is_not_known_hides_nothing() -> None:
    """Discovery 77, K-31: such as one that a selector leaves out."""
    (target,) = group_of(one_target(address("1.1.1.1", ref=pod_ref("p", "ns")))).targets
    assert not [name for name in target if name.startswith(f"{K}pod")]


@pytest.mark.parametrize(
    ("node_name", "labeled"), [(None, "n"), ("m", "m"), ("unknown", "")], ids=str
)
def test_the_node_of_an_address_adds_its_labels(node_name: str | None, labeled: str) -> None:
    """Discovery 78: that of the address first, else the one that it is itself."""
    attached = with_nodes(node("n", labels={"zone": "a"}), node("m", labels={"zone": "b"}))
    item = one_target(address("1.1.1.1", ref=NODE_REF, node=node_name))
    (target,) = group_of(item, attached=attached).targets
    assert target.get(f"{K}node_name", "") == labeled
    assert target.get(f"{K}node_label_zone", "") == {"n": "a", "m": "b", "": ""}[labeled]


def test_the_namespace_adds_its_labels() -> None:
    """Discovery 3.5: OM(namespace), on the group."""
    store = Store[Labeled]()
    store.put(msgspec.convert(namespace("ns", annotations={"a": "b"}), Labeled))
    labels = group_of(endpoints("e", "ns"), attached=Attached(namespaces=store)).labels
    assert labels[f"{K}namespace_annotation_a"] == "b"
    assert f"{K}namespace_name" not in labels


@pytest.mark.parametrize(
    ("value", "is_over"), [("truncated", True), ("warning", True), ("no", False), (None, False)]
)
def test_an_object_that_holds_not_all_addresses_is_known(
    value: str | None, *, is_over: bool
) -> None:
    """K-32."""
    labels = {} if value is None else {"endpoints.kubernetes.io/over-capacity": value}
    item = msgspec.convert(endpoints("e", "ns", labels=labels), Endpoints)
    assert is_over_capacity(item) is is_over
