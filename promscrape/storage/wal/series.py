"""The series in memory: a million of them, so that they lie in columns.

A series is a row, that of its label set in the store of label sets. Its number is the handle that
callers cache; 0 is no series. The row of a series that was dropped is given out again once nobody
else holds the label set: who caches a handle and holds the label set, as the caches of scrapes do,
has a handle that is this series' or nobody's. Handles that come with labels of their own are
compared with them. A row's ref, the number that the log knows the series by, is never used again.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import count
from operator import attrgetter
from typing import TypeAlias, TypeGuard, final

from promscrape.errors import InvalidSeries
from promscrape.model.exemplar import Exemplar
from promscrape.model.kept_labels import KeptLabels
from promscrape.model.label_columns import hold_all, repeats_any_name
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.model.pieces import has_zero, largest, picked, put, put_each, zeros
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.storage.interface import Batch
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.ref_index import RefIndex
from promscrape.storage.wal.series_metadata import SeriesMetadata

Handles: TypeAlias = "array[int]"
Rows: TypeAlias = Sequence[tuple[int, int]]
"""Rows in a few stretches, each a first row and the row after its last."""

_EMPTY = 0
_NO_REF = 0
_NEVER_SILENT_MS = (1 << 63) - 1
_wire = attrgetter("wire")
# One count for all tables of the process: handles of a log that was closed are not those of the
# next one.
_generations = count(1)


@final
class SeriesTable:
    """All series that were seen lately. Used by one thread, except where a method says so.

    labels: the store of their label sets, each of which the table holds once. metadata: what is
    known of their families, by row.
    """

    def __init__(self) -> None:
        self.labels = LabelStore()
        self.generation = next(_generations)
        self.next_ref = 1
        # Row 0 stands for an unknown series, and looks like one whose label set others hold.
        self.refs = array("Q", (_NO_REF,))
        self.last_ms = array("q", (_NEVER_SILENT_MS,))
        self.latest_exemplars: dict[int, Exemplar] = {}
        self.histogram_kinds: dict[int, bool] = {}
        """Whether a row's histograms are of floats; rows without histograms are not in it."""
        self.metadata = SeriesMetadata()
        self._count = 0
        self._by_ref = RefIndex()
        self._aliases: dict[int, int] = {}  # a ref that the log also has a series under: its own
        self._unlogged: dict[int, None] = {}  # rows, in the order in which they were filled

    def __len__(self) -> int:
        return self._count

    @property
    def end(self) -> int:
        """The row after the last one that was ever used."""
        return len(self.refs)

    def find(self, wire: bytes) -> int:
        """Return the handle of the series with this label set, or 0. Any thread may ask."""
        return self._known(self.labels.find(wire))

    def _known(self, row: int) -> int:
        """Return the row if it is a series', else 0."""
        return row if row < len(self.refs) and self.refs[row] != _NO_REF else 0

    def series_at(self, row: int) -> LoggedSeries | None:
        """Return the series of a row, None where there is none. Any thread may ask."""
        ref, wire = self.refs[row], self.labels.wire(row)
        # A ref is never used again: if it is the same after the label set was read, that was its.
        return LoggedSeries(ref, wire) if ref != _NO_REF and ref == self.refs[row] else None

    def insert(self, ref: int, wire: bytes) -> int:
        """Add a series that the log has under `ref`, and return its handle."""
        row = self.labels.keep(wire)
        self._fill(row, ref)
        return row

    def _fill(self, row: int, ref: int) -> None:
        """Let a row that is held for the table be the series with this ref."""
        self._make_room(row)
        self.last_ms[row], self.refs[row] = NO_TIMESTAMP, ref
        self._by_ref[ref] = row
        self._count += 1
        self.next_ref = max(self.next_ref, ref + 1)

    def _make_room(self, row: int) -> None:
        """Have a place for this row."""
        missing = row + 1 - len(self.refs)
        if missing > 0:
            self.last_ms.extend(array("q", (_NEVER_SILENT_MS,)) * missing)
            self.refs.extend(array("Q", (_NO_REF,)) * missing)

    def add_alias(self, ref: int, handle: int) -> None:
        """Take note that the log has the series of `handle` under `ref`, too."""
        self._aliases[ref] = self.refs[handle]

    def take_aliases(self, refs: Iterable[int]) -> list[int]:
        """Forget the other refs that the log has these series under, and return them."""
        if not self._aliases:
            return []
        own = set(refs)
        found = [alias for alias, ref in self._aliases.items() if ref in own]
        for alias in found:
            del self._aliases[alias]
        return found

    def named(self, ref: int) -> LoggedSeries | None:
        """Return the series that the log has under `ref`, with its own ref; None once dropped.

        Any thread may ask; while series are dropped it may hear None of one that is known.
        """
        own = self._aliases.get(ref, ref)
        series = self.series_at(self._by_ref[own])
        return series if series is not None and series.ref == own else None

    def rows_in(self, labels: LabelStore, refs: "array[int]") -> "array[int]":
        """Return the row of each series with its own ref among these, 0 for all others.

        labels: the store that rows are wanted of; there are none of any but the table's.
        """
        return self._by_ref.rows(refs) if labels is self.labels else array("I", [0]) * len(refs)

    def handles_of(self, refs: "array[int]") -> Handles:
        """Return the handle of each ref, 0 where it is unknown."""
        if not self._aliases:
            return array("Q", self._by_ref.rows(refs))
        aliases = self._aliases
        own = array("Q", [aliases.get(ref, ref) for ref in refs])
        return array("Q", self._by_ref.rows(own))

    def resolve(self, batch: Batch) -> tuple[Handles, InvalidSeries | None]:
        """Return the handles of the batch's series, up to the first one that cannot be a series.

        Unknown series are created. Handles are believed only where they are of this table and of
        the series; the array is the batch's own where it was right throughout.
        """
        handles = self._believed(batch)
        if handles is batch.refs:
            return handles, None
        unknown = zeros(handles)
        labels = batch.labels
        if not (self._holds_rows(labels) and self._create_all(labels, unknown, handles)):
            for position in unknown:
                try:
                    handles[position] = self._known_or_created(labels, position)
                except InvalidSeries as exc:
                    return handles[:position], exc
        return (batch.refs if handles == batch.refs else handles), None

    def _believed(self, batch: Batch) -> Handles:
        """Return the batch's own array, or a new one with zeros for what is left to find out."""
        if batch.generation == self.generation:
            try:
                refs = picked(self.refs, batch.refs, "Q")
            except IndexError:
                return self._looked_up(batch)
            if self._holds_rows(batch.labels):
                if not has_zero(refs):
                    return batch.refs
                handles = batch.refs[:]
                put(handles, zeros(refs), 0)
                return handles
        return self._looked_up(batch)

    def _holds_rows(self, labels: Sequence[Labels]) -> TypeGuard[KeptLabels]:
        """Whether these label sets are held in the store, and their rows will stay theirs."""
        return isinstance(labels, KeptLabels) and labels.store is self.labels

    def _looked_up(self, batch: Batch) -> Handles:
        labels = batch.labels
        if self._holds_rows(labels):
            return self._handles_of_rows(labels.rows())
        return array("Q", map(self.find, map(_wire, labels)))

    def _create_all(self, labels: KeptLabels, places: "array[int]", handles: Handles) -> bool:
        """Let the label sets at these places be new series, where nothing is odd about them."""
        rows = labels.rows_at(places)
        is_odd = (
            len(set(rows)) < len(rows)
            or min(rows, default=0) == _EMPTY
            or (min(rows) < len(self.refs) and any(map(self._known, rows)))
            or repeats_any_name(self.labels, rows)
        )
        if is_odd:
            return False
        hold_all(self.labels, rows)
        self._fill_all(rows)
        self._unlogged.update(dict.fromkeys(rows))
        put_each(handles, places, rows)
        return True

    def _fill_all(self, rows: "array[int]") -> None:
        """Let rows that are held for the table be new series."""
        self._make_room(max(rows))
        put(self.last_ms, rows, NO_TIMESTAMP)
        put_each(self.refs, rows, array("Q", range(self.next_ref, self.next_ref + len(rows))))
        self._by_ref.put_run(self.next_ref, rows)
        self._count += len(rows)
        self.next_ref += len(rows)

    def _handles_of_rows(self, rows: "array[int]") -> Handles:
        handles = array("Q", bytes(8 * len(rows)))
        places = array("I", range(len(rows)))
        if largest(rows) >= len(self.refs):
            places = array("I", [at for at, row in enumerate(rows) if row < len(self.refs)])
            rows = picked(rows, places, "I")
        put_each(handles, places, rows)
        unknown = picked(places, zeros(picked(self.refs, rows, "Q")), "I")
        put(handles, unknown, 0)
        return handles

    def _known_or_created(self, labels: Sequence[Labels], position: int) -> int:
        if self._holds_rows(labels):
            row = labels.row(position)
            self.labels.hold(row)
        else:
            row = self.labels.keep(labels[position].wire)
        if not self._known(row):
            self._create(row)
            return row
        self.labels.let_go(row)
        return row

    def _create(self, row: int) -> None:
        """Let a row that is held for the table be a new series."""
        if row == 0:
            raise InvalidSeries("empty labelset: invalid sample")
        if self.labels.repeats_name(row):
            name = Labels(self.labels.wire(row)).repeated_name()
            self.labels.let_go(row)
            raise InvalidSeries(f'label name "{name}" is not unique: invalid sample')
        self._fill(row, self.next_ref)
        self._unlogged[row] = None

    def metadata_of(self, wire: bytes) -> Metadata | None:
        """Return what is known of the family of the series with this label set."""
        return self.metadata.of(self.find(wire))

    def unlogged(self) -> "array[int]":
        """Return the rows of the series that the log does not have yet."""
        return array("I", self._unlogged)

    @property
    def has_unlogged(self) -> bool:
        """Whether there are series that the log does not have yet."""
        return bool(self._unlogged)

    def mark_logged(self) -> None:
        """Take note that the log has all series."""
        self._unlogged.clear()

    def are_at(self, rows: Rows, t_ms: int) -> bool:
        """Whether the last timestamp of each of these rows is `t_ms`."""
        last_ms, stamp = self.last_ms, _stamp(t_ms)
        for start, end in rows:  # noqa: SIM110 - a generator costs as much as the comparison
            if last_ms[start:end].tobytes() != stamp * (end - start):
                return False
        return True

    def are_until(self, rows: Rows, t_ms: int) -> bool:
        """Whether the last timestamp of none of these rows is after `t_ms`."""
        return all(max(self.last_ms[start:end]) <= t_ms for start, end in rows)

    def move_to(self, rows: Rows, t_ms: int) -> None:
        """Make `t_ms` the last timestamp of each of these rows."""
        stamp = _stamp(t_ms)
        for start, end in rows:
            self.last_ms[start:end] = array("q", stamp * (end - start))

    def raise_to(self, handles: Iterable[int], timestamps_ms: Iterable[int]) -> None:
        """Make each timestamp its series' last one, where it is after it.

        There may be more timestamps than handles.
        """
        last_ms = self.last_ms
        for handle, t_ms in zip(handles, timestamps_ms, strict=False):
            last_ms[handle] = max(last_ms[handle], t_ms)

    def drop(self, rows: Iterable[int], before_ms: int) -> list[LoggedSeries]:
        """Forget those of the series whose last timestamp is before `before_ms`; return them.

        A series stays that the log has yet to hear of. Handles of others stay what they are.
        """
        dropped = []
        # Rows are given out again in ascending order: a scrape's series shall lie together.
        for row in sorted(rows):
            if self.last_ms[row] < before_ms and row not in self._unlogged:
                dropped.append(LoggedSeries(self.refs[row], self.labels.wire(row)))
                self._release(row)
        return dropped

    def _release(self, row: int) -> None:
        self._by_ref.remove(self.refs[row])
        self.latest_exemplars.pop(row, None)
        self.histogram_kinds.pop(row, None)
        self.metadata.forget(row)
        self.refs[row], self.last_ms[row] = _NO_REF, _NEVER_SILENT_MS
        self._count -= 1
        self.labels.let_go(row)


def _stamp(t_ms: int) -> bytes:
    return t_ms.to_bytes(8, sys.byteorder, signed=True)


def stretches(handles: Iterable[int]) -> list[tuple[int, int]]:
    """Return the rows in their order, those that follow one another as one stretch."""
    found = []
    start = end = 0
    for handle in handles:
        if handle != end:
            if end:
                found.append((start, end))
            start = handle
        end = handle + 1
    if end:
        found.append((start, end))
    return found
