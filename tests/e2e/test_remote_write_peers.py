"""A real exporter's samples in real receivers, value by value, beside what the daemon sent.

What was sent is what a receiver of the tests took at the same time. Issue 5.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import pytest

from tests.support.background import Background
from tests.support.peers import Launcher, Program, Scraper, eventually
from tests.support.remote_write.launch import V2
from tests.support.remote_write.message import STALE_BITS, WireSample, bits_of
from tests.support.remote_write.receiver import Receiver

REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}

# VictoriaMetrics keeps numbers as decimals of fifteen digits or so.
DECIMAL_LOSS = 1e-12

Samples = Mapping[frozenset[tuple[str, str]], Sequence[tuple[int, int]]]
"""Series by their labels: times in milliseconds, and the bits of the values."""


def config(targets: Sequence[str], urls: Sequence[str], v2_url: str) -> str:
    lines = ["global: {scrape_interval: 500ms, external_labels: {site: here}}", "remote_write:"]
    quick = "  queue_config: {batch_send_deadline: 200ms}"
    for url in urls:
        lines += [f"- url: {url}", quick]
    lines += [f"- url: {v2_url}", quick, f"  protobuf_message: {V2}"]
    lines += ["scrape_configs:", "- job_name: node", "  static_configs:"]
    lines += [f"  - targets: ['{target}']" for target in targets]
    return "\n".join([*lines, ""])


@pytest.fixture
def servers() -> Iterator[Background]:
    with Background() as servers:
        yield servers


def of_receiver(receiver: Receiver) -> Samples:
    """Return what was sent; stale markers and NaN apart, which no query shows."""
    return {
        frozenset(labels): [
            (sample.t_ms, sample.bits) for sample in samples if sample.value == sample.value
        ]
        for labels, samples in receiver.series.items()
    }


def of_prometheus(peer: Scraper) -> Samples:
    return {
        frozenset(series.labels.items()): [
            (round(point.t_s * 1000), bits_of(point.value))
            for point in series.points
            if point.value == point.value
        ]
        for series in peer.raw('{job="node"}[10m]')
    }


class _Exported(msgspec.Struct):
    metric: dict[str, str]
    values: list[float | str | None]
    timestamps: list[int]


def of_victoria_metrics(peer: Program) -> Samples:
    found: dict[frozenset[tuple[str, str]], list[tuple[int, int]]] = {}
    text = peer.get('/api/v1/export?match[]={job="node"}').text
    for line in text.splitlines():
        block = msgspec.json.decode(line, type=_Exported)
        points = [
            (t_ms, bits_of(float(value)))
            for t_ms, value in zip(block.timestamps, block.values, strict=True)
            if value is not None and float(value) == float(value)
        ]
        found.setdefault(frozenset(block.metric.items()), []).extend(points)
    return {labels: sorted(points) for labels, points in found.items()}


def differences(sent: Samples, kept: Samples, *, loss: float = 0.0) -> list[str]:
    """Say what is not the same. loss: by how much a value may be off, as a share of it."""
    found = [f"only one side has {dict(labels)}" for labels in sent.keys() ^ kept.keys()]
    both = sent.keys() & kept.keys()
    unlike = [labels for labels in both if not are_alike(sent[labels], kept[labels], loss)]
    return found + [f"{dict(labels)}: {sent[labels]} and {kept[labels]}" for labels in unlike]


def are_alike(
    sent: Sequence[tuple[int, int]], kept: Sequence[tuple[int, int]], loss: float
) -> bool:
    if not loss:
        return list(sent) == list(kept)
    return [t_ms for t_ms, _ in sent] == [t_ms for t_ms, _ in kept] and all(
        math.isclose(value_of(one), value_of(other), rel_tol=loss)
        for (_, one), (_, other) in zip(sent, kept, strict=True)
    )


def value_of(bits: int) -> float:
    return WireSample(0, bits).value


def test_real_receivers_have_every_sample_of_a_real_exporter(
    launcher: Launcher, servers: Background, node_exporter: Program
) -> None:
    """Prometheus, VictoriaMetrics, and VictoriaMetrics behind vmagent; both versions sent."""
    prometheus = launcher.prometheus(flags=["--web.enable-remote-write-receiver"])
    victoria, behind = launcher.victoria_metrics(), launcher.victoria_metrics()
    relay = launcher.vmagent(
        "scrape_configs: []\n", remote_write=f"http://{behind.address}/api/v1/write"
    )
    first = servers.enter(Receiver(says_written=False))
    second = servers.enter(Receiver())
    peers = (prometheus, victoria, relay)
    urls = [*(f"http://{peer.address}/api/v1/write" for peer in peers), first.url]
    daemon = launcher.promscrape(config([node_exporter.address], urls, second.url))
    eventually(lambda: len(taken_of(first, "up")) >= 6, what="scrapes", within_s=30)
    assert daemon.stop() == 0
    assert (first.faults, second.faults) == ([], [])
    assert (first.disorder(), second.disorder()) == ([], [])
    sent = of_receiver(first)
    assert len(sent) > 300
    assert differences(sent, of_receiver(second)) == []
    assert differences(sent, of_prometheus(prometheus)) == []
    for peer in (victoria, behind):
        eventually(
            lambda peer=peer: not differences(sent, of_victoria_metrics(peer), loss=DECIMAL_LOSS),  # type: ignore[misc]  # bound early
            what=f"every sample in {peer}",
        )


def taken_of(receiver: Receiver, name: str) -> list[int]:
    found = [
        [sample.t_ms for sample in samples]
        for labels, samples in receiver.series.items()
        if ("__name__", name) in labels
    ]
    return found[0] if found else []


def test_stale_markers_end_the_series_of_a_target_that_is_gone(
    launcher: Launcher, servers: Background, node_exporter: Program
) -> None:
    """Remote write 4.5, T6: through scrape, log, queue and encoder, to a peer that heeds them."""
    prometheus = launcher.prometheus(flags=["--web.enable-remote-write-receiver"])
    first = servers.enter(Receiver(says_written=False))
    second = servers.enter(Receiver())
    urls = [f"http://{prometheus.address}/api/v1/write", first.url]
    daemon = launcher.promscrape(config([node_exporter.address], urls, second.url))
    eventually(lambda: len(taken_of(first, "up")) >= 3, what="scrapes", within_s=30)
    node_exporter.stop()

    def are_stale(receiver: Receiver) -> bool:
        own = [
            samples
            for labels, samples in receiver.series.items()
            if dict(labels)["__name__"] not in REPORT
        ]
        return len(own) > 300 and all(samples[-1].bits == STALE_BITS for samples in own)

    for receiver in (first, second):
        eventually(lambda receiver=receiver: are_stale(receiver), what="stale markers")  # type: ignore[misc]  # bound early
        assert receiver.faults == []
    eventually(
        lambda: {one.labels["__name__"] for one in prometheus.query('{job="node"}')} == REPORT,
        what="the exporter's series to be gone from Prometheus",
    )
    assert daemon.stop() == 0
