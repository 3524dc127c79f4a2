"""A selection of the samples of a body, in columns like the body's."""

from array import array
from collections.abc import Mapping, Sequence
from typing import final

from msgspec.structs import replace

from promscrape.exposition.columns import Columns
from promscrape.exposition.entries import MetadataEntry
from promscrape.model.sample import NO_START, NO_TIMESTAMP


@final
class Selection:
    """Which of a body's samples remain, worked out once for a list of series.

    places: where each remaining sample stood. A sample that is made of others has the complement
        (`~place`) of the place of the last of them, and no value yet.
    series: the ids of the remaining samples.
    """

    __slots__ = ("_metadata_at", "_moved", "places", "series")

    def __init__(
        self,
        places: Sequence[int],
        series: "array[int]",
        metadata_at: Mapping[int, Sequence[MetadataEntry]],
    ) -> None:
        self.places, self.series = places, series
        self._moved = {place: at for at, place in enumerate(places) if place >= 0}
        self._metadata_at = _moved_metadata(metadata_at, places)

    def of(self, columns: Columns) -> Columns:
        """Return the samples that remain of a body with these series."""
        values, moved = columns.values, self._moved
        return replace(
            columns,
            series=self.series,
            values=array("d", [values[at] if at >= 0 else 0.0 for at in self.places]),
            timestamps=self._column(columns.timestamps, NO_TIMESTAMP),
            starts=self._column(columns.starts, NO_START),
            exemplars={moved[at]: found for at, found in columns.exemplars.items() if at in moved},
            histograms={
                moved[at]: found for at, found in columns.histograms.items() if at in moved
            },
            metadata_at=self._metadata_at,
        )

    def _column(self, column: "array[int] | None", missing: int) -> "array[int] | None":
        if column is None:
            return None
        return array("q", [column[at] if at >= 0 else missing for at in self.places])


def _moved_metadata(
    metadata_at: Mapping[int, Sequence[MetadataEntry]], places: Sequence[int]
) -> dict[int, Sequence[MetadataEntry]]:
    """Return the metadata lines by the place that the sample behind them now has."""
    stood = [place if place >= 0 else ~place for place in places]
    moved: dict[int, Sequence[MetadataEntry]] = {}
    at = 0
    for place, entries in sorted(metadata_at.items()):
        while at < len(stood) and stood[at] < place:
            at += 1
        moved[at] = (*moved.get(at, ()), *entries)
    return moved
