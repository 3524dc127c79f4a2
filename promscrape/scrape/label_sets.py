"""The label sets of a target's series, by the scanner's ids.

A storage that takes a series has its label set, too, and both mean the same bytes. Only those
bytes are kept here, but for the moment in which a storage may put its own in their place: an
object around them, for each of a million series, would take more than the numbers that a series
needs.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import final, overload

from promscrape.model.labels import EMPTY_LABELS, Labels


@final
class LabelSets:
    """A label set an id; the empty one where none was put."""

    def __init__(self) -> None:
        self._sets: list[Labels | bytes] = []

    def __len__(self) -> int:
        return len(self._sets)

    def __getitem__(self, series_id: int) -> Labels:
        found = self._sets[series_id]
        return Labels(found) if isinstance(found, bytes) else found

    def __setitem__(self, series_id: int, wire: bytes) -> None:
        self._sets[series_id] = wire

    def lent(self, series_id: int) -> Labels:
        """Return the label set for a storage to put its own bytes into, until `settle`."""
        found = self._sets[series_id]
        if isinstance(found, bytes):
            found = self._sets[series_id] = Labels(found)
        return found

    def make_room(self, missing: int) -> None:
        """Add so many ids."""
        self._sets.extend([EMPTY_LABELS] * missing)

    def forget(self, series_id: int) -> None:
        self._sets[series_id] = EMPTY_LABELS

    def settle(self, series_id: int) -> None:
        """Keep the bytes alone: a storage has taken the series, and put its own in their place."""
        found = self._sets[series_id]
        if not isinstance(found, bytes):
            self._sets[series_id] = found.wire

    def of(self, ids: "array[int]") -> "Sequence[Labels]":
        """Return the label sets of these ids, each looked up when it is asked for.

        One that is asked for by its place is lent.
        """
        return _Chosen(self, ids)


@final
class _Chosen(Sequence[Labels]):
    """Good for as long as none of the ids is given to another series."""

    __slots__ = ("_ids", "_sets")

    def __init__(self, sets: LabelSets, ids: "array[int]") -> None:
        self._sets, self._ids = sets, ids

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> Labels: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Labels]: ...

    def __getitem__(self, at: int | slice) -> Labels | Sequence[Labels]:
        if isinstance(at, slice):
            return _Chosen(self._sets, self._ids[at])
        return self._sets.lent(self._ids[at])

    def __iter__(self) -> Iterator[Labels]:
        return map(self._sets.__getitem__, self._ids)
