"""Series of a destination for tests, without a log."""

from array import array
from collections.abc import Mapping, Sequence

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.metadata import Metadata
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.series import LabelPipeline, RemoteSeries
from promscrape.storage.wal.record_types import LoggedSeries


class NamedSeries:
    """Implements `SeriesNames`: the ref of a label set is its place, from 1 on."""

    def __init__(self, *labels: Labels) -> None:
        self.labels = list(labels)

    def named(self, ref: int) -> LoggedSeries | None:
        if 0 < ref <= len(self.labels):
            return LoggedSeries(ref, self.labels[ref - 1].wire)
        return None

    def rows_in(self, labels: LabelStore, refs: "array[int]") -> "array[int]":
        del labels
        return array("I", [0]) * len(refs)


def remote_series(
    *,
    external: Mapping[str, str] | None = None,
    rules: Sequence[RelabelConfig] = (),
    metadata: Mapping[int, Metadata] | None = None,
) -> RemoteSeries:
    """Return series without rows. metadata: by ref; what is changed there is seen at once."""
    known = metadata if metadata is not None else {}
    return RemoteSeries(
        LabelPipeline(external or {}, rules, ValidationScheme.UTF8),
        metadata=known.get,
        metadata_changes=lambda: hash(tuple(known.items())) & 0xFFFF_FFFF,
    )


def columns_of(
    series: RemoteSeries,
    items: Sequence[tuple[Labels, float | Histogram, int]],
    *,
    starts: Sequence[int] | None = None,
    exemplars: Mapping[int, Sequence[Exemplar]] | None = None,
) -> Columns:
    """Return columns of (labels, value, timestamp), with a ref for each label set."""
    labels = list(dict.fromkeys(label_set for label_set, _, _ in items))
    refs = array("Q", [1 + labels.index(label_set) for label_set, _, _ in items])
    return Columns(
        rows=series.rows(refs, NamedSeries(*labels)).rows,
        timestamps=array("q", [t_ms for _, _, t_ms in items]),
        values=array("d", [0.0 if isinstance(v, Histogram) else v for _, v, _ in items]),
        starts=None if starts is None else array("q", starts),
        histograms={at: v for at, (_, v, _) in enumerate(items) if isinstance(v, Histogram)},
        exemplars=exemplars or {},
    )
