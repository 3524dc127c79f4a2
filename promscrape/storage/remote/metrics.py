"""The metrics of remote write, under Prometheus's names (section 10).

Each batch moves a dozen of them, so that they are plain numbers, read when they are collected.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final, final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from promscrape.storage.remote.outcome import Counts
from promscrape.storage.wal.log_reader import ReadCounts
from promscrape.storage.wal.record_types import RecordType

_PREFIX: Final = "prometheus_remote_storage_"
_WATCHER: Final = "prometheus_wal_watcher_"
_QUEUE_LABELS: Final = ("remote_name", "url")
KINDS: Final = ("samples", "histograms", "exemplars", "metadata")
REASONS: Final = (
    "dropped_series",
    "unintentionally_dropped_series",
    "too_old",
    "nhcb_in_rw1_not_supported",
)
_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    25,
    60,
    120,
    300,
)
_RECORD_NAMES: Final[Mapping[RecordType | None, str]] = {
    RecordType.SERIES: "series",
    RecordType.SAMPLES: "samples",
    RecordType.SAMPLES_V2: "samples_v2",
    RecordType.TOMBSTONES: "tombstones",
    RecordType.EXEMPLARS: "exemplars",
    RecordType.HISTOGRAMS: "histogram_samples",
    RecordType.FLOAT_HISTOGRAMS: "float_histogram_samples",
    RecordType.CUSTOM_HISTOGRAMS: "custom_buckets_histogram_samples",
    RecordType.CUSTOM_FLOAT_HISTOGRAMS: "custom_buckets_float_histogram_samples",
    RecordType.HISTOGRAMS_V2: "histogram_samples_v2",
    RecordType.FLOAT_HISTOGRAMS_V2: "float_histogram_samples_v2",
    RecordType.MMAP_MARKERS: "mmapmarkers",
    RecordType.METADATA: "metadata",
    None: "unknown",
}

# Of the queue's counters and gauges: the attribute, what is said of it.
_BY_KIND: Final = {
    "": ("sent", "{} that were handed to an attempt to send them."),
    "_failed": ("failed", "{} that a destination did not take and that were given up."),
    "_retried": ("retried", "{} that were sent again after a failure that may pass."),
}
_COUNTERS: Final = {
    "enqueue_retries": "Times that the shards had no room for what was read from the log.",
    "bytes": "Bytes of the requests with samples, compressed.",
    "metadata_bytes": "Bytes of the requests with nothing but metadata, compressed.",
}
_GAUGES: Final = {
    "queue_highest_timestamp_seconds": "The newest timestamp that was given to the shards.",
    "queue_highest_sent_timestamp_seconds": "The newest timestamp of a batch that is done.",
    "shard_capacity": "Items that may wait in a shard.",
    "shards": "Shards that there are.",
    "shards_max": "The most shards that there may be.",
    "shards_min": "The least shards that there may be.",
    "shards_desired": "The shards that would keep up, as far as the rates tell.",
    "max_samples_per_send": "Items in a request at most.",
}


@final
class QueueMetrics:
    """The numbers of one destination; its queue moves them.

    pending: counts what is in the shards, when it is asked.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self.sent, self.failed, self.retried = [dict.fromkeys(KINDS, 0) for _ in "123"]
        self.pending: Callable[[], Counts] = Counts
        self.dropped = {kind: dict.fromkeys(REASONS, 0) for kind in KINDS[:3]}
        self.enqueue_retries = self.bytes = self.metadata_bytes = 0
        self.queue_highest_timestamp_seconds = self.queue_highest_sent_timestamp_seconds = 0
        self.shard_capacity = self.shards = self.shards_max = self.shards_min = 0
        self.max_samples_per_send = 0
        self.shards_desired = 0.0
        self.given_up_bytes = 0
        self.refused = 0
        self.reads = ReadCounts()
        self.current_segment = 0
        self._durations = [0] * (len(_BUCKETS) + 1)
        self.seconds = 0.0

    def count(self, counter: dict[str, int], counts: Counts) -> None:
        """Add to a counter of each kind."""
        counter["samples"] += counts.samples
        if counts.samples != sum(counts):
            counter["histograms"] += counts.histograms
            counter["exemplars"] += counts.exemplars
            counter["metadata"] += counts.metadata

    def drop(self, counts: Counts, reason: str) -> None:
        for kind, number in zip(KINDS[:3], counts, strict=False):
            self.dropped[kind][reason] += number

    def observe(self, seconds: float) -> None:
        """Take the duration of an attempt."""
        self._durations[bisect_left(_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return the cumulated buckets of the durations."""
        total, found = 0, []
        for bound, number in zip(
            (*map(str, map(float, _BUCKETS)), "+Inf"), self._durations, strict=True
        ):
            total += number
            found.append((bound, float(total)))
        return found


@final
class RemoteMetrics(Collector):
    """Registers itself; shows the queues that there are, and forgets those that end.

    incoming: what the log took, and the newest timestamp of it in seconds.
    """

    def __init__(
        self, registry: CollectorRegistry, incoming: Callable[[], tuple[Counts, int]]
    ) -> None:
        self._incoming = incoming
        self._queues: list[QueueMetrics] = []
        registry.register(self)

    def add(self, queue: QueueMetrics) -> None:
        self._queues.append(queue)

    def remove(self, queue: QueueMetrics) -> None:
        self._queues.remove(queue)

    def describe(self) -> Iterable[Metric]:
        return [*self._of_kinds(()), *self._others(()), *self._of_readers(()), *self._global()]

    def collect(self) -> Iterable[Metric]:
        queues = self._queues
        return [
            *self._of_kinds(queues),
            *self._others(queues),
            *self._of_readers(queues),
            *self._global(),
        ]

    def _of_kinds(self, queues: Iterable[QueueMetrics]) -> Iterable[Metric]:
        for kind in KINDS:
            for suffix, (attribute, text) in _BY_KIND.items():
                family = CounterMetricFamily(
                    f"{_PREFIX}{kind}{suffix}", text.format(kind.capitalize()), labels=_QUEUE_LABELS
                )
                for queue in queues:
                    family.add_metric((queue.name, queue.url), getattr(queue, attribute)[kind])
                yield family
        for kind in KINDS[:3]:
            pending = GaugeMetricFamily(
                f"{_PREFIX}{kind}_pending",
                f"{kind.capitalize()} in the shards.",
                labels=_QUEUE_LABELS,
            )
            dropped = CounterMetricFamily(
                f"{_PREFIX}{kind}_dropped",
                f"{kind.capitalize()} that were not for the destination, by reason.",
                labels=(*_QUEUE_LABELS, "reason"),
            )
            for queue in queues:
                pending.add_metric((queue.name, queue.url), getattr(queue.pending(), kind))
                for reason in REASONS:
                    dropped.add_metric((queue.name, queue.url, reason), queue.dropped[kind][reason])
            yield from (pending, dropped)

    def _others(self, queues: Iterable[QueueMetrics]) -> Iterable[Metric]:
        kinds = ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES))
        for kind, families in kinds:
            for name, text in families.items():
                family = kind(_PREFIX + name, text, labels=_QUEUE_LABELS)
                for queue in queues:
                    family.add_metric((queue.name, queue.url), getattr(queue, name))
                yield family
        durations = HistogramMetricFamily(
            _PREFIX + "sent_batch_duration_seconds",
            "How long attempts to send took.",
            labels=_QUEUE_LABELS,
        )
        for queue in queues:
            durations.add_metric((queue.name, queue.url), queue.buckets(), queue.seconds)
        yield durations
        for name, text in _OWN.items():
            own = CounterMetricFamily(
                f"promscrape_remote_storage_{name}", text, labels=_QUEUE_LABELS
            )
            for queue in queues:
                own.add_metric((queue.name, queue.url), getattr(queue, name.removesuffix("_items")))
            yield own

    def _of_readers(self, queues: Iterable[QueueMetrics]) -> Iterable[Metric]:
        records = CounterMetricFamily(
            _WATCHER + "records_read",
            "Records of the log that were read.",
            labels=("consumer", "type"),
        )
        failures, skipped, early = (
            CounterMetricFamily(_WATCHER + name, text, labels=("consumer",))
            for name, text in _WATCHER_COUNTERS.items()
        )
        segment = GaugeMetricFamily(
            _WATCHER + "current_segment", "The segment that is read.", labels=("consumer",)
        )
        corruptions = CounterMetricFamily(
            "prometheus_tsdb_wal_reader_corruption_errors",
            "Corruptions met when the log was read.",
            labels=("error",),
        )
        for queue in queues:
            reads, name = queue.reads, queue.name
            for type_, number in reads.records.items():
                records.add_metric((name, _RECORD_NAMES[type_]), number)
            failures.add_metric((name,), reads.decode_failures)
            skipped.add_metric((name,), reads.notices_skipped)
            early.add_metric((name,), 0)
            segment.add_metric((name,), queue.current_segment)
        errors = sum((queue.reads.corruptions for queue in queues), Counter[str]())
        for error, number in errors.items():
            corruptions.add_metric((error,), number)
        return [records, failures, skipped, early, segment, corruptions]

    def _global(self) -> Iterable[Metric]:
        counts, newest_s = self._incoming()
        for kind, number in zip(KINDS[:3], counts, strict=False):
            yield CounterMetricFamily(
                f"{_PREFIX}{kind}_in", f"{kind.capitalize()} that the log took.", value=number
            )
        yield GaugeMetricFamily(
            _PREFIX + "highest_timestamp_in_seconds",
            "The newest timestamp that the log took.",
            value=newest_s,
        )


_WATCHER_COUNTERS: Final = {
    "record_decode_failures": "Records of the log that could not be decoded.",
    "notifications_skipped": "Commits that had to wait for the reader.",
    "samples_sent_pre_tailing": "Always 0, as in Prometheus.",
}
_OWN: Final = {
    "refused_items": "Items that the destination refused by themselves; the others were sent.",
    "given_up_bytes": "Bytes of the log that were dropped before the destination had them.",
}
