"""From discovery configurations to what consumers of targets are told."""

from collections.abc import Mapping, Sequence
from typing import final

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import LogCapture

from promscrape.config.load import parse
from promscrape.discovery.manager import DiscoveryManager
from promscrape.discovery.metrics import DiscoveryMetrics
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError
from tests.support.clock import ManualClock

STATIC = "static_configs: [{targets: ['a:1', 'b:2']}, {targets: ['c:3'], labels: {x: y}}]"
MISSING = "dns_sd_configs: [{names: [a]}, {names: [b]}], nomad_sd_configs: [{}]"


@final
class Managed:
    """A manager, the snapshots that it published, and what it logged and counted."""

    def __init__(self) -> None:
        self.snapshots: list[Mapping[str, Sequence[TargetGroup]]] = []
        self.logs = LogCapture()
        self._registry = CollectorRegistry()
        self._manager = DiscoveryManager(
            self.snapshots.append,
            ManualClock(),
            DiscoveryMetrics(self._registry),
            structlog.wrap_logger(None, processors=[self.logs]),
        )

    def apply(self, **jobs: str) -> None:
        entries = ", ".join(f"{{job_name: {name}, {text}}}" for name, text in jobs.items())
        config = parse(f"scrape_configs: [{entries}]".encode(), "c.yml", {})
        self._manager.apply({job.job_name: job.discovery for job in config.scrape_configs})

    def counted(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(f"prometheus_sd_{name}", {"name": "scrape"} | labels)


def test_the_targets_of_all_jobs_are_published_at_once() -> None:
    """R-3, M-6, test 24: the entries of a job are one provider, their positions its sources."""
    managed = Managed()
    managed.apply(one=STATIC, other="static_configs: [{targets: ['d:4']}]")
    (snapshot,) = managed.snapshots
    assert [group.source for group in snapshot["one"]] == ["0", "1"]
    assert [len(group.targets) for group in snapshot["one"]] == [2, 1]
    assert managed.counted("discovered_targets", config="one") == 3
    assert managed.counted("discovered_targets", config="other") == 1
    assert managed.counted("failed_configs") == 0
    assert managed.logs.entries == []


def test_a_job_without_providers_is_published_without_targets() -> None:
    """M-3, test 9: consumers learn that there are none, whether asked for or not built."""
    managed = Managed()
    managed.apply(none="honor_labels: true", missing=MISSING)
    assert managed.snapshots == [{"none": (), "missing": ()}]
    assert managed.counted("discovered_targets", config="missing") == 0


def test_each_entry_without_a_provider_is_one_error() -> None:
    """M-3, test 8: logged with its kind and job, and the rest of the job still runs."""
    managed = Managed()
    managed.apply(a=f"{STATIC}, {MISSING}", b="nomad_sd_configs: [{}]")
    assert [
        (entry["log_level"], entry["event"], entry["type"], entry["config"])
        for entry in managed.logs.entries
    ] == [
        ("error", "Cannot create service discovery", "dns", "a"),
        ("error", "Cannot create service discovery", "dns", "a"),
        ("error", "Cannot create service discovery", "nomad", "a"),
        ("error", "Cannot create service discovery", "nomad", "b"),
    ]
    reason = managed.logs.entries[0]["err"]
    assert isinstance(reason, DiscoveryError)
    assert str(reason) == "promscrape has no provider for dns_sd_configs yet"
    assert len(managed.snapshots[0]["a"]) == 2


def test_failed_configurations_are_those_of_the_last_apply() -> None:
    """M-4, test 8: set over all jobs, not added up."""
    managed = Managed()
    for jobs, failed in (
        ({"a": MISSING, "b": MISSING}, 6),
        ({"a": MISSING, "b": STATIC}, 3),
        ({"a": STATIC}, 0),
    ):
        managed.apply(**jobs)
        assert managed.counted("failed_configs") == failed


def test_a_removed_job_leaves_the_snapshot_and_the_metrics() -> None:
    """M-14, test 17: what others have stays."""
    managed = Managed()
    managed.apply(a=STATIC, b=MISSING)
    managed.apply(b=MISSING)
    assert list(managed.snapshots[-1]) == ["b"]
    assert managed.counted("discovered_targets", config="a") is None
    assert managed.counted("last_update_timestamp_seconds", config="a") is None
    assert managed.counted("discovered_targets", config="b") == 0


def test_an_unchanged_configuration_is_published_again() -> None:
    """M-12, test 3: a new pool gets its targets soon after every reload."""
    managed = Managed()
    managed.apply(a=STATIC)
    managed.apply(a=STATIC)
    assert managed.snapshots[0] == managed.snapshots[1]
    assert managed.counted("updates_total") == 2
