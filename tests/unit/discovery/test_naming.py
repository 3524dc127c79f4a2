"""The names and values of discovered labels."""

import pytest

from promscrape.discovery.naming import flag, host_port, labels_of, sanitized, wrapped


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("foo.bar/baz-1", "foo_bar_baz_1"),
        ("1a", "1a"),
        ("__a..b", "__a__b"),
        ("Größe", "Gr__e"),
        ("", ""),
        ("a\nb ", "a_b_"),
    ],
)
def test_a_name_keeps_its_length(name: str, label: str) -> None:
    """Discovery, reading rules: nothing is collapsed, lower-cased or trimmed."""
    assert sanitized(name) == label


def test_of_keys_with_one_name_the_last_wins() -> None:
    """Discovery, reading rules: whatever their order, so that targets do not flap."""
    pairs = {"a.b": "1", "a-b": "2", "c": "3"}
    expected = {"__meta_x_a_b": "1", "__meta_x_c": "3"}
    assert labels_of("__meta_x_", pairs) == expected
    assert labels_of("__meta_x_", dict(reversed(pairs.items()))) == expected


def test_an_ipv6_address_gets_brackets() -> None:
    """Discovery, reading rules: hp(h, p)."""
    assert host_port("a.example", 80) == "a.example:80"
    assert host_port("::1", 80) == "[::1]:80"
    assert host_port("", "x") == ":x"


def test_values_are_wrapped_in_their_separator() -> None:
    """Discovery, reading rules: none at all leave the two around them."""
    assert wrapped(",", ["a", "b"]) == ",a,b,"
    assert wrapped("--", ["a"]) == "--a--"
    assert wrapped(",", []) == ",,"


def test_booleans_are_written_as_in_json() -> None:
    """Discovery, reading rules."""
    assert (flag(True), flag(False)) == ("true", "false")
