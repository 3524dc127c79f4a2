"""The labels of services, each from its field."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.objects import Service
from promscrape.discovery.kubernetes.service import service_group
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import service, service_port
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"


def group_of(item: JSON) -> TargetGroup:
    return service_group(msgspec.convert(item, Service), {f"{K}namespace_label_a": "b"})


def test_each_port_is_a_target() -> None:
    """Discovery 70, K-24."""
    item = service("s", "ns", service_port(80, "http"), service_port(53, protocol="UDP"))
    common = {f"{K}service_type": "ClusterIP", f"{K}service_cluster_ip": "10.96.0.7"}
    assert group_of(item) == TargetGroup(
        (
            {
                "__address__": "s.ns.svc:80",
                f"{K}service_port_name": "http",
                f"{K}service_port_number": "80",
                f"{K}service_port_protocol": "TCP",
                **common,
            },
            {
                "__address__": "s.ns.svc:53",
                f"{K}service_port_name": "",
                f"{K}service_port_number": "53",
                f"{K}service_port_protocol": "UDP",
                **common,
            },
        ),
        {f"{K}namespace": "ns", f"{K}service_name": "s", f"{K}namespace_label_a": "b"},
        "svc/ns/s",
    )


def test_an_external_name_has_no_cluster_ip() -> None:
    """Discovery 70, K-24."""
    spec: JSON = {"type": "ExternalName", "externalName": "a.example"}
    (target,) = group_of(service("s", "ns", service_port(80), spec=spec)).targets
    assert target["__address__"] == "s.ns.svc:80"
    assert target[f"{K}service_external_name"] == "a.example"
    assert f"{K}service_cluster_ip" not in target


INGRESS = [{"ip": "192.168.1.15"}, {"hostname": "lb.example"}, {"ip": "2001:db8::1"}]


@pytest.mark.parametrize(
    ("ingress", "addresses"),
    [(INGRESS, "192.168.1.15,2001:db8::1"), ([{"hostname": "lb.example"}], "9.9.9.9")],
    ids=["given", "asked for"],
)
def test_a_load_balancer_has_its_addresses(ingress: list[JSON], addresses: str) -> None:
    """Discovery 70, K-24: those that it was given, else the one that was asked for."""
    spec: JSON = {"type": "LoadBalancer", "loadBalancerIP": "9.9.9.9"}
    status: JSON = {"loadBalancer": {"ingress": ingress}}
    (target,) = group_of(service("s", "ns", service_port(80), spec=spec, status=status)).targets
    assert target[f"{K}service_loadbalancer_ip"] == addresses
    assert target[f"{K}service_cluster_ip"] == "10.96.0.7"


def test_a_service_without_ports_has_no_targets() -> None:
    """Discovery 71, K-24."""
    assert group_of(service("s", "ns")).targets == ()
