"""The zeros that counters began with, written where a target says when that was (S17).

Without them a query cannot tell a counter's first value from what it counted before. A zero goes
in at the start of a sample that is after it, and only where the series has nothing from then on;
at every later scrape it is refused as out of order, which is no error.
"""

from array import array
from dataclasses import dataclass, field
from typing import final

from promscrape.model.histogram import empty_like
from promscrape.model.sample import NO_START
from promscrape.storage.interface import Batch
from promscrape.storage.wal.layout import BatchLayout
from promscrape.storage.wal.pending import Picked
from promscrape.storage.wal.record_types import LoggedHistogram
from promscrape.storage.wal.series import SeriesTable


@final
@dataclass(slots=True)
class Zeros:
    """The zeros of one batch; each histogram with its handle."""

    handles: "array[int]" = field(default_factory=lambda: array("Q"))
    times: "array[int]" = field(default_factory=lambda: array("q"))
    histograms: list[tuple[int, LoggedHistogram]] = field(default_factory=list)

    def floats(self) -> Picked | None:
        values = array("d", bytes(8 * len(self.handles)))
        return Picked(self.handles, self.times, values) if values else None


def zeros_of(
    batch: Batch,
    times_ms: "array[int]",
    layout: BatchLayout,
    table: SeriesTable,
    max_age_ms: int,
) -> Zeros:
    """Return the zeros that belong before the samples of a batch, which are at `times_ms`.

    max_age_ms: how much older than its sample a zero may be.
    """
    zeros, last_ms = Zeros(), table.last_ms
    columns = zip(layout.handles, batch.starts or (), times_ms, strict=False)
    for place, (handle, start_ms, t_ms) in enumerate(columns):
        is_new = last_ms[handle] < start_ms < t_ms
        if start_ms == NO_START or not is_new or start_ms < t_ms - max_age_ms:
            continue
        histogram = batch.histograms.get(place)
        if histogram is None:
            zeros.handles.append(handle)
            zeros.times.append(start_ms)
        else:
            logged = LoggedHistogram(table.refs[handle], start_ms, empty_like(histogram))
            zeros.histograms.append((handle, logged))
    return zeros
