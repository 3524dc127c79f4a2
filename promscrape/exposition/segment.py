"""A stretch of a body's samples, and the columns that stretches are put together to."""

from array import array
from collections.abc import Mapping, Sequence
from typing import TypeVar, final

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.sample import NO_START, NO_TIMESTAMP

Exemplars = tuple[Exemplar, ...]
Sparse = TypeVar("Sparse")

_NOTHING: Mapping[int, Histogram] = {}
_NO_EXEMPLARS: Mapping[int, Exemplars] = {}


@final
class Segment:
    """Samples in columns; `times` and `starts` are None as long as no sample has one."""

    __slots__ = ("exemplars", "histograms", "series", "starts", "times", "values")

    def __init__(self) -> None:
        self.series: array[int] = array("I")
        self.values: array[float] = array("d")
        self.times: array[int] | None = None
        self.starts: array[int] | None = None
        self.exemplars: dict[int, Exemplars] = {}
        self.histograms: dict[int, Histogram] = {}

    def add(
        self,
        series: "array[int]",
        values: Sequence[float],
        *,
        t_ms: int | None = None,
        start_ms: int = NO_START,
        exemplars: Mapping[int, Exemplars] = _NO_EXEMPLARS,
        histograms: Mapping[int, Histogram] = _NOTHING,
    ) -> None:
        """Append samples that share a timestamp; the positions are those within them."""
        at, count = len(self.values), len(values)
        if t_ms is not None or self.times is not None:
            own_ms = NO_TIMESTAMP if t_ms is None else t_ms
            self.times = _extended(self.times, at, [own_ms] * count, NO_TIMESTAMP)
        if start_ms != NO_START or self.starts is not None:
            self.starts = _extended(self.starts, at, [start_ms] * count, NO_START)
        _put(self.exemplars, at, exemplars)
        _put(self.histograms, at, histograms)
        self.series.extend(series)
        self.values.extend(values)

    @property
    def is_bare(self) -> bool:
        """Whether there are only values."""
        return not (self.exemplars or self.histograms or self.times or self.starts)

    def append(self, other: "Segment") -> None:
        """Append the samples of another segment, which stays as it is."""
        at, count = len(self.values), len(other.values)
        self.series.extend(other.series)
        self.values.extend(other.values)
        if other.is_bare and self.times is None and self.starts is None:
            return
        if other.times is not None or self.times is not None:
            times = other.times or [NO_TIMESTAMP] * count
            self.times = _extended(self.times, at, times, NO_TIMESTAMP)
        if other.starts is not None or self.starts is not None:
            self.starts = _extended(self.starts, at, other.starts or [NO_START] * count, NO_START)
        _put(self.exemplars, at, other.exemplars)
        _put(self.histograms, at, other.histograms)


def _extended(
    column: "array[int] | None", at: int, added: Sequence[int], missing: int
) -> "array[int]":
    """Return the column, filled up to position `at`, with what is added behind it."""
    column = array("q", [missing]) * at if column is None else column
    column.extend(added)
    return column


def _put(sparse: dict[int, Sparse], at: int, added: Mapping[int, Sparse]) -> None:
    if added:
        sparse.update({at + position: found for position, found in added.items()})
