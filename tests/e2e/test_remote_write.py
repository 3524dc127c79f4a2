"""The whole way: a real exporter, the daemon, real receivers, and PromQL on what they got."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from promscrape.model.labels import Labels
from promscrape.model.sample import STALE_NAN_BITS
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record import SampleDecoder, decode_series
from promscrape.storage.wal.record_types import RecordType, record_type
from tests.support.peers import Launcher, Program, Scraper, eventually, free_port
from tests.support.wal import bits

Points: TypeAlias = Mapping[frozenset[tuple[str, str]], Mapping[int, float]]
"""By label set: values by timestamp."""

EXTERNAL = {"site": "lab"}


def config_of(target: Program, *urls: str) -> str:
    destinations = "\n".join(
        f"- {{url: '{url}', queue_config: {{batch_send_deadline: 200ms}}}}" for url in urls
    )
    return (
        "global: {scrape_interval: 500ms, scrape_timeout: 500ms, external_labels: {site: lab}}\n"
        "scrape_configs:\n"
        f"- {{job_name: node, static_configs: [{{targets: ['{target.address}']}}]}}\n"
        f"remote_write:\n{destinations}\n"
    )


def logged(data_dir: Path) -> tuple[Points, Points]:
    """Return what the daemon's log holds as a destination is to get it: values, stale markers."""
    labels: dict[int, frozenset[tuple[str, str]]] = {}
    values: dict[frozenset[tuple[str, str]], dict[int, float]] = defaultdict(dict)
    markers: dict[frozenset[tuple[str, str]], dict[int, float]] = defaultdict(dict)
    decoder = SampleDecoder()
    for _, _, framed in read_log(data_dir / "wal"):
        type_ = record_type(framed.record)
        if type_ is RecordType.SERIES:
            for ref, wire in decode_series(framed.record):
                labels[ref] = frozenset({**EXTERNAL, **Labels(wire).to_map()}.items())
        elif type_ is RecordType.SAMPLES:
            columns = decoder.decode(framed.record)
            rows = zip(columns.refs, columns.timestamps_ms(), columns.values(), strict=True)
            for ref, t_ms, value in rows:
                kind = markers if bits(value) == STALE_NAN_BITS else values
                kind[labels[ref]][t_ms] = value
    return values, markers


def in_prometheus(prometheus: Scraper) -> Points:
    return {
        frozenset(series.labels.items()): {
            round(point.t_s * 1000): point.value for point in series.points
        }
        for series in prometheus.raw('{site="lab"}[10m]')
    }


class Exported(msgspec.Struct):
    """A line of VictoriaMetrics's export; a stale marker has no number."""

    metric: dict[str, str]
    values: list[float | None]
    timestamps: list[int]


def in_victoria(victoria: Program) -> tuple[Points, Points]:
    values: dict[frozenset[tuple[str, str]], dict[int, float]] = defaultdict(dict)
    markers: dict[frozenset[tuple[str, str]], dict[int, float]] = defaultdict(dict)
    text = victoria.get("/api/v1/export?match[]=%7Bsite%3D%22lab%22%7D").text
    for line in text.splitlines():
        exported = msgspec.json.decode(line, type=Exported)
        key = frozenset(exported.metric.items())
        for t_ms, value in zip(exported.timestamps, exported.values, strict=True):
            if value is None:
                markers[key][t_ms] = math.nan
            else:
                values[key][t_ms] = value
    return values, markers


def compare(expected: Points, found: Points, same: Callable[[float, float], bool]) -> None:
    assert {key: set(points) for key, points in found.items()} == {
        key: set(points) for key, points in expected.items()
    }
    for key, points in expected.items():
        for t_ms, value in points.items():
            assert same(found[key][t_ms], value), (key, t_ms)


