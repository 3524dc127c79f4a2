import math

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from promscrape.summary import WINDOW, Summary

RANKS = (0.01, 0.05, 0.5, 0.9, 0.99)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_quantiles_are_those_of_the_observations(registry: CollectorRegistry) -> None:
    """Z1: dashboards plot these five ranks by interval."""
    lengths = Summary("lengths_seconds", "Gaps.", ["interval"], ranks=RANKS, registry=registry)
    for number in range(100):
        lengths.labels("15s").observe(float(number))

    got = [value(registry, "lengths_seconds", interval="15s", quantile=str(rank)) for rank in RANKS]
    assert got == [1.0, 5.0, 50.0, 90.0, 99.0]


def test_the_order_of_the_observations_does_not_matter(registry: CollectorRegistry) -> None:
    """A quantile is of a set; the order in which targets were scraped is chance."""
    lengths = Summary("lengths_seconds", "Gaps.", ranks=(0.5,), registry=registry)
    for amount in (3.0, 1.0, 2.0):
        lengths.observe(amount)

    assert value(registry, "lengths_seconds", quantile="0.5") == 2.0


def test_sum_and_count_cover_all_observations(registry: CollectorRegistry) -> None:
    """Rates are taken from them, so they must never fall back with the window."""
    lengths = Summary("lengths_seconds", "Gaps.", ranks=(0.5,), registry=registry)
    for _ in range(WINDOW + 10):
        lengths.observe(2.0)

    assert value(registry, "lengths_seconds_count") == WINDOW + 10
    assert value(registry, "lengths_seconds_sum") == 2.0 * (WINDOW + 10)


def test_quantiles_forget_what_left_the_window(registry: CollectorRegistry) -> None:
    """Prometheus's forget after ten minutes: an hour-old outlier must not stay on a dashboard."""
    lengths = Summary("lengths_seconds", "Gaps.", ranks=(0.99,), registry=registry)
    for _ in range(100):
        lengths.observe(1000.0)
    for _ in range(WINDOW):
        lengths.observe(1.0)

    assert value(registry, "lengths_seconds", quantile="0.99") == 1.0


def test_a_summary_without_labels_is_exposed_before_its_first_observation(
    registry: CollectorRegistry,
) -> None:
    """Service 59: every metric is there from the start; a quantile of nothing is NaN."""
    Summary("lengths_seconds", "Gaps.", ranks=(0.5,), registry=registry)
    quantile = value(registry, "lengths_seconds", quantile="0.5")

    assert quantile is not None
    assert math.isnan(quantile)
    assert value(registry, "lengths_seconds_count") == 0


def test_a_summary_without_ranks_has_sum_and_count_only(registry: CollectorRegistry) -> None:
    """Some of Prometheus's summaries have no quantiles, and extra series would cost memory."""
    Summary("lengths_seconds", "Gaps.", registry=registry).observe(1.5)

    assert generate_latest(registry).decode().splitlines() == [
        "# HELP lengths_seconds Gaps.",
        "# TYPE lengths_seconds summary",
        "lengths_seconds_sum 1.5",
        "lengths_seconds_count 1.0",
    ]


def test_children_do_not_share_observations(registry: CollectorRegistry) -> None:
    """Each job's syncs are judged on their own."""
    lengths = Summary("sync_seconds", "Syncs.", ["scrape_job"], registry=registry)
    lengths.labels("a").observe(1.0)
    lengths.labels("a").observe(1.0)
    lengths.labels("b").observe(5.0)

    assert value(registry, "sync_seconds_count", scrape_job="a") == 2
    assert value(registry, "sync_seconds_sum", scrape_job="b") == 5.0


def test_a_removed_child_is_no_longer_exposed(registry: CollectorRegistry) -> None:
    """Z1: a job that left the configuration takes its series along."""
    lengths = Summary("sync_seconds", "Syncs.", ["scrape_job"], registry=registry)
    lengths.labels("gone").observe(1.0)
    lengths.labels("kept").observe(1.0)
    lengths.remove("gone")
    lengths.remove("never seen")

    assert value(registry, "sync_seconds_count", scrape_job="gone") is None
    assert value(registry, "sync_seconds_count", scrape_job="kept") == 1


def test_a_name_cannot_be_registered_twice(registry: CollectorRegistry) -> None:
    """Two metrics of one name make an exposition that no scraper takes."""
    Summary("lengths_seconds", "Gaps.", registry=registry)

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Summary("lengths_seconds", "Gaps.", registry=registry)
