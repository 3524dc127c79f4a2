"""From label sets to rows, in eight bytes a series where a dict takes eighty.

A hash table with open addressing that holds nothing but row numbers: the label sets lie in the
table's own column, and their hashes in the `bytes` objects. A look-up takes about a
microsecond, and scrapes need one when their series change, not with each sample.

    slots   row | 0 ...     a power of two, at most two thirds in use
            the row of a label set is at its hash, or in the slots right after it
"""

from array import array
from collections.abc import Sequence
from typing import final

_FIRST_SLOTS = 1 << 10


@final
class WireIndex:
    """`wires` is the column of label sets, by row; its owner tells of what changes in it.

    Any thread may look up while no row is removed.
    """

    def __init__(self, wires: Sequence[bytes]) -> None:
        self._wires = wires
        self._slots = array("I", bytes(4 * _FIRST_SLOTS))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def find(self, wire: bytes) -> int:
        """Return the row with this label set, or 0."""
        slots, wires = self._slots, self._wires
        mask = len(slots) - 1
        at = hash(wire) & mask
        while row := slots[at]:
            if wires[row] == wire:
                return row
            at = at + 1 & mask
        return 0

    def add(self, row: int) -> None:
        """Take a row whose label set is in the column, and in no other row."""
        self._count += 1
        if 3 * self._count > 2 * len(self._slots):
            self._grow()
        _put(self._slots, row, hash(self._wires[row]))

    def _grow(self) -> None:
        grown = array("I", bytes(8 * len(self._slots)))
        for row in self._slots:
            if row:
                _put(grown, row, hash(self._wires[row]))
        self._slots = grown

    def remove(self, row: int) -> None:
        """Forget a row whose label set is still in the column."""
        slots = self._slots
        mask = len(slots) - 1
        hole = hash(self._wires[row]) & mask
        while slots[hole] != row:
            hole = hole + 1 & mask
        # What stands after the hole moves up to it, unless that is before its own place.
        at = hole
        while moved := slots[at := at + 1 & mask]:
            own = hash(self._wires[moved]) & mask
            if at - own & mask >= at - hole & mask:
                slots[hole], hole = moved, at
        slots[hole] = 0
        self._count -= 1


def _put(slots: "array[int]", row: int, place: int) -> None:
    mask = len(slots) - 1
    at = place & mask
    while slots[at]:
        at = at + 1 & mask
    slots[at] = row
