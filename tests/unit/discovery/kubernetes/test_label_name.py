"""The rules for keys and values of Kubernetes labels."""

import pytest

from promscrape.discovery.kubernetes.label_name import key_faults, value_faults


@pytest.mark.parametrize("key", ["a", "A.b-c_d", "a" * 63, "example.com/a", f"{'a' * 63}.b/c"])
def test_a_label_key_of_kubernetes_passes(key: str) -> None:
    """K-2: a name of up to 63 bytes, with or without a DNS subdomain in front."""
    assert key_faults(key) == []


@pytest.mark.parametrize(
    ("key", "beginnings"),
    [
        ("", ["name part must be non-empty", "name part must consist of"]),
        ("a" * 64, ["name part must be no more than 63 bytes"]),
        ("/a", ["prefix part must be non-empty"]),
        ("A/a", ["prefix part a lowercase RFC 1123 subdomain must"]),
        (f"{'a' * 254}/a", ["prefix part must be no more than 253 bytes"]),
        ("a/", ["name part must be non-empty", "name part must consist of"]),
        ("a/b/c", ["a valid label key must consist of"]),
        ("ä", ["name part must consist of"]),
    ],
)
def test_each_rule_that_a_key_breaks_is_told(key: str, beginnings: list[str]) -> None:
    """K-2: in the order in which Kubernetes has them."""
    faults = key_faults(key)
    assert len(faults) == len(beginnings)
    assert all(map(str.startswith, faults, beginnings))


@pytest.mark.parametrize(
    ("value", "count"), [("", 0), ("a" * 63, 0), ("a" * 64, 1), ("-", 1), ("-" * 64, 2)]
)
def test_a_value_is_a_name_or_empty(value: str, count: int) -> None:
    """K-2: of up to 63 bytes."""
    assert len(value_faults(value)) == count
