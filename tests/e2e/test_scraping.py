"""The installed daemon scrapes real programs; Debian's Prometheus reads what it wrote."""

import math
import shutil
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.peers import Launcher, Sample, Scraper, Series, eventually
from tests.support.recorder import Recorder

REPORT = {
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
}
NUMERIC = ("le", "quantile")
SeriesKey = frozenset[tuple[str, str]]


def config_of(**targets: str) -> str:
    jobs = "".join(
        f"- {{job_name: {job}, static_configs: [{{targets: ['{address}']}}]}}\n"
        for job, address in targets.items()
    )
    return f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{jobs}"


def read_by_prometheus(launcher: Launcher, data_dir: Path) -> Scraper:
    """Start Debian's Prometheus on a copy of a data directory."""
    copy = data_dir.with_name("copy")
    shutil.copytree(data_dir, copy)
    return launcher.prometheus(data_dir=copy)


def exposed(body: bytes, labels: Mapping[str, str]) -> dict[SeriesKey, float]:
    """Return the series of a body as another parser reads them, with the target's labels."""
    found: dict[SeriesKey, float] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            own = {"__name__": sample.name, **sample.labels, **labels}
            for name in NUMERIC:
                if name in own and own[name] not in ("+Inf", "-Inf", "NaN"):
                    own[name] = repr(float(own[name]))
            found[key_of(own)] = sample.value
    return found


def key_of(labels: Mapping[str, str]) -> SeriesKey:
    """Return a label set in which equal bounds are equal, however they print."""
    return frozenset(
        (name, repr(float(value)) if name in NUMERIC and value[-1].isdigit() else value)
        for name, value in labels.items()
        if value
    )


def stored(series: list[Series], index: int) -> dict[SeriesKey, float]:
    """Return the values that the `index`-th scrape left."""
    times = sorted({point.t_s for one in series for point in one.points})
    return {
        key_of(one.labels): point.value
        for one in series
        for point in one.points
        if point.t_s == times[index]
    }


def same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def wait_for_scrapes(scraper: Scraper, count: int) -> None:
    """Return once every target was scraped this often since the call began, at the least."""
    seen: dict[str, set[str]] = {}

    def enough() -> bool:
        for target in scraper.targets():
            seen.setdefault(target.scrape_url, set()).add(target.last_scrape)
        return all(len(scrapes) > count for scrapes in seen.values())

    eventually(enough, what=f"{count} scrapes of each target of {scraper}", within_s=30)


def test_every_value_of_three_scrapes_is_in_the_log(launcher: Launcher) -> None:
    """The log is Prometheus's own: names, labels and values as the exporter gave them."""
    node = launcher.node_exporter()
    with Recorder(node.address) as recorder:
        daemon = launcher.promscrape(config_of(node=recorder.address))
        eventually(lambda: len(recorder.bodies) >= 4, what="four scrapes")
        assert daemon.stop() == 0
        bodies = list(recorder.bodies)
    prometheus = read_by_prometheus(launcher, daemon.data_dir)
    labels = {"job": "node", "instance": recorder.address}
    (count,) = prometheus.query('count(last_over_time({job="node"}[10m]))')
    expected = [exposed(body, labels) for body in bodies]
    every = set().union(*expected)
    assert count.value == len(every) + len(REPORT)
    raw = prometheus.raw('{job="node"}[10m]')
    for index in range(3):
        found = {
            key: value
            for key, value in stored(raw, index).items()
            if dict(key)["__name__"] not in REPORT
        }
        assert found.keys() == expected[index].keys()
        differing = {
            key: (found[key], value)
            for key, value in expected[index].items()
            if not same(found[key], value)
        }
        assert differing == {}


def test_several_kinds_of_programs_are_up(launcher: Launcher) -> None:
    """Prometheus's and Alertmanager's own metrics, HAProxy's exporter, and the daemon's own."""
    peers = {
        "alertmanager": launcher.alertmanager().address,
        "haproxy": launcher.haproxy().address,
        "prometheus": launcher.prometheus().address,
    }
    daemon = launcher.promscrape(config_of(**peers))
    daemon.wait_up()
    eventually(lambda: len(daemon.targets()) == 3, what="three targets")
    assert {target.scrape_pool for target in daemon.targets()} == set(peers)
    assert daemon.stop() == 0
    prometheus = read_by_prometheus(launcher, daemon.data_dir)
    up = prometheus.query("last_over_time(up[10m])")
    assert {(one.labels["job"], one.value) for one in up} == {(job, 1.0) for job in peers}


def test_a_target_that_goes_away_is_marked_stale(launcher: Launcher) -> None:
    """TC151: `up` is 0 and the series end, in Prometheus's own reading of the log."""
    node = launcher.node_exporter()
    daemon = launcher.promscrape(config_of(node=node.address))
    daemon.wait_up()
    node.kill()
    eventually(
        lambda: [target.health for target in daemon.targets()] == ["down"], what="the target down"
    )
    (target,) = daemon.targets()
    assert target.last_error.endswith("connect: connection refused")
    assert daemon.stop() == 0
    prometheus = read_by_prometheus(launcher, daemon.data_dir)

    def now(expression: str) -> list[Sample]:
        last = max(point.t_s for one in prometheus.raw("up[10m]") for point in one.points)
        return prometheus.query(expression, time=str(last))

    assert [one.value for one in now("up")] == [0.0]
    assert now('{__name__=~"node_.*"}') == []


def test_the_same_configuration_gives_the_same_series_as_prometheus(launcher: Launcher) -> None:
    """Drop-in: both scrape the same programs by the same file.

    What differs between Prometheus 2.42 and 3.x in the bounds of text bodies (`le="1"` against
    `le="1.0"`) is brought to one form here. Nothing else may differ.
    """
    peers = {
        "node": launcher.node_exporter().address,
        "alertmanager": launcher.alertmanager().address,
        "haproxy": launcher.haproxy().address,
    }
    config = config_of(**peers)
    theirs, ours = launcher.prometheus(config), launcher.promscrape(config)
    for scraper in (theirs, ours):
        eventually(lambda s=scraper: len(s.targets()) == 3, what="three targets")  # type: ignore[misc]  # bound early
        scraper.wait_up()
    # An exporter counts the first request for its metrics only in its later answers.
    for scraper in (theirs, ours):
        wait_for_scrapes(scraper, 3)
    selector = '{job=~".+"}'
    assert ours.stop() == 0
    reader = read_by_prometheus(launcher, ours.data_dir)
    found = {key_of(one.labels) for one in reader.raw(f"{selector}[10m]")}
    expected = {key_of(one.labels) for one in theirs.raw(f"{selector}[10m]")}
    # What an exporter says for the first time while only one of the two is looking.
    volatile = {"node_cooling_device", "node_network_", "node_nf_", "node_hwmon"}
    differing = {
        key
        for key in found ^ expected
        if not any(dict(key)["__name__"].startswith(prefix) for prefix in volatile)
    }
    assert differing == set()
    assert len(found) > 500
