"""A storage that remembers what was committed, and refuses what a test tells it to."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from promscrape.errors import InvalidSeries, StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.model.sample import NO_START, NO_TIMESTAMP, is_stale
from promscrape.storage.interface import AppendCode, Appended, Batch

REPORT_NAMES = frozenset(
    {
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
    }
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One committed sample; `name` is the metric name."""

    labels: Labels
    t_ms: int
    value: float
    histogram: Histogram | None = None
    start_ms: int = NO_START

    @property
    def name(self) -> str:
        return self.labels.get("__name__")

    @property
    def stale(self) -> bool:
        return is_stale(self.value)


@final
class RecordingStorage:
    """Follows the agent's rules: a sample at or before its series' last committed one is refused.

    refuse: codes to answer with, by metric name; stale markers are spared where
        `refuses_markers` is false. broken: metric names that fail an append whole.
    """

    def __init__(self) -> None:
        self.generation = 1
        self.labels = LabelStore()
        self.committed: list[Sample] = []
        self.transactions: list[list[Sample]] = []
        self.rollbacks = 0
        self.repeats = 0  # transactions that a repeater made
        self.exemplars: list[tuple[Labels, Exemplar]] = []
        self.metadata: dict[str, Metadata | None] = {}  # by metric name, as the last batch had it
        self.late_exemplars = 0
        self.refuse: dict[str, AppendCode] = {}
        self.refuses_markers = True
        self.broken: Mapping[str, StorageError] = {}
        self.commit_error: StorageError | None = None
        self.gives_handles = self.gives_repeaters = True
        self.keeps_metadata = False
        self._handles: dict[Labels, int] = {}
        self._last_ms: dict[Labels, int] = {}

    def appender(self) -> "RecordingAppender":
        return RecordingAppender(self)

    def repeater(self, refs: "array[int]") -> "RecordingRepeater | None":
        if not self.gives_repeaters:
            return None
        named = {handle: labels for labels, handle in self._handles.items()}
        known = [named.get(ref) for ref in refs]
        return RecordingRepeater(self, [labels for labels in known if labels is not None])

    def handle(self, labels: Labels) -> int:
        """Return the handle of a series, made on first use."""
        if not self.gives_handles:
            return 0
        return self._handles.setdefault(labels, len(self._handles) + 1)

    def rename_handles(self) -> None:
        """Give every series another handle, as a storage does that made them anew."""
        self._handles = {labels: handle + 100 for labels, handle in self._handles.items()}

    def take_back_handles(self) -> None:
        """Forget all handles: the old ones may now be another series'."""
        self.generation += 1
        self._handles = {}

    def check(self, labels: Labels, t_ms: int, value: float) -> AppendCode:
        code = AppendCode.ACCEPTED
        if self.refuses_markers or not is_stale(value):
            code = self.refuse.get(labels.get("__name__"), code)
        if code is AppendCode.ACCEPTED and t_ms <= self._last_ms.get(labels, -(1 << 62)):
            return AppendCode.OUT_OF_ORDER
        return code

    def take(self, samples: list[Sample]) -> None:
        self.committed += samples
        self.transactions.append(samples)
        for sample in samples:
            last = self._last_ms.get(sample.labels, sample.t_ms)
            self._last_ms[sample.labels] = max(last, sample.t_ms)

    def scraped(self) -> list[Sample]:
        """Return the committed samples without the report's."""
        return [sample for sample in self.committed if sample.name not in REPORT_NAMES]

    def report(self, name: str) -> list[float]:
        """Return the values of one report series, in the order of the scrapes."""
        return [sample.value for sample in self.committed if sample.name == name]


@final
class RecordingRepeater:
    """Does what an appender would, where that is nothing but samples that are all accepted."""

    def __init__(self, storage: RecordingStorage, labels: list[Labels]) -> None:
        self._storage, self._labels = storage, labels
        self._generation, self._handles = storage.generation, self._known()

    def _known(self) -> list[int]:
        return [self._storage.handle(labels) for labels in self._labels]

    def append(self, values: "array[float]", t_ms: int) -> bool:
        storage = self._storage
        assert len(values) == len(self._labels)
        if storage.generation != self._generation or self._known() != self._handles:
            return False
        pairs = list(zip(self._labels, values, strict=True))
        if storage.broken or any(storage.check(labels, t_ms, value) for labels, value in pairs):
            return False
        if storage.commit_error is not None:
            raise storage.commit_error
        storage.repeats += 1
        storage.take([Sample(labels, t_ms, value) for labels, value in pairs])
        return True


@final
class RecordingAppender:
    """One transaction on a `RecordingStorage`."""

    def __init__(self, storage: RecordingStorage) -> None:
        self._storage = storage
        self._samples: list[Sample] = []
        self._exemplars: list[tuple[Labels, Exemplar]] = []
        self._open = True

    def append(self, batch: Batch) -> Appended:
        assert self._open, "the transaction has ended"
        assert len(batch.refs) == len(batch.labels) == len(batch.values)
        assert batch.generation == self._storage.generation, "handles of another generation"
        refs, codes = array("Q"), bytearray()
        error: StorageError | None = None
        times: Iterable[int] = batch.timestamps or [NO_TIMESTAMP] * len(batch.refs)
        starts = batch.starts or [NO_START] * len(batch.refs)
        for place, (labels, own_ms) in enumerate(zip(batch.labels, times, strict=True)):
            value = batch.values[place]
            error = self._error(labels)
            if error is not None:
                break
            t_ms = batch.t_ms if own_ms == NO_TIMESTAMP else own_ms
            code = self._storage.check(labels, t_ms, value)
            codes.append(code)
            refs.append(self._storage.handle(labels) if code is AppendCode.ACCEPTED else 0)
            if code is AppendCode.ACCEPTED:
                histogram = batch.histograms.get(place)
                self._samples.append(Sample(labels, t_ms, value, histogram, starts[place]))
        if batch.metadata is not None:
            names = [labels.get("__name__") for labels in batch.labels]
            self._storage.metadata |= dict(zip(names, batch.metadata, strict=True))
        for position, exemplars in batch.exemplars.items():
            self._exemplars += [(batch.labels[position], exemplar) for exemplar in exemplars]
        count = len(codes)
        refs.extend([0] * (len(batch.refs) - count))
        same = refs == batch.refs
        return Appended(
            batch.refs if same else refs,
            self._storage.generation,
            count,
            bytes(codes) if any(codes) else None,
            self._storage.late_exemplars,
            error=error,
        )

    def _error(self, labels: Labels) -> StorageError | None:
        repeated = labels.repeated_name()
        if repeated is not None:
            return InvalidSeries(f'label name "{repeated}" is not unique: invalid sample')
        return self._storage.broken.get(labels.get("__name__"))

    def commit(self) -> None:
        self._end()
        if self._storage.commit_error is not None:
            raise self._storage.commit_error
        self._storage.exemplars += self._exemplars
        self._storage.take(self._samples)

    def rollback(self) -> None:
        self._end()
        self._storage.rollbacks += 1

    def _end(self) -> None:
        assert self._open, "the transaction has ended already"
        self._open = False
