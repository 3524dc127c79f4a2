"""From label sets to rows, in eight bytes a series where a dict takes eighty.

A hash table with open addressing that holds nothing but row numbers: the label sets lie in the
table's own column, and their hashes in the `bytes` objects. A look-up takes about a
microsecond, and scrapes need one when their series change, not with each sample.

    slots   row | 0 ...     a power of two, at most two thirds in use
            the row of a label set is at its hash, or in the slots right after it

This is the reference twin: it defines the behavior of the compiled one.

There are a thousand such tables, of which the last bits of the hash choose one: a single one of a
million series would take seconds to grow, and hold up everything for as long.
"""

from array import array
from collections.abc import Iterable
from typing import final

from promscrape.model.labels import Labels

_TABLE_BITS = 10
_TABLES = 1 << _TABLE_BITS
_FIRST_SLOTS = 1 << 3


@final
class WireIndex:
    """`wires` is the column of label sets, by row; its owner tells of what changes in it.

    Any thread may look up while no row is removed.
    """

    def __init__(self, wires: list[bytes]) -> None:
        self._wires = wires
        self._tables = [array("I", bytes(4 * _FIRST_SLOTS)) for _ in range(_TABLES)]
        self._counts = array("I", bytes(4 * _TABLES))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def table_sizes(self) -> list[int]:
        """How many slots each of the tables has."""
        return [len(slots) for slots in self._tables]

    def find(self, wire: bytes) -> int:
        """Return the row with this label set, or 0."""
        own, wires = hash(wire), self._wires
        slots = self._tables[own & _TABLES - 1]
        mask = len(slots) - 1
        at = own >> _TABLE_BITS & mask
        while row := slots[at]:
            if wires[row] == wire:
                return row
            at = at + 1 & mask
        return 0

    def add(self, row: int) -> None:
        """Take a row whose label set is in the column, and in no other row."""
        own = hash(self._wires[row])
        table = own & _TABLES - 1
        self._count += 1
        self._counts[table] += 1
        if 3 * self._counts[table] > 2 * len(self._tables[table]):
            self._grow(table)
        _put(self._tables[table], row, own >> _TABLE_BITS)

    def _grow(self, table: int) -> None:
        slots = self._tables[table]
        grown = array("I", bytes(8 * len(slots)))
        for row in slots:
            if row:
                _put(grown, row, hash(self._wires[row]) >> _TABLE_BITS)
        self._tables[table] = grown

    def remove(self, row: int) -> None:
        """Forget a row whose label set is still in the column."""
        table = hash(self._wires[row]) & _TABLES - 1
        slots = self._tables[table]
        mask = len(slots) - 1
        hole = hash(self._wires[row]) >> _TABLE_BITS & mask
        while slots[hole] != row:
            hole = hole + 1 & mask
        # What stands after the hole moves up to it, unless that is before its own place.
        at = hole
        while moved := slots[at := at + 1 & mask]:
            own = hash(self._wires[moved]) >> _TABLE_BITS & mask
            if at - own & mask >= at - hole & mask:
                slots[hole], hole = moved, at
        slots[hole] = 0
        self._count -= 1
        self._counts[table] -= 1

    def rows_of_texts(self, wire: bytes) -> "array[int]":
        """Return the rows of the names and values of a label set, by turns; 0 where one is empty.

        For a column not of label sets but of these. A text that is not in it is appended.
        """
        return array("I", [self._row_of(text) for text in _texts(wire)])

    def _row_of(self, text: bytes) -> int:
        if not text:
            return 0
        row = self.find(text)
        if not row:
            row = len(self._wires)
            self._wires.append(text)
            self.add(row)
        return row


def repeats_name(wire: bytes) -> bool:
    """Whether a label set has one name twice."""
    return Labels(wire).repeated_name() is not None


def _texts(wire: bytes) -> Iterable[bytes]:
    """Return names and values by turns."""
    if max(wire) < 0x80 and len(wire) < 0x80:  # every length is a single byte
        texts, at, end = [], 1, len(wire)
        while at < end:
            begin = at + 1
            at = begin + wire[at]
            texts.append(wire[begin:at])
        return texts
    return [text.encode("utf-8", "surrogateescape") for pair in Labels(wire) for text in pair]


def _put(slots: "array[int]", row: int, place: int) -> None:
    mask = len(slots) - 1
    at = place & mask
    while slots[at]:
        at = at + 1 & mask
    slots[at] = row
