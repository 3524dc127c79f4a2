"""From texts to rows, in eight bytes a row where a dict takes eighty.

A hash table with open addressing that holds nothing but row numbers: the texts lie in a column of
the table's owner, and their hashes in the `bytes` objects.

    slots   row | 0 ...     a power of two, at most two thirds in use
            the row of a text is at its hash, or in the slots right after it

There are a thousand such tables, of which the last bits of the hash choose one: a single one of a
million rows would take seconds to grow, and hold up everything for as long.
"""

from array import array
from typing import final

_TABLE_BITS = 10
_TABLES = 1 << _TABLE_BITS
_FIRST_SLOTS = 1 << 3


@final
class RowIndex:
    """`column` has the texts by row; its owner tells of what changes in it. Row 0 is no row."""

    def __init__(self, column: list[bytes]) -> None:
        self._column = column
        self._tables = [array("I", bytes(4 * _FIRST_SLOTS)) for _ in range(_TABLES)]
        self._counts = array("I", bytes(4 * _TABLES))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def table_sizes(self) -> list[int]:
        """How many slots each of the tables has."""
        return [len(slots) for slots in self._tables]

    def find(self, text: bytes) -> int:
        """Return the row with this text, or 0."""
        own, column = hash(text), self._column
        slots = self._tables[own & _TABLES - 1]
        mask = len(slots) - 1
        at = own >> _TABLE_BITS & mask
        while row := slots[at]:
            if column[row] == text:
                return row
            at = at + 1 & mask
        return 0

    def add(self, row: int) -> None:
        """Take a row whose text is in the column, and in no other row."""
        own = hash(self._column[row])
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
                _put(grown, row, hash(self._column[row]) >> _TABLE_BITS)
        self._tables[table] = grown

    def remove(self, row: int) -> None:
        """Forget a row whose text is still in the column."""
        table = hash(self._column[row]) & _TABLES - 1
        slots = self._tables[table]
        mask = len(slots) - 1
        hole = hash(self._column[row]) >> _TABLE_BITS & mask
        while slots[hole] != row:
            hole = hole + 1 & mask
        # What stands after the hole moves up to it, unless that is before its own place.
        at = hole
        while moved := slots[at := at + 1 & mask]:
            own = hash(self._column[moved]) >> _TABLE_BITS & mask
            if at - own & mask >= at - hole & mask:
                slots[hole], hole = moved, at
        slots[hole] = 0
        self._count -= 1
        self._counts[table] -= 1


def _put(slots: "array[int]", row: int, place: int) -> None:
    mask = len(slots) - 1
    at = place & mask
    while slots[at]:
        at = at + 1 & mask
    slots[at] = row
