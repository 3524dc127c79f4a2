"""Float samples of a transaction that were accepted and are not logged yet."""

from array import array
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol, final

import msgspec

from promscrape.storage.wal.layout import BatchLayout, refs_of
from promscrape.storage.wal.record import encode_entries
from promscrape.storage.wal.series import Handles, SeriesTable
from promscrape.storage.wal.tail import Floats


class PendingFloats(Protocol):
    """One sample or more, in the order of their appends."""

    @property
    def count(self) -> int:
        """How many samples there are."""

    def head(self, table: SeriesTable) -> tuple[int, int]:
        """Return the ref and the timestamp of the first one."""

    def encode(self, table: SeriesTable, head: tuple[int, int]) -> bytes | bytearray:
        """Return the entries for a record of type 2 with this head."""

    @property
    def newest_ms(self) -> int:
        """The newest timestamp."""

    def columns(self, table: SeriesTable) -> Floats:
        """Return the samples as readers of the log get them."""

    def commit(self, table: SeriesTable) -> None:
        """Move the series' last timestamps."""


@final
@dataclass(slots=True)  # not frozen, for the reason given at `Columns`
class Whole:
    """A batch that was taken as it came, at one timestamp."""

    layout: BatchLayout
    values: "array[float]"
    t_ms: int
    starts: "array[int] | None" = None

    @property
    def count(self) -> int:
        return len(self.values)

    def head(self, table: SeriesTable) -> tuple[int, int]:
        return table.refs[self.layout.handles[0]], self.t_ms

    def encode(self, table: SeriesTable, head: tuple[int, int]) -> bytes | bytearray:
        if self.t_ms == head[1]:
            return self.layout.entries(table, head[0]).encode(self.values)
        refs = refs_of(table, self.layout.handles)
        return encode_entries(head, refs, repeat(self.t_ms, len(refs)), self.values)

    @property
    def newest_ms(self) -> int:
        return self.t_ms

    def columns(self, table: SeriesTable) -> Floats:
        # The caller may fill its array anew for the next scrape.
        refs = self.layout.shared_refs(table)
        return Floats(refs, self.values[:], self.t_ms, starts=self.starts)

    def commit(self, table: SeriesTable) -> None:
        self.layout.commit(table, self.t_ms)


@final
class Picked(msgspec.Struct, frozen=True):
    """What was left of a batch, or what had timestamps of its own."""

    handles: Handles
    timestamps_ms: "array[int]"
    values: "array[float]"
    starts: "array[int] | None" = None

    @property
    def count(self) -> int:
        return len(self.values)

    def head(self, table: SeriesTable) -> tuple[int, int]:
        return table.refs[self.handles[0]], self.timestamps_ms[0]

    def encode(self, table: SeriesTable, head: tuple[int, int]) -> bytes | bytearray:
        return encode_entries(head, refs_of(table, self.handles), self.timestamps_ms, self.values)

    @property
    def newest_ms(self) -> int:
        return max(self.timestamps_ms)

    def columns(self, table: SeriesTable) -> Floats:
        refs, times = refs_of(table, self.handles), self.timestamps_ms
        return Floats(refs, self.values, times[0], times, self.starts)

    def commit(self, table: SeriesTable) -> None:
        table.raise_to(self.handles, self.timestamps_ms)
