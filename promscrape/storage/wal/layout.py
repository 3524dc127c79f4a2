"""What stays the same from scrape to scrape of a target, worked out once.

A target's scrapes bring the same array of handles until its series change. What follows from the
handles alone is therefore kept beside the array for as long as the caller keeps it: where the
rows lie, and the record's bytes but for the values. The test of order then compares two stretches
of memory, and the encoding fills in the values: 30 ns a sample in place of 500.
"""

import weakref
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import final

from promscrape.model.metadata import Metadata
from promscrape.model.pieces import largest, picked
from promscrape.storage.wal.record import SampleLayout
from promscrape.storage.wal.series import Handles, SeriesTable, stretches
from promscrape.storage.wal.timestamps import advance

MAX_KEPT_SAMPLES = 4_000_000
"""At about 20 bytes a sample; what is over is worked out anew with each scrape."""

_MIN_ROWS_A_STRETCH = 8


@final
class BatchLayout:
    """The series of a batch. Good for one table, while none of them is dropped.

    metadata: the column of the last batch, which the table has taken over.
    starts: those whose zeros are logged. is_kept: whether a cache would tell of a drop.
    """

    __slots__ = (
        "_before_ms",
        "_entries",
        "_last_ms",
        "_ref0",
        "_refs",
        "_stretches",
        "handles",
        "is_kept",
        "metadata",
        "starts",
    )

    def __init__(self, table: SeriesTable, handles: Handles) -> None:
        self.handles = handles[:]
        self.is_kept = False
        self.starts: array[int] | None = None
        self.metadata: Sequence[Metadata | None] | None = None
        found = stretches(handles)
        self._stretches: list[tuple[int, int]] | None = None
        if len(found) * _MIN_ROWS_A_STRETCH <= len(handles) + _MIN_ROWS_A_STRETCH:
            self._stretches = found
        # Series that come together were mostly last seen together.
        self._last_ms = self._before_ms = table.last_ms[handles[0]] if handles else 0
        self._ref0, self._entries = 0, SampleLayout(0, ())
        self._refs: array[int] | None = None

    def shared_refs(self, table: SeriesTable) -> "array[int]":
        """As `refs`, but the same array each time."""
        if self._refs is None:
            self._refs = self.refs(table)
        return self._refs

    def refs(self, table: SeriesTable) -> "array[int]":
        """Return what the log knows the series by."""
        return refs_of(table, self.handles)

    def entries(self, table: SeriesTable, ref0: int) -> SampleLayout:
        """Return the layout of the samples in a record whose first ref is `ref0`."""
        if self._ref0 != ref0:
            self._ref0, self._entries = ref0, SampleLayout(ref0, self.refs(table))
        return self._entries

    def has_any(self, rows: Sequence[int]) -> bool:
        """Whether one of these rows, given in ascending order, is a series of this batch."""
        if self._stretches is None:
            return not set(rows).isdisjoint(self.handles)
        return any(bisect_left(rows, a) < bisect_left(rows, b) for a, b in self._stretches)

    def all_follow(self, table: SeriesTable, t_ms: int) -> bool:
        """Whether a sample at `t_ms` is surely after the last one of each series."""
        rows = self._stretches
        if rows is not None and t_ms > self._last_ms and table.are_at(rows, self._last_ms):
            return True
        return largest(picked(table.last_ms, self.handles, "q")) < t_ms

    def advance(self, table: SeriesTable, t_ms: int) -> bool:
        """Make `t_ms` the last timestamp of each series, if all stand at one moment before it.

        Nothing changes where they do not, or lie in many stretches.
        """
        before_ms, rows = self._last_ms, self._stretches
        if rows is None or t_ms <= before_ms or not advance(table.last_ms, rows, before_ms, t_ms):
            return False
        self._before_ms, self._last_ms = before_ms, t_ms
        return True

    def step_back(self, table: SeriesTable) -> None:
        """Take back what `advance` did just before."""
        table.move_to(self._stretches or (), self._before_ms)
        self._last_ms = self._before_ms

    def commit(self, table: SeriesTable, t_ms: int) -> None:
        """Make `t_ms` the last timestamp of each series, where it is after it."""
        rows = self._stretches
        if rows is not None and (
            (t_ms >= self._last_ms and table.are_at(rows, self._last_ms))
            or table.are_until(rows, t_ms)
        ):
            table.move_to(rows, t_ms)
        else:
            table.raise_to(self.handles, repeat(t_ms))
        self._last_ms = t_ms


@final
class LayoutCache:
    """Layouts by the array of handles they belong to, which they do not keep alive."""

    def __init__(self, max_samples: int = MAX_KEPT_SAMPLES) -> None:
        self._room = max_samples
        self._kept: dict[int, tuple[weakref.ref[Handles], BatchLayout]] = {}

    def find(self, handles: Handles) -> BatchLayout | None:
        kept = self._kept.get(id(handles))
        # The comparison costs next to nothing, and an array that was changed in place would
        # otherwise give its values to the wrong series.
        return kept[1] if kept and kept[1].handles == handles else None

    def keep(self, handles: Handles, layout: BatchLayout) -> None:
        """Keep a layout as long as the array, if there is room for it."""
        key = id(handles)
        self._forget(key)
        if len(handles) <= self._room:
            self._room -= len(handles)
            self._kept[key] = weakref.ref(handles, lambda _: self._forget(key)), layout
            layout.is_kept = True

    def _forget(self, key: int) -> None:
        kept = self._kept.pop(key, None)
        if kept:
            self._room += len(kept[1].handles)
            kept[1].is_kept = False

    def forget_all(self) -> None:
        for key in list(self._kept):
            self._forget(key)

    def forget_rows(self, rows: Iterable[int]) -> None:
        """Let go of the layouts that have one of these rows, whose series were dropped."""
        gone = sorted(rows)
        for key, (_, layout) in list(self._kept.items()):
            if layout.has_any(gone):
                self._forget(key)


def refs_of(table: SeriesTable, rows: "array[int]") -> "array[int]":
    return picked(table.refs, rows, "Q")