def exactly(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def nearly(a: float, b: float) -> bool:
    """VictoriaMetrics keeps decimal digits: the last bits of a float can differ."""
    return math.isclose(a, b, rel_tol=1e-12) or exactly(a, b)


def run_to_the_end(daemon: Scraper, target: Program) -> None:
    """Scrape a while, let the target go away, and stop."""
    scrape_for_a_while(daemon)
    target.stop()
    eventually(
        lambda: [one.health for one in daemon.targets()] == ["down"],
        what="a scrape that failed",
        within_s=60,
    )
    assert daemon.stop(within_s=60) == 0


def scrape_for_a_while(daemon: Scraper) -> None:
    daemon.wait_up()
    eventually(
        lambda: (
            (daemon.metric("prometheus_agent_samples_appended_total", type="float") or 0) > 3000
        ),
        what="some scrapes",
        within_s=60,
    )


def test_receivers_get_what_was_scraped(launcher: Launcher, node_exporter: Program) -> None:
    """Every sample of a real exporter, stale markers included, on both, value by value."""
    prometheus = launcher.prometheus(flags=("--web.enable-remote-write-receiver",))
    victoria = launcher.victoria_metrics()
    daemon = launcher.promscrape(
        config_of(
            node_exporter,
            f"http://{prometheus.address}/api/v1/write",
            f"http://{victoria.address}/api/v1/write",
        )
    )
    run_to_the_end(daemon, node_exporter)
    values, markers = logged(daemon.data_dir)
    assert sum(map(len, values.values())) > 3000
    assert len(markers) > 400
    compare(values, in_prometheus(prometheus), exactly)
    wait_for_all(victoria, values)
    got, got_markers = in_victoria(victoria)
    nans = {key: p for key, p in values.items() if any(map(math.isnan, p.values()))}
    assert not nans  # an exporter of NaNs would need its own comparison here
    compare(values, got, nearly)
    assert {key: set(points) for key, points in got_markers.items()} == {
        key: set(points) for key, points in markers.items()
    }
    # The marker ends a series at once, where its last sample would be shown for five minutes.
    assert prometheus.query('up{site="lab"}')
    assert prometheus.query('node_memory_MemTotal_bytes{site="lab"}') == []


def wait_for_all(victoria: Program, values: Points) -> None:
    """Wait until VictoriaMetrics shows as much as it was sent."""

    def has_all() -> bool:
        victoria.get("/internal/force_flush")
        return sum(map(len, in_victoria(victoria)[0].values())) >= sum(map(len, values.values()))

    eventually(has_all, what="all samples in VictoriaMetrics", within_s=60)


def test_a_relay_in_between(launcher: Launcher, node_exporter: Program) -> None:
    """Debian's vmagent takes what it is sent and passes it on."""
    victoria = launcher.victoria_metrics()
    relay = launcher.vmagent("", remote_write=f"http://{victoria.address}/api/v1/write")
    daemon = launcher.promscrape(config_of(node_exporter, f"http://{relay.address}/api/v1/write"))
    run_to_the_end(daemon, node_exporter)
    values, _ = logged(daemon.data_dir)

    wait_for_all(victoria, values)
    compare(values, in_victoria(victoria)[0], nearly)


def test_an_outage_of_the_receiver(launcher: Launcher, node_exporter: Program) -> None:
    """The daemon is restarted while the receiver is away, and nothing is missing afterwards."""
    port = free_port()
    config = config_of(node_exporter, f"http://127.0.0.1:{port}/api/v1/write")
    daemon = launcher.promscrape(config)
    scrape_for_a_while(daemon)
    daemon.kill()
    again = launcher.promscrape(config, data_dir=daemon.data_dir)
    prometheus = launcher.prometheus(flags=("--web.enable-remote-write-receiver",), port=port)
    eventually(
        lambda: prometheus.query('up{site="lab"}'), what="samples at the receiver", within_s=60
    )
    run_to_the_end(again, node_exporter)
    compare(logged(daemon.data_dir)[0], in_prometheus(prometheus), exactly)
