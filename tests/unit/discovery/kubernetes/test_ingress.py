"""The labels of ingresses, each from its field."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.ingress import ingress_group
from promscrape.discovery.kubernetes.objects import Ingress
from promscrape.discovery.target_group import TargetGroup
from tests.support.kubernetes_objects import ingress, rule
from tests.support.kubernetes_selector import JSON

K = "__meta_kubernetes_"


def group_of(item: JSON) -> TargetGroup:
    return ingress_group(msgspec.convert(item, Ingress), {})


def test_each_path_of_a_rule_is_a_target() -> None:
    """Discovery 82, K-35: two paths, an empty list of them, an empty path, no http block."""
    rules = [rule("a.example", "/", "/foo"), rule("b.example"), rule("c.example", "")]
    item = ingress("i", "ns", *rules, {"host": "d.example"}, ingress_class="nginx")
    group = group_of(item)
    assert group.labels == {
        f"{K}namespace": "ns",
        f"{K}ingress_name": "i",
        f"{K}ingress_class_name": "nginx",
    }
    assert [
        (target["__address__"], target[f"{K}ingress_host"], target[f"{K}ingress_path"])
        for target in group.targets
    ] == [
        ("a.example", "a.example", "/"),
        ("a.example", "a.example", "/foo"),
        ("c.example", "c.example", "/"),
        ("d.example", "d.example", "/"),
    ]
    assert group.source == "ingress/ns/i"


@pytest.mark.parametrize(
    ("host", "scheme"),
    [
        ("test.example.com", "https"),
        ("example.com", "http"),
        ("a.b.example.com", "http"),
        ("exact.org", "https"),
        ("a.exact.org", "http"),
        ("", "http"),
    ],
)
def test_a_host_is_secure_where_a_certificate_covers_it(host: str, scheme: str) -> None:
    """Discovery 82, K-36: a star stands for one part of the name."""
    group = group_of(ingress("i", "ns", rule(host, "/"), tls=["*.example.com", "exact.org"]))
    assert group.targets == (
        {
            "__address__": host,
            f"{K}ingress_scheme": scheme,
            f"{K}ingress_host": host,
            f"{K}ingress_path": "/",
        },
    )


def test_a_default_backend_alone_is_no_target() -> None:
    """K-35: and no class is no label."""
    item = ingress("i", "ns")
    item["spec"] = {"defaultBackend": {"service": {"name": "s"}}}
    assert group_of(item) == TargetGroup(
        (), {f"{K}namespace": "ns", f"{K}ingress_name": "i"}, "ingress/ns/i"
    )
