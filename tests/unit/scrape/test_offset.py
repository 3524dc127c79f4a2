"""The place of a target in its interval, by Prometheus's own numbers."""

import socket

import pytest

from promscrape.model.labels import EMPTY_LABELS, Labels
from promscrape.scrape.offset import (
    first_scrape_delay_ns,
    fnv1a_64,
    fqdn,
    offset_seed,
    target_hash,
)

SEED = 3610155734960973322
HASH = 5981595625574653762
SECOND = 1_000_000_000


def test_the_seed_is_prometheus_s() -> None:
    """M23, TC119: host name and external labels, as one text."""
    labels = Labels.from_map({"replica": "1", "cluster": "a"})
    assert offset_seed("host.example.com", labels) == SEED


def test_without_external_labels_the_seed_hashes_empty_braces() -> None:
    """M23: no labels print as `{}`."""
    assert offset_seed("h", EMPTY_LABELS) == fnv1a_64(b"h{}")


def test_the_hash_of_a_target_is_prometheus_s() -> None:
    """T16, TC119: all labels, internal ones included, and the URL."""
    labels = Labels.from_map(
        {
            "__address__": "localhost:9090",
            "__metrics_path__": "/metrics",
            "__scheme__": "http",
            "__scrape_interval__": "15s",
            "__scrape_timeout__": "10s",
            "instance": "localhost:9090",
            "job": "prometheus",
        }
    )
    assert target_hash(labels, "http://localhost:9090/metrics") == HASH


def test_a_long_label_is_hashed_by_its_long_form() -> None:
    """T16: from 255 bytes on the length takes four bytes, so neighbors still differ."""
    hashes = {target_hash([("a", "x" * size)], "u") for size in (253, 254, 255, 256, 70_000)}
    assert len(hashes) == 5


def test_the_first_delay_is_prometheus_s() -> None:
    """T18, TC119: at 1700000003.5 s, an interval of 15 s."""
    delay = first_scrape_delay_ns(1_700_000_003_500_000_000, 15 * SECOND, HASH, SEED)
    assert delay == 4_225_182_280


@pytest.mark.parametrize("now_ns", [0, 1, 15 * SECOND - 1, 1_700_000_003_500_000_000])
def test_the_first_scrape_lands_on_the_same_place_in_the_interval(now_ns: int) -> None:
    """T18: whenever the process starts, within one interval and never at once twice."""
    interval = 15 * SECOND
    delay = first_scrape_delay_ns(now_ns, interval, HASH, SEED)
    assert 0 < delay <= interval
    assert (now_ns + delay) % interval == (HASH ^ SEED) % interval


def test_the_full_name_is_the_first_that_an_address_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """M24: an address without a name is passed over."""
    addresses = [(0, 0, 0, "", ("10.0.0.1", 0)), (0, 0, 0, "", ("10.0.0.2", 0))]

    def reverse(address: str) -> tuple[str, list[str], list[str]]:
        if address == "10.0.0.1":
            raise OSError
        return "node.example.com.", [], []

    monkeypatch.setattr(socket, "gethostname", lambda: "node")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(socket, "gethostbyaddr", reverse)
    assert fqdn() == "node.example.com."


def test_a_host_that_nobody_resolves_has_its_plain_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """M24: the resolver's failure is no failure of the start."""

    def refuse(*_: object, **__: object) -> list[object]:
        raise socket.gaierror

    monkeypatch.setattr(socket, "gethostname", lambda: "node")
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert fqdn() == "node"
