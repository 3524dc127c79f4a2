"""The labels of pods, each from its field."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.objects import Pod
from promscrape.discovery.kubernetes.pod import pod_group
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import container, owner, pod, port
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"


def group_of(item: JSON) -> TargetGroup:
    return pod_group(msgspec.convert(item, Pod), {}, {})


def addresses(group: TargetGroup) -> list[str]:
    return [target["__address__"] for target in group.targets]


def test_every_declared_port_is_a_target_and_so_is_a_container_without() -> None:
    """Discovery 57, K-27: any protocol; a container without ports is its pod's bare address."""
    containers = (container("c0", port(9000, "web"), port(9001, protocol="UDP")), container("c1"))
    group = group_of(pod("p", "ns", *containers, ip="1.2.3.4"))
    common = {f"{K}pod_container_init": "false"}
    c0 = {
        f"{K}pod_container_name": "c0",
        f"{K}pod_container_image": "registry.example/c0:1.2.3",
        f"{K}pod_container_id": "containerd://id-of-c0",
        **common,
    }
    assert group.targets == (
        {
            "__address__": "1.2.3.4:9000",
            f"{K}pod_container_port_name": "web",
            f"{K}pod_container_port_number": "9000",
            f"{K}pod_container_port_protocol": "TCP",
            **c0,
        },
        {
            "__address__": "1.2.3.4:9001",
            f"{K}pod_container_port_name": "",
            f"{K}pod_container_port_number": "9001",
            f"{K}pod_container_port_protocol": "UDP",
            **c0,
        },
        {
            "__address__": "1.2.3.4",
            f"{K}pod_container_name": "c1",
            f"{K}pod_container_image": "registry.example/c1:1.2.3",
            f"{K}pod_container_id": "containerd://id-of-c1",
            **common,
        },
    )


def test_an_ipv6_address_has_brackets_only_before_a_port() -> None:
    """Discovery 58, K-27."""
    containers = (container("c0", port(9000)), container("c1"))
    assert addresses(group_of(pod("p", "ns", *containers, ip="fd00::1"))) == [
        "[fd00::1]:9000",
        "fd00::1",
    ]


def test_a_group_has_the_labels_of_its_pod() -> None:
    """Discovery 3.5, 3.6: all that are always there, and the metadata."""
    group = group_of(
        pod(
            "p",
            "ns",
            ip="1.2.3.4",
            labels={"app": "a"},
            annotations={"prometheus.io/port": "9000"},
        )
    )
    assert group.source == "pod/ns/p"
    assert group.labels == {
        f"{K}namespace": "ns",
        f"{K}pod_ip": "1.2.3.4",
        f"{K}pod_host_ip": "10.0.0.1",
        f"{K}pod_phase": "Running",
        f"{K}pod_ready": "true",
        f"{K}pod_node_name": "node-1",
        f"{K}pod_uid": "uid-of-p",
        f"{K}pod_name": "p",
        f"{K}pod_label_app": "a",
        f"{K}pod_labelpresent_app": "true",
        f"{K}pod_annotation_prometheus_io_port": "9000",
        f"{K}pod_annotationpresent_prometheus_io_port": "true",
    }


def test_a_pod_without_an_address_has_no_targets_and_one_that_starts_has_all() -> None:
    """Discovery 59, K-25: ids are there for the containers that have begun."""
    pending = pod("p", "ns", ip="", node="", phase="Pending", ready=None)
    assert group_of(pending) == TargetGroup((), {}, "pod/ns/p")
    starting = group_of(pod("p", "ns", ip="1.2.3.4", phase="Pending", ready="False"))
    assert addresses(starting) == ["1.2.3.4:9000"]
    assert starting.labels[f"{K}pod_phase"] == "Pending"
    assert starting.labels[f"{K}pod_ready"] == "false"


def test_init_containers_are_targets_and_ephemeral_ones_are_not() -> None:
    """Discovery 60, K-27: after the others, with the id that their own status has."""
    group = group_of(pod("p", "ns", init=[container("setup")], ip="1.2.3.4"))
    assert addresses(group) == ["1.2.3.4:9000", "1.2.3.4"]
    assert group.targets[1] == {
        "__address__": "1.2.3.4",
        f"{K}pod_container_name": "setup",
        f"{K}pod_container_image": "registry.example/setup:1.2.3",
        f"{K}pod_container_id": "containerd://id-of-setup",
        f"{K}pod_container_init": "true",
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Unknown"])
def test_a_completed_pod_stays_a_target(phase: str) -> None:
    """Discovery 61, K-25: for as long as it has its address; rules may drop it by its phase."""
    group = group_of(pod("p", "ns", phase=phase, ready="False"))
    assert len(group.targets) == 1
    assert group.labels[f"{K}pod_phase"] == phase


@pytest.mark.parametrize(
    ("condition", "ready"),
    [(None, "unknown"), ("True", "true"), ("False", "false"), ("Unknown", "unknown")],
)
def test_readiness_is_that_of_the_condition(condition: str | None, ready: str) -> None:
    """Discovery 62."""
    assert group_of(pod("p", ready=condition)).labels[f"{K}pod_ready"] == ready


def test_the_controller_is_the_owner_that_says_so() -> None:
    """Discovery 64: not the first."""
    owners = [owner("Team", "a", controller=None), owner("ReplicaSet", "b"), owner("Other", "c")]
    labels = group_of(pod("p", owners=owners)).labels
    assert labels[f"{K}pod_controller_kind"] == "ReplicaSet"
    assert labels[f"{K}pod_controller_name"] == "b"


def test_a_pod_that_nobody_controls_has_no_such_labels() -> None:
    """Discovery 3.5: they are there only where they are not empty."""
    labels = group_of(pod("p", owners=[owner("Team", "a", controller=False)])).labels
    assert not [name for name in labels if "controller" in name]


def test_a_pod_that_has_not_run_yet_has_no_ids() -> None:
    """Discovery 3.5: the label is there, and empty."""
    item = pod("p")
    del item["status"]["containerStatuses"]  # type: ignore[attr-defined]  # a map
    assert group_of(item).targets[0][f"{K}pod_container_id"] == ""
