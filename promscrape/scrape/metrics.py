"""The metrics of scraping, by Prometheus's names (scrape specification, section 10)."""

from collections.abc import Iterable
from typing import final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from promscrape.scrape.interval_length import IntervalLength
from promscrape.summary import Summary

_RANKS = (0.01, 0.05, 0.5, 0.9, 0.99)
_BUCKETS = (0.01, 0.1, 1, 10)


@final
class ScrapeMetrics:
    """All counters that the manager, its pools and their loops move."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._make_pool_metrics(registry)
        self._make_loop_metrics(registry)

    def _make_pool_metrics(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, labels: Iterable[str] = ()) -> Counter:
            return Counter(f"prometheus_target_{name}", text, labels, registry=registry)

        self.pools = counter("scrape_pools", "Attempts to create a scrape pool.")
        self.pools_failed = counter("scrape_pools_failed", "Scrape pools that failed to start.")
        self.pool_reloads = counter("scrape_pool_reloads", "Attempts to reload a scrape pool.")
        self.pool_reloads_failed = counter(
            "scrape_pool_reloads_failed", "Scrape pool reloads that failed."
        )
        self.reload_length = Summary(
            "prometheus_target_reload_length_seconds",
            "How long a scrape pool took to reload.",
            ("interval",),
            ranks=_RANKS,
            registry=registry,
        )
        self.pool_syncs = counter(
            "scrape_pool_sync", "Syncs of a scrape pool with its targets.", ("scrape_job",)
        )
        self.sync_length = Summary(
            "prometheus_target_sync_length_seconds",
            "How long a scrape pool took to sync.",
            ("scrape_job",),
            ranks=_RANKS,
            registry=registry,
        )
        self.sync_length_histogram = Histogram(
            "prometheus_target_sync_length_histogram_seconds",
            "How long a scrape pool took to sync.",
            ("scrape_job",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.sync_failed = counter(
            "sync_failed", "Targets that could not be made of what was discovered.", ("scrape_job",)
        )
        self.pool_targets = Gauge(
            "prometheus_target_scrape_pool_targets",
            "Active targets of the scrape pool.",
            ("scrape_job",),
            registry=registry,
        )
        self.pool_target_limit = Gauge(
            "prometheus_target_scrape_pool_target_limit",
            "The scrape pool's target_limit; 0 is none.",
            ("scrape_job",),
            registry=registry,
        )
        self.exceeded_target_limit = counter(
            "scrape_pool_exceeded_target_limit", "Times a scrape pool was over its target_limit."
        )
        self.exceeded_label_limits = counter(
            "scrape_pool_exceeded_label_limits", "Scrapes that failed for a label limit."
        )

    def _make_loop_metrics(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"prometheus_target_scrapes_{name}", text, registry=registry)

        self.exceeded_body_size_limit = counter(
            "exceeded_body_size_limit", "Scrapes that failed for body_size_limit or the ceiling."
        )
        self.exceeded_sample_limit = counter(
            "exceeded_sample_limit", "Scrapes that failed for sample_limit."
        )
        self.exceeded_bucket_limit = counter(
            "exceeded_native_histogram_bucket_limit",
            "Scrapes that failed for native_histogram_bucket_limit.",
        )
        self.sample_duplicate = counter(
            "sample_duplicate_timestamp", "Samples left out: same series and timestamp."
        )
        self.sample_out_of_order = counter(
            "sample_out_of_order", "Samples left out: older than the series' last."
        )
        self.sample_out_of_bounds = counter(
            "sample_out_of_bounds", "Samples left out: too old, or too far in the future."
        )
        self.exemplar_out_of_order = counter(
            "exemplar_out_of_order", "Exemplars left out: older than the series' last."
        )
        self.cache_flush_forced = counter(
            "cache_flush_forced", "Scrape caches flushed since failing scrapes kept growing them."
        )
        self.bad_lines = Counter(
            "promscrape_scrape_bad_lines",
            "Lines that were left out since they break the format (on_bad_line: skip).",
            ("scrape_job",),
            registry=registry,
        )
        self.samples_over_limit = Counter(
            "promscrape_scrape_samples_over_limit",
            "Samples that were left out for sample_limit (on_sample_limit: keep_known).",
            ("scrape_job",),
            registry=registry,
        )
        self.scrape_panics = Counter(
            "promscrape_scrape_internal_errors",
            "Scrapes that an error inside promscrape ended.",
            registry=registry,
        )
        self.scrape_duration = Histogram(
            "prometheus_target_scrape_duration_seconds",
            "How long scrapes took, to their commit, in jobs with extra_scrape_metrics.",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.interval_length = IntervalLength(registry)

    def forget_pool(self, job: str) -> None:
        """Drop the series of a stopped pool."""
        for metric in (
            self.pool_syncs,
            self.sync_length_histogram,
            self.sync_failed,
            self.pool_targets,
            self.pool_target_limit,
            self.bad_lines,
            self.samples_over_limit,
        ):
            if (job,) in metric._metrics:  # noqa: SLF001 - remove() warns or raises otherwise
                metric.remove(job)
        self.sync_length.remove(job)
