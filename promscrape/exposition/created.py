"""The `_created` lines of OpenMetrics text: no samples, but when counters started (O20, O21).

Under a counter, a summary or a histogram a line whose name ends in `_created` says when the
series of its labels began. Each other sample looks ahead for the next such line and takes it if
it has the sample's family and labels; a metadata line ends the view. Which line serves which
sample follows from the names alone, so it is worked out once for a list of series.
"""

import math
from array import array
from collections import deque
from collections.abc import Callable
from typing import final

from msgspec.structs import replace

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import LabelPairs
from promscrape.exposition.runs import Known, Run, runs_of
from promscrape.exposition.selection import Selection
from promscrape.model.labels import BUCKET_LABEL, QUANTILE_LABEL
from promscrape.model.metadata import MetricType
from promscrape.model.sample import NO_START

SeriesLabels = Callable[[int], LabelPairs]
"""The labels of a series by its id, its name first, as its text has them."""

_SUFFIX = "_created"
_OWN_LABELS = {
    MetricType.COUNTER: "",
    MetricType.SUMMARY: QUANTILE_LABEL,
    MetricType.HISTOGRAM: BUCKET_LABEL,
}
"""The types that have a start, with the label that tells the samples of one such series apart."""

_Identity = tuple[str, LabelPairs]


@final
class CreatedLines:
    """Takes the `_created` lines out of the bodies of one target."""

    def __init__(self, labels_of: SeriesLabels) -> None:
        self._labels_of = labels_of
        self._known = Known()
        self._selection: Selection | None = None
        # For each sample that remains, the place of the line with its start, or -1.
        self._start_at: list[int] = []

    def apply(self, columns: Columns) -> Columns:
        """Return the columns with the lines as start timestamps."""
        if not self._known.is_as_before(columns):
            self._prepare(columns)
        if self._selection is None:
            return columns
        values = columns.values
        starts = [NO_START if at < 0 else _ms(values[at]) for at in self._start_at]
        return replace(self._selection.of(columns), starts=array("q", starts))

    def _prepare(self, columns: Columns) -> None:
        labels = [self._labels_of(series_id) for series_id in columns.series]
        kept: list[int] = []
        self._start_at = []
        for run in runs_of(columns.metadata_at, len(labels)):
            places, starts = list(range(run.start, run.end)), [-1] * (run.end - run.start)
            if run.type in _OWN_LABELS:
                places, starts = _starts_in(run, labels)
            kept += places
            self._start_at += starts
        last, self._selection = self._selection, None
        if len(kept) < len(labels):
            series = array("I", [columns.series[at] for at in kept])
            if last is not None and last.series == series:
                series = last.series
            self._selection = Selection(kept, series, columns.metadata_at)


def _starts_in(run: Run, labels: list[LabelPairs]) -> tuple[list[int], list[int]]:
    """Return the places of a run's samples, and of the line with the start of each, or -1."""
    created = deque(at for at in range(run.start, run.end) if labels[at][0][1].endswith(_SUFFIX))
    kept, starts = [], []
    known: _Identity | None = None
    source = -1
    for at in range(run.start, run.end):
        if created and created[0] == at:
            created.popleft()
            continue
        identity = _identity(run, labels[at])
        if known is None or identity != known:
            found = bool(created) and _identity(run, labels[created[0]]) == identity
            known, source = (identity, created[0]) if found else (None, -1)
        kept.append(at)
        starts.append(source)
    return kept, starts


def _identity(run: Run, labels: LabelPairs) -> _Identity:
    """Return what a sample and its `_created` line share: order matters, and blanks do not."""
    own = _OWN_LABELS[run.type]
    others = tuple(pair for pair in labels[1:] if pair[0] != own)
    return labels[0][1][: len(run.named_last)], others


def _ms(seconds: float) -> int:
    """Return a start in milliseconds, cut towards zero; what is no time is no start."""
    ms = seconds * 1000
    return int(ms) if math.isfinite(ms) and abs(ms) < 2.0**63 else NO_START
