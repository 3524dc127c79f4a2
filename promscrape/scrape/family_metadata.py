"""Which family's metadata goes with each sample, for storages that keep it (S21, S22)."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import final

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import MetadataEntry
from promscrape.exposition.runs import Known, runs_of
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.model.metadata import Metadata, MetricType

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
        self._column: list[Metadata | None] = []

    def of(
        self, ids: "array[int]", labels: Sequence[Labels], keep: bytes | None, columns: Columns
    ) -> Sequence[Metadata | None]:
        """Return the metadata for the samples of a body that `keep` selects; None for none.

        ids, labels: of those samples. The column is the very object of the call before while it
        says the same.
        """
        is_known = self._known.is_as_before(columns)
        if not is_known or ids is not self._ids or columns.metadata is not self._lines:
            column = list(self._metadata(labels, keep, columns))
            if len(column) != len(self._column) or any(
                new is not old for new, old in zip(column, self._column, strict=True)
            ):
                self._column = column
            self._ids, self._lines = ids, columns.metadata
        return self._column

    def _metadata(
        self, labels: Iterable[Labels], keep: bytes | None, columns: Columns
    ) -> Iterable[Metadata | None]:
        of_sample = iter(labels)
        for run in runs_of(columns.metadata_at, len(columns.series)):
            metadata = self._families.get(run.named_last)
            places: Iterable[int] = range(run.start, run.end)
            for _ in places if keep is None else compress(places, keep[run.start : run.end]):
                own = next(of_sample, None)
                if own is None:
                    return
                # A stranger among a family's series hides its metadata from those behind it.
                if metadata and not belongs(own.get(METRIC_NAME), run.named_last, metadata.type):
                    metadata = None
                yield metadata
