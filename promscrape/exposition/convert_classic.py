"""From the classic histograms of a text body to samples with custom bounds (S25 to S27).

A group is the lines of one histogram that follow one another: its buckets, count and sum, of one
name and the same labels but for `le`, under the TYPE line of that name. Which lines they are
follows from the series alone, so the groups are found once for a list of series; a scrape then
only puts in the numbers.

Two things differ from Prometheus. The sample has the timestamp of its group, not of whatever
line comes next; and a group that is no histogram is passed on as the series it is made of, where
Prometheus loses it without a word.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, final

from msgspec.structs import replace

from promscrape.exposition.columns import Columns, NewSeries
from promscrape.exposition.created import SeriesLabels
from promscrape.exposition.entries import LabelPairs
from promscrape.exposition.number import parse_float
from promscrape.exposition.runs import Known, runs_of
from promscrape.exposition.selection import Selection
from promscrape.exposition.series_key import series_key
from promscrape.model.classic_histogram import ClassicHistogram
from promscrape.model.exemplar import Exemplar, in_order
from promscrape.model.histogram import Histogram
from promscrape.model.labels import BUCKET_LABEL, METRIC_NAME
from promscrape.model.metadata import MetricType

Identify = Callable[[bytes], tuple[int, bool]]

_SUFFIXES = _BUCKET, _SUM, _COUNT = ("_bucket", "_sum", "_count")


@dataclass(slots=True)
class _Group:
    """The places of one histogram's lines; `buckets` with their bounds."""

    labels: LabelPairs
    series: int = 0
    members: list[int] = field(default_factory=list)
    buckets: list[tuple[int, float]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)

    def convert(self, values: "array[float]") -> Histogram:
        """Raises ValueError where the numbers are none of a histogram."""
        classic = ClassicHistogram()
        for place, bound in self.buckets:
            classic.add_bucket(bound, values[place])
        for place in self.counts:
            classic.count = values[place]
        for place in self.sums:
            classic.sum = values[place]
        return classic.converted()


@final
class ClassicConverter:
    """Converts the histograms in the bodies of one target.

    keep: whether the classic series remain, before the converted sample.
    """

    def __init__(self, labels_of: SeriesLabels, identify: Identify, *, keep: bool) -> None:
        self._labels_of, self._identify, self._keep = labels_of, identify, keep
        self._known = Known()
        self._groups: list[_Group] = []
        self._new: list[NewSeries] = []
        self._failed: frozenset[int] = frozenset()
        self._selection: Selection | None = None
        self._at: dict[int, int] = {}  # where each converted group's sample stands

    def apply(self, columns: Columns) -> Columns:
        """Return the columns with the histograms converted."""
        is_changed = not self._known.is_as_before(columns)
        if is_changed:
            self._find_groups(columns)
        if not self._groups:
            return columns
        converted: dict[int, Histogram] = {}
        for index, group in enumerate(self._groups):
            try:
                converted[index] = group.convert(columns.values)
            except ValueError:
                continue
        failed = frozenset(range(len(self._groups))).difference(converted)
        if is_changed or failed != self._failed:
            self._select(columns, failed)
        new, self._new = [*columns.new, *self._new], []
        return self._filled(replace(columns, new=new), converted)

    def held(self) -> Iterator[int]:
        """Yield the ids that the last body's groups have, converted or not."""
        return (group.series for group in self._groups)

    def _find_groups(self, columns: Columns) -> None:
        self._groups = []
        for run in runs_of(columns.metadata_at, len(columns.series)):
            if run.type is MetricType.HISTOGRAM:
                lines = (
                    _Line(place, *_parts(self._labels_of(columns.series[place]), run.family))
                    for place in range(run.start, run.end)
                )
                self._groups += _groups_of(lines)
        for group in self._groups:
            (_, name), *labels = group.labels
            group.series, is_new = self._identify(series_key(name, labels))
            if is_new:
                self._new.append(NewSeries(group.series, group.labels))

    def _select(self, columns: Columns, failed: frozenset[int]) -> None:
        """Work out which samples a body has when these groups are no histograms."""
        groups = {i: group for i, group in enumerate(self._groups) if i not in failed}
        ends = {group.members[-1]: (i, group) for i, group in groups.items()}
        gone = set() if self._keep else {at for group in groups.values() for at in group.members}
        places: list[int] = []
        series: array[int] = array("I")
        self._at = {}
        for place, series_id in enumerate(columns.series):
            if place not in gone:
                places.append(place)
                series.append(series_id)
            if place in ends:
                index, group = ends[place]
                self._at[index] = len(places)
                places.append(~place)
                series.append(group.series)
        if self._selection is not None and self._selection.series == series:
            series = self._selection.series
        self._failed = failed
        self._selection = Selection(places, series, columns.metadata_at)

    def _filled(self, columns: Columns, converted: Mapping[int, Histogram]) -> Columns:
        assert self._selection is not None
        found = self._selection.of(columns)
        histograms, exemplars = dict(found.histograms), dict(found.exemplars)
        for index, histogram in converted.items():
            at, members = self._at[index], self._groups[index].members
            histograms[at] = histogram
            if timed := list(_timed(columns, members)):
                exemplars[at] = in_order(timed)
            if found.timestamps is not None and columns.timestamps is not None:
                found.timestamps[at] = columns.timestamps[members[-1]]
            if found.starts is not None and columns.starts is not None:
                found.starts[at] = columns.starts[members[0]]
        return replace(found, histograms=histograms, exemplars=exemplars)


class _Line(NamedTuple):
    """One line under a histogram's TYPE; `suffix` is empty where it is no part of one.

    labels: those of the histogram it would belong to, its name first.
    """

    place: int
    labels: LabelPairs
    suffix: str
    bound: float


def _parts(labels: LabelPairs, family: str) -> tuple[LabelPairs, str, float]:
    """Return the labels of the histogram that a series belongs to, what it is of it, its bound."""
    name = labels[0][1]
    suffix = next((end for end in _SUFFIXES if name.endswith(end)), "")
    base = name.removesuffix(suffix)
    others = tuple(sorted(pair for pair in labels[1:] if pair[0] != BUCKET_LABEL))
    bound = math.nan
    if suffix == _BUCKET:
        bound = _bound(next((value for key, value in labels if key == BUCKET_LABEL), ""))
    is_part = base == family and (suffix != _BUCKET or not math.isnan(bound))
    return ((METRIC_NAME, base), *others), suffix if is_part else "", bound


def _bound(text: str) -> float:
    try:
        return parse_float(text.encode("utf-8", "replace"))
    except ValueError:
        return math.nan


def _groups_of(lines: Iterable[_Line]) -> Iterator[_Group]:
    """Yield the groups of one run.

    A line that is no part of a histogram does not end the group of its own labels.
    """
    group: _Group | None = None
    for line in lines:
        if group is not None and line.labels != group.labels:
            yield group
            group = None
        if not line.suffix:
            continue
        group = group or _Group(line.labels)
        group.members.append(line.place)
        if line.suffix == _BUCKET:
            group.buckets.append((line.place, line.bound))
        else:
            (group.counts if line.suffix == _COUNT else group.sums).append(line.place)
    if group is not None:
        yield group


def _timed(columns: Columns, places: Iterable[int]) -> Iterator[Exemplar]:
    """Yield the exemplars of these samples that have a timestamp of their own (S19)."""
    for place in places:
        for exemplar in columns.exemplars.get(place, ()):
            if exemplar.t_ms is not None:
                yield exemplar
