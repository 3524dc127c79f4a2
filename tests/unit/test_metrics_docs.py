"""docs/metrics.md names every metric of the process, no more and no less."""

import re
import sys
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from promscrape.config.unused import UnusedSections
from promscrape.discovery.manager import DiscoveryManager
from promscrape.discovery.registry import registered
from promscrape.process import LimitsCollector, ProcessMetrics
from promscrape.runtime import Limits, Source
from promscrape.scrape.manager import ScrapeManager
from promscrape.storage.remote.metrics import RemoteMetrics
from promscrape.storage.remote.outcome import Counts
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.web.metrics import WebMetrics
from tests.support.clock import ManualClock
from tests.support.scraping import make_options
from tests.support.storage import RecordingStorage

DOCS = Path(__file__).parents[2] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", re.MULTILINE)


@pytest.fixture(name="families")
def list_families() -> dict[str, Metric]:
    """Everything that the daemon registers, under the name that is exposed."""
    options = make_options(RecordingStorage(), ManualClock())
    registry: CollectorRegistry = options.metrics.registry
    ScrapeManager(options, structlog.get_logger())
    for metrics in (ProcessMetrics, WalMetrics, WebMetrics):
        metrics(registry)
    DiscoveryManager(
        lambda _: True,
        ManualClock(),
        registry,
        structlog.get_logger(),
        kinds=registered(),
        user_agent="test",
    )
    RemoteMetrics(registry, lambda: (Counts(), 0))
    UnusedSections(registry, structlog.get_logger())
    limits = Limits(1, None, Source.SYSTEM, Source.SYSTEM)
    LimitsCollector(lambda: limits, registry)
    return {exposed_name(family): family for family in registry.collect()}


def exposed_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = ROW.findall(DOCS.read_text())
    if sys.platform != "linux":
        rows = [row for row in rows if not row[0].startswith("process_")]
    return {name: (type_, set(re.findall(r"`(\w+)`", labels))) for name, type_, labels, _ in rows}


def test_every_metric_is_documented_with_its_type(families: dict[str, Metric]) -> None:
    """Service 59, 10: in both directions; a renamed metric breaks someone's alert."""
    assert {name: type_ for name, (type_, _) in documented().items()} == {
        name: family.type for name, family in families.items()
    }


def test_every_label_is_documented(families: dict[str, Metric]) -> None:
    """Service 10: of the metrics whose labels are known before anything happens."""
    labels = {name: labels for name, (_, labels) in documented().items()}
    for name, family in families.items():
        seen = {label for sample in family.samples for label in sample.labels}
        assert seen - {"quantile", "le"} <= labels[name]


def test_every_metric_explains_itself(families: dict[str, Metric]) -> None:
    """Service 10: the help text is what a person sees first."""
    assert all(family.documentation for family in families.values())
