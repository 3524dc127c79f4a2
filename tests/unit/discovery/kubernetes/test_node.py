"""The labels of nodes, each from its field."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.node import node_group
from promscrape.discovery.kubernetes.objects import Node
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import node
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"


def group_of(item: JSON) -> TargetGroup | None:
    return node_group(msgspec.convert(item, Node))


def test_a_node_is_its_kubelet() -> None:
    """Discovery 68, K-23."""
    item = node(
        "n",
        ("Hostname", "n.example"),
        ("InternalIP", "10.0.0.1"),
        ("InternalIP", "fd00::1"),
        labels={"zone": "a"},
    )
    assert group_of(item) == TargetGroup(
        (
            {
                "__address__": "10.0.0.1:10250",
                "instance": "n",
                f"{K}node_address_Hostname": "n.example",
                f"{K}node_address_InternalIP": "10.0.0.1",
            },
        ),
        {
            f"{K}node_provider_id": "aws:///eu/n",
            f"{K}node_condition_memorypressure": "false",
            f"{K}node_condition_ready": "true",
            f"{K}node_name": "n",
            f"{K}node_label_zone": "a",
            f"{K}node_labelpresent_zone": "true",
        },
        "node/n",
    )


ORDER = ["InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname"]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_kind_of_address_has_an_order(first: int) -> None:
    """Discovery 69, K-23, Appendix A: also the two kinds that the reference does not document."""
    addresses = [(kind, f"{kind.lower()}.example") for kind in reversed(ORDER[first:])]
    group = group_of(node("n", *addresses))
    assert group is not None
    assert group.targets[0]["__address__"] == f"{ORDER[first].lower()}.example:10250"


def test_a_node_without_a_usable_address_has_no_group() -> None:
    """Discovery 69, K-23: not an empty one, either."""
    assert group_of(node("n", ("Other", "a.example"))) is None


def test_a_node_without_a_kubelet_has_port_0() -> None:
    """K-23."""
    item = node("n", ("InternalIP", "fd00::1"))
    del item["status"]["daemonEndpoints"]  # type: ignore[attr-defined]  # a map
    group = group_of(item)
    assert group is not None
    assert group.targets[0]["__address__"] == "[fd00::1]:0"
