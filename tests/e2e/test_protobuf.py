"""The daemon and Debian's Prometheus side by side in protobuf, and on one histogram."""

import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from tests.e2e.test_scraping import wait_for_scrapes
from tests.support.canned import CannedTarget
from tests.support.metric_family import (
    COUNTER,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    delimited,
    exemplar,
    family,
    pairs,
)
from tests.support.peers import Launcher, Scraper, eventually

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
DATA = Path(__file__).parents[1] / "data"
NATIVE = ("--enable-feature=native-histograms",)
# What a program that is asked by others besides says for the first time at any moment.
VOLATILE = ("go_gc_", "net_conntrack_", "prometheus_http_", "prometheus_engine_")

SeriesKey = frozenset[tuple[str, str]]


def config_of(address: str, *settings: str) -> str:
    return "\n".join(
        [
            "global: {scrape_interval: 1s, scrape_timeout: 1s}",
            "scrape_configs:",
            f"- job_name: t\n  static_configs: [{{targets: ['{address}']}}]",
            *(f"  {setting}" for setting in settings),
        ]
    )


def read_by_prometheus(launcher: Launcher, data_dir: Path) -> Scraper:
    """Start Debian's Prometheus on a copy of a data directory."""
    copy = data_dir.with_name("copy")
    shutil.copytree(data_dir, copy)
    return launcher.prometheus(data_dir=copy, flags=NATIVE)


def histograms_of(scraper: Scraper, selector: str) -> dict[SeriesKey, Any]:
    """Return the first histogram of each series, as the API shows it."""
    answer = scraper.get(f"/api/v1/query?{urlencode({'query': f'{selector}[10m]'})}")
    result = msgspec.json.decode(answer.text)["data"]["result"]
    return {
        frozenset(one["metric"].items()): one["histograms"][0][1]
        for one in result
        if "histograms" in one
    }


def hist(**fields: Any) -> dict[str, Any]:
    return {"histogram": {"sample_sum": 9.5, "zero_threshold": 0.001, **fields}}


INTEGER = hist(
    sample_count=9,
    schema=2,
    zero_count=1,
    positive_span=[{"offset": -2, "length": 2}, {"offset": 5, "length": 1}],
    positive_delta=[2, 1, -2],
    negative_span=[{"offset": 3, "length": 1}],
    negative_delta=[2],
)
FLOATS = hist(
    sample_count_float=4.5,
    schema=-1,
    zero_count_float=0.5,
    positive_span=[{"offset": 0, "length": 3}],
    positive_count=[1.5, 0.0, 2.5],
)
BODY = delimited(
    [
        family("integer", HISTOGRAM, {**INTEGER, "label": pairs(a="b")}, INTEGER),
        family("gauge", GAUGE_HISTOGRAM, INTEGER),
        family("floats", HISTOGRAM, FLOATS),
        family(
            "c_total", COUNTER, {"counter": {"value": 3.0, "exemplar": exemplar(1.0, 5, t="x")}}
        ),
    ]
)


def test_native_histograms_are_those_that_prometheus_scrapes(launcher: Launcher) -> None:
    """Section 6.8, storage 2.12: Prometheus reads out of our log what it takes from the target."""
    with CannedTarget(BODY, CONTENT_TYPE) as target:
        config = config_of(target.address)
        theirs = launcher.prometheus(config, flags=NATIVE)
        ours = launcher.promscrape(config_of(target.address, "scrape_native_histograms: true"))
        for scraper in (theirs, ours):
            scraper.wait_up()
        assert target.accepted[-1].startswith("application/vnd.google.protobuf")
        expected = histograms_of(theirs, "{job='t'}")
        assert ours.stop() == 0
    reader = read_by_prometheus(launcher, ours.data_dir)
    found = histograms_of(reader, "{job='t'}")
    assert {dict(key)["__name__"] for key in expected} == {"integer", "gauge", "floats"}
    assert found == expected
    (counter,) = reader.query("last_over_time(c_total[10m])")
    assert counter.value == 3.0


def test_a_histogram_series_ends_where_its_target_goes(launcher: Launcher) -> None:
    """A8, F3: the stale marker is a histogram in the log, and Prometheus takes it for the end."""
    with CannedTarget(BODY, CONTENT_TYPE) as target:
        ours = launcher.promscrape(config_of(target.address, "scrape_native_histograms: true"))
        ours.wait_up()
        target.body = delimited([family("c_total", COUNTER, {"counter": {"value": 4.0}})])
        answered = len(target.accepted)
        eventually(lambda: len(target.accepted) > answered + 1, what="a scrape without histograms")
        assert ours.stop() == 0
    reader = read_by_prometheus(launcher, ours.data_dir)
    last_s = max(point.t_s for one in reader.raw("c_total[10m]") for point in one.points)
    assert reader.query("integer or gauge or floats", time=str(last_s)) == []
    assert len(histograms_of(reader, "integer")) == 2


