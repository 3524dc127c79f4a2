"""Which family's metadata goes with each sample, for storages that keep it (S21, S22)."""

from array import array
from collections.abc import Mapping, Sequence
from typing import final

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import MetadataEntry
from promscrape.exposition.runs import Known, runs_of
from promscrape.model.kept_labels import KeptLabels, Values
from promscrape.model.labels import METRIC_NAME
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.metadata_runs import MetadataRuns

_NOWHERE = slice(0, 0)
_SUFFIXES: Mapping[MetricType, tuple[str, ...]] = {
    MetricType.COUNTER: ("_total",),
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
    MetricType.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    MetricType.SUMMARY: ("_sum", "_count"),
    MetricType.INFO: ("_info",),
}


def belongs(name: str, family: str, type_: MetricType) -> bool:
    """Whether a series of this name is one of the family. Source: Prometheus scrape/scrape.go."""
    if name == family:
        return True
    return any(name == family + suffix for suffix in _SUFFIXES.get(type_, ()))


@final
class MetadataColumn:
    """The metadata of one target's samples, worked out anew only when a line or a series changes."""

    def __init__(self, families: Mapping[str, Metadata]) -> None:
        self._families = families
        self._ids: array[int] = array("I")
        self._lines: Sequence[MetadataEntry] = ()
        self._known = Known()
        self._column = self._newest = MetadataRuns()

    def of(
        self, ids: "array[int]", labels: KeptLabels, keep: bytes | None, columns: Columns
    ) -> Sequence[Metadata | None]:
        """Return the metadata for the samples of a body that `keep` selects; None for none.

        ids, labels: of those samples. The column is the very object of the call before while it
        says the same.
        """
        is_known = self._known.is_as_before(columns)
        if not is_known or ids is not self._ids or columns.metadata is not self._lines:
            newest = self._metadata(ids, labels, keep, columns)
            self._column = self._column if self._column.says_as(newest) else newest
            self._newest, self._ids, self._lines = newest, ids, columns.metadata
        return self._column

    def _metadata(
        self, ids: "array[int]", labels: KeptLabels, keep: bytes | None, columns: Columns
    ) -> MetadataRuns:
        column = MetadataRuns()
        places = self._newest.places()
        # At first sight all are looked at; later the few runs with series that were not there.
        names = None if self._ids else labels.values_of(METRIC_NAME)
        for run in runs_of(columns.metadata_at, len(columns.series)):
            size = run.end - run.start if keep is None else keep.count(1, run.start, run.end)
            family, metadata = run.named_last, self._families.get(run.named_last)
            begin = len(column)
            end = min(begin + size, len(ids))
            if metadata is not None:
                # A stranger among a family's series hides its metadata from those behind it.
                count = end - begin
                if ids[begin:end] != self._ids[places.get((family, metadata.type), _NOWHERE)]:
                    if names is None:
                        own = labels[begin:end].values_of(METRIC_NAME)
                    else:
                        own = names.between(begin, end)
                    count = _belonging_first(own, family, metadata.type)
                column.add(family, metadata, count)
            column.add(family, None, end - len(column))
        return column


def _belonging_first(names: Values, family: str, type_: MetricType) -> int:
    """Return how many of a run's samples are of its family, up to the first that is not."""
    present = set(names.numbers)
    strangers = {at for at in present if not belongs(names.texts[at], family, type_)}
    if not strangers:
        return len(names.numbers)
    return next(at for at, number in enumerate(names.numbers) if number in strangers)
