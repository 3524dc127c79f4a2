"""A real exporter by both versions of the protocol, before a receiver that checks every demand."""

from collections.abc import Iterator

import pytest

from tests.support.background import Background
from tests.support.peers import Launcher, Program, eventually
from tests.support.remote_write.launch import V2
from tests.support.remote_write.message import STALE_BITS
from tests.support.remote_write.receiver import Receiver

REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}


@pytest.fixture
def servers() -> Iterator[Background]:
    with Background() as servers:
        yield servers


def config(target: str, first: str, second: str) -> str:
    quick = "  queue_config: {batch_send_deadline: 200ms}"
    return f"""\
global: {{scrape_interval: 500ms, external_labels: {{site: here}}}}
remote_write:
- url: {first}
{quick}
- url: {second}
{quick}
  protobuf_message: {V2}
scrape_configs:
- job_name: node
  static_configs: [{{targets: ['{target}']}}]
"""


def scrapes_of(receiver: Receiver) -> int:
    ups = [taken for labels, taken in receiver.series.items() if ("__name__", "up") in labels]
    return len(ups[0]) if ups else 0


def are_stale(receiver: Receiver) -> bool:
    """Whether all series but the report's have ended with a stale marker."""
    own = [taken for labels, taken in receiver.series.items() if name_of(labels) not in REPORT]
    return len(own) > 300 and all(taken[-1].bits == STALE_BITS for taken in own)


def name_of(labels: tuple[tuple[str, str], ...]) -> str:
    return dict(labels)["__name__"]


def test_both_versions_carry_the_same_to_the_last_bit(
    launcher: Launcher, servers: Background, node_exporter: Program
) -> None:
    """Remote write 4.5, T6: stale markers too, through scrape, log, queue and encoder.

    The receivers decode with the protobuf library, and check labels, symbols, order and headers.
    """
    first = servers.enter(Receiver(says_written=False))
    second = servers.enter(Receiver())
    daemon = launcher.promscrape(config(node_exporter.address, first.url, second.url))
    eventually(lambda: scrapes_of(first) >= 5, what="scrapes", within_s=30)
    node_exporter.stop()
    for receiver in (first, second):
        eventually(lambda receiver=receiver: are_stale(receiver), what="stale markers")  # type: ignore[misc]  # bound early
    assert daemon.stop() == 0
    assert (first.faults, second.faults) == ([], [])
    assert (first.disorder(), second.disorder()) == ([], [])
    assert {message.version for message in first.messages} == {1}
    assert {message.version for message in second.messages} == {2}
    assert samples_of(first) == samples_of(second)


def samples_of(receiver: Receiver) -> dict[frozenset[tuple[str, str]], list[tuple[int, int]]]:
    return {
        frozenset(labels): [(sample.t_ms, sample.bits) for sample in samples]
        for labels, samples in receiver.series.items()
    }
