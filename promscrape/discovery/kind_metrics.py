"""The metrics of the kinds that are a file each, apart from them.

All stand at 0 from the start, as Prometheus's do, and the kinds are imported when they are used. A
kind that is a folder has a `metrics.py` there.
"""

from collections.abc import Iterable, Mapping
from typing import final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from promscrape.discovery.metrics import RANKS
from promscrape.summary import Summary


@final
class DnsMetrics:
    """What DNS providers move together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "prometheus_sd_dns_lookups",
            "Lookups of configured names.",
            registry=registry,
        )
        self.lookup_failures = Counter(
            "prometheus_sd_dns_lookup_failures",
            "Lookups of configured names that found neither records nor that there are none.",
            registry=registry,
        )


@final
class ExecMetrics:
    """What all commands of the process move together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "promscrape_sd_exec_failures",
            "Runs of commands that failed, took too long, or listed no target groups.",
            registry=registry,
        )


@final
class FileMetrics:
    """What file providers move together. mtimes: those of each provider's files, by path."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.read_errors = Counter(
            "prometheus_sd_file_read_errors",
            "Files of target groups that could not be read or are wrong.",
            registry=registry,
        )
        self.watcher_errors = Counter(
            "prometheus_sd_file_watcher_errors",
            "Watches that could not be set up; files are read at intervals alone then.",
            registry=registry,
        )
        self.scan_duration = Summary(
            "prometheus_sd_file_scan_duration_seconds",
            "How long it took to read all files of an entry.",
            ranks=RANKS,
            registry=registry,
        )
        self.mtimes: dict[int, Mapping[str, int]] = {}
        registry.register(_MtimeCollector(self.mtimes))


@final
class _MtimeCollector(Collector):
    def __init__(self, mtimes: Mapping[int, Mapping[str, int]]) -> None:
        self._mtimes = mtimes

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "prometheus_sd_file_mtime_seconds",
            "When each file of target groups was last changed, by the last good read.",
            labels=["filename"],
        )
        for path, mtime_s in sorted(
            {k: v for each in self._mtimes.values() for k, v in each.items()}.items()
        ):
            family.add_metric([path], mtime_s)
        yield family

    describe = collect


@final
class HttpMetrics:
    """What HTTP providers move together."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_http_failures",
            "Requests for target groups that failed, or whose answers were none.",
            registry=registry,
        )


@final
class KumaMetrics:
    """What all Kuma providers of the process count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_kuma_fetch_failures",
            "Requests to Kuma's control plane that failed.",
            registry=registry,
        )
        self.skipped = Counter(
            "prometheus_sd_kuma_fetch_skipped_updates",
            "Answers of Kuma's control plane that nothing has changed.",
            registry=registry,
        )
        self.duration = Summary(
            "prometheus_sd_kuma_fetch_duration_seconds",
            "How long requests to Kuma's control plane took.",
            ranks=RANKS,
            registry=registry,
        )


@final
class LinodeMetrics:
    """What all Linode providers of the process count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_linode_failures",
            "Refreshes of targets from Linode that failed.",
            registry=registry,
        )


@final
class NomadMetrics:
    """What all Nomad providers of the process count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.failures = Counter(
            "prometheus_sd_nomad_failures",
            "Refreshes of targets from Nomad that failed.",
            registry=registry,
        )