def test_a_counter_begins_with_a_zero_and_has_its_type(launcher: Launcher) -> None:
    """S17, S23: by the features of these names, and protobuf is asked for by default (H4)."""
    start_s = int(time.time()) - 30
    counter = {"value": 7.0, "start_timestamp": {"seconds": start_s}}
    body = delimited([family("c_total", COUNTER, {"counter": counter})])
    features = "created-timestamp-zero-ingestion,type-and-unit-labels,metadata-wal-records"
    with CannedTarget(body, CONTENT_TYPE) as target:
        ours = launcher.promscrape(
            config_of(target.address), flags=(f"--enable-feature={features}",)
        )
        ours.wait_up()
        wait_for_scrapes(ours, 2)
        assert target.accepted[-1].startswith("application/vnd.google.protobuf")
        assert ours.stop() == 0
    (series,) = read_by_prometheus(launcher, ours.data_dir).raw("c_total[10m]")
    assert series.labels["__type__"] == "counter"
    first, *others = series.points
    assert (first.t_s, first.value) == (start_s, 0.0)
    assert {point.value for point in others} == {7.0}


def test_an_older_prometheus_reads_past_converted_histograms(launcher: Launcher) -> None:
    """Storage 2.14: it knows no custom buckets, and loses nothing else of the log for them."""
    text = (
        b'# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 3\na 5\n'
    )
    with CannedTarget(text, "text/plain; version=0.0.4") as target:
        config = config_of(target.address, "convert_classic_histograms_to_nhcb: true")
        ours = launcher.promscrape(config)
        ours.wait_up()
        wait_for_scrapes(ours, 2)
        assert ours.stop() == 0
    reader = read_by_prometheus(launcher, ours.data_dir)
    (plain,) = reader.raw("a[10m]")
    assert len(plain.points) >= 2
    assert reader.raw('{__name__=~"h.*"}[10m]') == []


@pytest.mark.parametrize("name", ["prometheus.pb", "alertmanager.pb"])
def test_a_fixed_body_has_the_same_values(launcher: Launcher, name: str) -> None:
    """Drop-in, value by value: nothing moves between the two scrapes of a body that stands still."""
    with CannedTarget((DATA / name).read_bytes(), CONTENT_TYPE) as target:
        theirs = launcher.prometheus(config_of(target.address), flags=NATIVE)
        ours = launcher.promscrape(config_of(target.address, "scrape_protocols: [PrometheusProto]"))
        for scraper in (theirs, ours):
            scraper.wait_up()
            wait_for_scrapes(scraper, 2)
        assert target.accepted[-1].startswith("application/vnd.google.protobuf")
        expected = values_of(theirs)
        assert ours.stop() == 0
    found = values_of(read_by_prometheus(launcher, ours.data_dir))
    assert found == expected
    assert len(found) > 200


def values_of(scraper: Scraper) -> dict[SeriesKey, set[str]]:
    """Return the different values of each series that the target itself exposed."""
    return {
        frozenset(one.labels.items()): {repr(point.value) for point in one.points}
        for one in scraper.raw("{job='t',__name__!~'up|scrape_.+'}[10m]")
    }


@pytest.mark.parametrize("program", ["prometheus", "alertmanager"])
def test_a_real_program_has_the_same_series_in_protobuf(launcher: Launcher, program: str) -> None:
    """Drop-in: both are told to ask for protobuf, and store series of the same names and labels."""
    address = getattr(launcher, program)().address
    theirs = launcher.prometheus(config_of(address), flags=NATIVE)
    ours = launcher.promscrape(config_of(address, "scrape_protocols: [PrometheusProto]"))
    # An exporter counts the first request for its metrics only in its later answers.
    for scraper in (theirs, ours):
        scraper.wait_up()
        wait_for_scrapes(scraper, 3)
    expected = series_of(theirs)
    assert ours.stop() == 0
    found = series_of(read_by_prometheus(launcher, ours.data_dir))
    # Prometheus 2.42 prints bounds of protobuf bodies as 3.x does.
    assert {key for key in found ^ expected if not is_volatile(key)} == set()
    assert len(found) > 200


def series_of(scraper: Scraper) -> set[SeriesKey]:
    return {frozenset(one.labels.items()) for one in scraper.raw("{job='t'}[10m]")}


def is_volatile(key: SeriesKey) -> bool:
    """Whether a series tells of the requests of whoever else asked meanwhile."""
    return dict(key)["__name__"].startswith(VOLATILE)
