"""The label sets of a target's series, by the scanner's ids.

A storage that takes a series has its label set, too. Both keep it in one store, where it lies once:
here is nothing but the number of its row.
"""

from array import array
from collections.abc import Sequence
from typing import final

from promscrape.model.kept_labels import KeptLabels
from promscrape.model.label_columns import keep_all
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.pieces import largest, picked, put_each

_EMPTY = 0


@final
class LabelSets:
    """A label set an id; the empty one where none was put. Each is held in the store."""

    def __init__(self, store: LabelStore) -> None:
        self._store = store
        self._rows = array("I")

    def __del__(self) -> None:
        # The cache of a target that is gone: nobody tells it so.
        self._store.let_go_all(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, series_id: int) -> Labels:
        return Labels(self._store.wire(self._rows[series_id]))

    def __setitem__(self, series_id: int, wire: bytes) -> None:
        before, self._rows[series_id] = self._rows[series_id], self._store.keep(wire)
        self._store.let_go(before)

    def put_all(self, ids: "array[int]", wires: Sequence[bytes]) -> None:
        """Put the label sets of these ids."""
        rows, own = keep_all(self._store, wires), self._rows
        before = picked(own, ids, "I")
        put_each(own, ids, rows)
        if largest(before):
            self._store.let_go_all(before)

    def make_room(self, missing: int) -> None:
        """Add so many ids."""
        self._rows.frombytes(bytes(4 * missing))

    def forget(self, series_id: int) -> None:
        before, self._rows[series_id] = self._rows[series_id], _EMPTY
        self._store.let_go(before)

    def of(self, ids: "array[int]") -> KeptLabels:
        """Return the label sets of these ids, as they are when they are asked for."""
        return KeptLabels(self._store, self._rows, ids)
