"""The labels of endpoint slices, each from its field, with those of service, pod and node."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.attached import Attached
from promscrape.discovery.kubernetes.endpointslice import slice_group
from promscrape.discovery.kubernetes.objects import EndpointSlice, Labeled, Pod, Service
from promscrape.discovery.kubernetes.store import Store
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import (
    container,
    endpoint_slice,
    node,
    pod,
    pod_ref,
    port,
    service,
)
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"
WEB: JSON = {"name": "web", "protocol": "TCP", "port": 9000}


def group_of(
    item: JSON, *pods: JSON, of: JSON | None = None, attached: Attached | None = None
) -> TargetGroup:
    store = Store[Pod]()
    for one in pods:
        store.put(msgspec.convert(one, Pod))
    service = None if of is None else msgspec.convert(of, Service)
    return slice_group(msgspec.convert(item, EndpointSlice), service, store, attached or Attached())


def test_each_endpoint_port_and_address_is_a_target() -> None:
    """K-33: with all that is said of it."""
    full: JSON = {
        "addresses": ["1.1.1.1", "1.1.1.2"],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "hostname": "h",
        "nodeName": "n",
        "zone": "z",
        "targetRef": pod_ref("p", "ns"),
        "deprecatedTopology": {"topology/zone": "t"},
    }
    named = {**WEB, "appProtocol": "http"}
    item = endpoint_slice("e", "ns", full, ports=[named], labels={"a": "b"})
    group = group_of(item)
    assert group.source == "endpointslice/ns/e"
    assert group.labels == {
        f"{K}namespace": "ns",
        f"{K}endpointslice_address_type": "IPv4",
        f"{K}endpointslice_name": "e",
        f"{K}endpointslice_label_a": "b",
        f"{K}endpointslice_labelpresent_a": "true",
    }
    labels = {
        f"{K}endpointslice_port_name": "web",
        f"{K}endpointslice_port_protocol": "TCP",
        f"{K}endpointslice_port": "9000",
        f"{K}endpointslice_port_app_protocol": "http",
        f"{K}endpointslice_endpoint_conditions_ready": "true",
        f"{K}endpointslice_endpoint_conditions_serving": "true",
        f"{K}endpointslice_endpoint_conditions_terminating": "false",
        f"{K}endpointslice_endpoint_hostname": "h",
        f"{K}endpointslice_endpoint_node_name": "n",
        f"{K}endpointslice_endpoint_zone": "z",
        f"{K}endpointslice_address_target_kind": "Pod",
        f"{K}endpointslice_address_target_name": "p",
        f"{K}endpointslice_endpoint_topology_topology_zone": "t",
        f"{K}endpointslice_endpoint_topology_present_topology_zone": "true",
    }
    assert group.targets == (
        {"__address__": "1.1.1.1:9000", **labels},
        {"__address__": "1.1.1.2:9000", **labels},
    )


def test_what_is_not_said_is_no_label() -> None:
    """Discovery 79, K-33: a port without a number is the bare address."""
    item = endpoint_slice("e", "ns", {"addresses": ["fd00::1"], "conditions": {}}, ports=[{}])
    assert group_of(item).targets == ({"__address__": "fd00::1"},)


def test_a_slice_without_ports_or_endpoints_has_no_targets() -> None:
    """K-33: servers write null for either."""
    assert group_of(endpoint_slice("e", "ns", {"addresses": ["1.1.1.1"]}, ports=None)).targets == ()
    assert group_of(endpoint_slice("e", "ns", ports=[WEB])).targets == ()


def test_the_service_adds_its_labels() -> None:
    """Discovery 3.5: the one that the slice's own label names."""
    item = endpoint_slice("s-abc", "ns", of_service="s")
    labels = group_of(item, of=service("s", "ns", labels={"team": "x"})).labels
    assert labels[f"{K}service_name"] == "s"
    assert labels[f"{K}service_label_team"] == "x"
    assert labels[f"{K}endpointslice_label_kubernetes_io_service_name"] == "s"


def test_a_pod_behind_an_address_adds_its_labels_and_its_other_ports() -> None:
    """Discovery 75, K-29, K-30, K-33: the protocol is the one that the container declares."""
    containers = (container("c1", port(9000, protocol="UDP")), container("c2", port(9001)))
    behind = pod("p", "ns", *containers, ip="1.2.3.4")
    item = endpoint_slice(
        "e", "ns", {"addresses": ["4.3.2.1"], "targetRef": pod_ref("p", "ns")}, ports=[WEB]
    )
    first, second = group_of(item, behind).targets
    assert first["__address__"] == "4.3.2.1:9000"
    assert first[f"{K}endpointslice_port_protocol"] == "TCP"
    assert first[f"{K}pod_container_port_protocol"] == "UDP"
    assert first[f"{K}pod_container_name"] == "c1"
    assert second["__address__"] == "1.2.3.4:9001"
    assert second[f"{K}pod_container_name"] == "c2"
    assert not [name for name in second if "endpointslice" in name or name.endswith("_id")]


@pytest.mark.parametrize(
    ("policy", "families", "has_ipv6"),
    [
        ("PreferDualStack", ["IPv4", "IPv6"], False),
        ("RequireDualStack", ["IPv6", "IPv4"], True),
        ("SingleStack", ["IPv4"], True),
        ("PreferDualStack", [], True),
    ],
)
def test_of_two_families_the_services_first_is_taken(
    policy: str, families: list[str], *, has_ipv6: bool
) -> None:
    """Discovery 80, K-34: else each pod would be scraped twice."""
    of = service("s", "ns", spec={"ipFamilyPolicy": policy, "ipFamilies": families})
    item = endpoint_slice(
        "e", "ns", {"addresses": ["fd00::1"]}, ports=[WEB], address_type="IPv6", of_service="s"
    )
    group = group_of(item, of=of)
    assert bool(group.targets) is has_ipv6
    assert group.labels[f"{K}endpointslice_address_type"] == "IPv6"
    assert group_of(item).targets, "a service that is not known hides nothing"


def test_the_node_of_an_endpoint_adds_its_labels() -> None:
    """Discovery 78: the one that it is itself first, unlike in the role endpoints."""
    store = Store[Labeled]()
    for name in ("n", "m"):
        store.put(msgspec.convert(node(name, labels={"zone": name}), Labeled))
    for endpoint, zone in (
        ({"targetRef": {"kind": "Node", "name": "n"}}, "n"),
        ({"targetRef": {"kind": "Node", "name": "n"}, "nodeName": "m"}, "n"),
        ({"nodeName": "m"}, "m"),
    ):
        item = endpoint_slice("e", "ns", {"addresses": ["1.1.1.1"], **endpoint}, ports=[WEB])
        (target,) = group_of(item, attached=Attached(nodes=store)).targets
        assert target[f"{K}node_label_zone"] == zone
