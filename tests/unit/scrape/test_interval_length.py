"""The metrics of how long it was from scrape to scrape."""

import pytest
from prometheus_client import CollectorRegistry

from promscrape.scrape.interval_length import IntervalLength


def test_the_summary_and_the_histogram_are_of_the_same_observations() -> None:
    """Scrape section 10: buckets count all observations up to their bound, it included."""
    registry = CollectorRegistry()
    lengths = IntervalLength(registry).labels("10s")
    for length_s in (0.01, 0.5, 10.0, 16.0):
        lengths.observe(length_s)
    name, interval = "prometheus_target_interval_length_histogram_seconds", {"interval": "10s"}

    def value(of: str, **labels: str) -> float | None:
        return registry.get_sample_value(of, {**interval, **labels})

    counts = [value(f"{name}_bucket", le=le) for le in ("0.01", "0.1", "1.0", "10.0", "+Inf")]
    assert counts == [1, 1, 2, 3, 4]
    assert value(f"{name}_count") == 4
    assert value(f"{name}_sum") == pytest.approx(26.51)
    assert value("prometheus_target_interval_length_seconds_count") == 4
    assert value("prometheus_target_interval_length_seconds", quantile="0.99") == 16
    kinds = {family.name: family.type for family in registry.collect()}
    assert kinds[name] == "histogram"


def test_targets_of_one_interval_share_their_numbers() -> None:
    lengths = IntervalLength(CollectorRegistry())
    assert lengths.labels("1m") is lengths.labels("1m")
    assert lengths.labels("1m") is not lengths.labels("1s")
