"""The log's own metrics, under Prometheus's names where it has them.

A commit moves half a dozen of them, so that they are plain numbers without a lock, each moved by
one thread at a time, and read when they are collected.
"""

from collections.abc import Iterable
from typing import final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from promscrape.storage.wal.compression import Compression
from promscrape.summary import Summary

_AGENT, _WAL = "prometheus_agent_", "prometheus_tsdb_wal_"


@final
class Number:
    """One value of a metric; whoever moves it writes to `value`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0


@final
class _Family:
    """A metric without labels, or with one, whose values are all known beforehand."""

    def __init__(
        self,
        kind: type[CounterMetricFamily | GaugeMetricFamily],
        name: str,
        documentation: str,
        label: str = "",
        values: Iterable[str] = (),
    ) -> None:
        self._kind, self._name, self._documentation = kind, name, documentation
        self._labels = (label,) if label else ()
        self.numbers = {value: Number() for value in values} if label else {"": Number()}

    def collect(self) -> Metric:
        family = self._kind(self._name, self._documentation, labels=self._labels)
        for value, number in self.numbers.items():
            family.add_metric((value,) if self._labels else (), number.value)
        return family


@final
class WalMetrics(Collector):
    """Registers itself in `registry`, once; the parts of the storage move its numbers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._families: list[_Family] = []
        self._declare_appends()
        self._declare_writes()
        self._declare_upkeep()
        self.fsync_seconds = Summary(
            _WAL + "fsync_duration_seconds",
            "How long the syncs of the log to disk took.",
            ranks=(0.5, 0.9, 0.99),
            registry=registry,
        )
        self.truncate_seconds = Summary(
            _AGENT + "truncate_duration_seconds",
            "How long it took to drop the oldest part of the log.",
            registry=registry,
        )
        registry.register(self)

    def _declare_appends(self) -> None:
        appended = _Family(
            CounterMetricFamily,
            _AGENT + "samples_appended",
            "Samples that were accepted.",
            "type",
            ("float", "histogram"),
        )
        self._families.append(appended)
        self.floats_appended = appended.numbers["float"]
        self.histograms_appended = appended.numbers["histogram"]
        self.exemplars_appended = self._counter(
            _AGENT + "exemplars_appended", "Exemplars that were accepted."
        )
        self.exemplars_refused = self._counter(
            "promscrape_agent_exemplars_refused",
            "Exemplars left out because their labels are over 128 characters or name one twice.",
        )
        self.out_of_order_samples = self._counter(
            _AGENT + "out_of_order_samples",
            "Samples refused because they are not after the last one of their series.",
        )
        self.active_series = self._gauge(_AGENT + "active_series", "Series kept in memory.")

    def _declare_writes(self) -> None:
        self.page_flushes = self._counter(_WAL + "page_flushes", "Writes to a segment.")
        self.completed_pages = self._counter(_WAL + "completed_pages", "Pages that are full.")
        self.writes_failed = self._counter(_WAL + "writes_failed", "Writes that failed.")
        self.record_part_writes = self._counter(
            _WAL + "record_part_writes", "Fragments of records that were written."
        )
        self.record_part_bytes = self._counter(
            _WAL + "record_parts_bytes_written",
            "Bytes of the fragments of records that were written, with their headers.",
        )
        saved = _Family(
            CounterMetricFamily,
            _WAL + "record_bytes_saved",
            "Bytes that compression spared.",
            "compression",
            (Compression.SNAPPY, Compression.ZSTD),
        )
        self._families.append(saved)
        self.record_bytes_saved = saved.numbers
        self.segment_current = self._gauge(_WAL + "segment_current", "The segment written to.")
        self.storage_bytes = self._gauge(
            _WAL + "storage_size_bytes", "Size of the log, checkpoints included."
        )

    def _declare_upkeep(self) -> None:
        self.clean_start = self._gauge(
            _AGENT + "clean_start",
            "1: the last process left no lock file. 0: it did. -1: lock files are off.",
        )
        self.replay_seconds = self._gauge(
            _AGENT + "data_replay_duration_seconds", "How long it took to read the log at start."
        )
        self.corruptions = self._counter(_AGENT + "corruptions", "Corruptions found in the log.")
        self.unknown_series_samples = self._counter(
            "promscrape_agent_replay_unknown_series_samples",
            "Samples skipped at start because the log does not say what series they belong to.",
        )
        self.deleted_series = self._gauge(
            _AGENT + "deleted_series", "Series out of memory that the log still needs."
        )
        self.series_forgotten = self._counter(
            "promscrape_agent_series_forgotten",
            "Series let go from memory some minutes after their stale marker.",
        )
        self.truncations = self._counter(_WAL + "truncations", "Removals of old segments.")
        self.truncations_failed = self._counter(
            _WAL + "truncations_failed", "Removals of old segments that failed."
        )
        self.checkpoint_creations = self._counter(
            _AGENT + "checkpoint_creations", "Checkpoints begun."
        )
        self.checkpoint_creations_failed = self._counter(
            _AGENT + "checkpoint_creations_failed", "Checkpoints that failed."
        )
        self.checkpoint_deletions = self._counter(
            _AGENT + "checkpoint_deletions", "Removals of old checkpoints."
        )
        self.checkpoint_deletions_failed = self._counter(
            _AGENT + "checkpoint_deletions_failed", "Removals of old checkpoints that failed."
        )

    def _counter(self, name: str, documentation: str) -> Number:
        return self._declare(_Family(CounterMetricFamily, name, documentation))

    def _gauge(self, name: str, documentation: str) -> Number:
        return self._declare(_Family(GaugeMetricFamily, name, documentation))

    def _declare(self, family: _Family) -> Number:
        self._families.append(family)
        return family.numbers[""]

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        return [family.collect() for family in self._families]
