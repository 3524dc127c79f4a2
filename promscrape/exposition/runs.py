"""The stretches of a body between its metadata lines, each with the family it stands under.

What a line means beyond itself (that it belongs to a histogram, that it says when a counter
started) follows from the metadata lines before it. This page finds that out from the columns of
a body, so that the scan itself need not.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, final

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import MetadataEntry, TypeEntry, UnitEntry
from promscrape.model.metadata import MetricType


@final
class Run(NamedTuple):
    """Samples `start` to `end` of a body, without a metadata line between them.

    family, type: of the last TYPE line, whatever it is that follows. unit: of that family.
    named_last: the family of the last metadata line of any kind.
    """

    start: int
    end: int
    family: str
    type: MetricType
    unit: str
    named_last: str


@final
class Known:
    """Whether a body has the series and the metadata lines of the last one, where they stood."""

    __slots__ = ("_metadata_at", "_series")

    def __init__(self) -> None:
        self._series: array[int] = array("I")
        self._metadata_at: Mapping[int, Sequence[MetadataEntry]] = {}

    def is_as_before(self, columns: Columns) -> bool:
        """Compare the columns with those of the call before."""
        series, metadata_at = self._series, self._metadata_at
        self._series, self._metadata_at = columns.series, columns.metadata_at
        # Lines may move or change their type while the series stay the same.
        return columns.series is series and (
            columns.metadata_at is metadata_at or columns.metadata_at == metadata_at
        )


def runs_of(metadata_at: Mapping[int, Sequence[MetadataEntry]], samples: int) -> Iterator[Run]:
    """Yield the runs of a body of so many samples; together they are all of it."""
    # Plain names: a Run that is replaced at each line costs six times as much.
    start, family, kind, unit, named_last = 0, "", MetricType.UNKNOWN, "", ""
    units: dict[str, str] = {}
    for place, entries in sorted(metadata_at.items()):
        if place > start:
            yield Run(start, min(place, samples), family, kind, unit, named_last)
        for entry in entries:
            start, named_last = place, entry.family
            if isinstance(entry, TypeEntry):
                family, kind = entry.family, entry.type
            elif isinstance(entry, UnitEntry):
                units[entry.family] = entry.unit
        unit = units.get(family, "")
    if samples > start:
        yield Run(start, samples, family, kind, unit, named_last)
