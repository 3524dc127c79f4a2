"""Varints, and a cursor that reads a record's fields without ever leaving it.

varint: a signed number, zigzagged (0, -1, 1, -2 become 0, 1, 2, 3) into a uvarint.
"""

import struct
from typing import final

from promscrape.errors import MalformedRecord
from promscrape.model.varint import uvarint

_U64 = struct.Struct(">Q")
_I64 = struct.Struct(">q")
_F64 = struct.Struct(">d")
_MASK = (1 << 64) - 1


def varint(number: int) -> bytes:
    """Encode `number`, taken modulo 2**64: the deltas of a log wrap as Go's integers do."""
    return uvarint((number << 1 ^ -(number >> 63 & 1)) & _MASK)


def signed(number: int) -> int:
    """Return the low 64 bits of `number` as a signed number."""
    return (number & _MASK ^ 1 << 63) - (1 << 63)


@final
class Cursor:
    """A position in a record. Every read past the end raises MalformedRecord."""

    __slots__ = ("_record", "at")

    def __init__(self, record: bytes, at: int = 0) -> None:
        self._record, self.at = record, at

    def at_end(self) -> bool:
        return self.at >= len(self._record)

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        end = self.at + size
        if end > len(self._record):
            raise MalformedRecord("record ends within a field")
        taken = self._record[self.at : end]
        self.at = end
        return taken

    def u8(self) -> int:
        return self.take(1)[0]

    def u64(self) -> int:
        number: int = _U64.unpack(self.take(8))[0]
        return number

    def i64(self) -> int:
        number: int = _I64.unpack(self.take(8))[0]
        return number

    def f64(self) -> float:
        number: float = _F64.unpack(self.take(8))[0]
        return number

    def uvarint(self) -> int:
        number = 0
        for shift in range(0, 70, 7):
            byte = self.u8()
            number |= (byte & 0x7F) << shift
            if byte < 0x80 and number <= _MASK:
                return number
        raise MalformedRecord("varint exceeds 64 bits")

    def varint(self) -> int:
        number = self.uvarint()
        return number >> 1 ^ -(number & 1)

    def count(self) -> int:
        """Return a uvarint that counts things of at least a byte each that follow it."""
        number = self.uvarint()
        if number > len(self._record) - self.at:
            raise MalformedRecord(f"{number} items do not fit in the record")
        return number

    def text(self) -> bytes:
        return self.take(self.count())

    def labels(self) -> bytes:
        """Return a label set as it stands: a count, then names and values with their lengths."""
        start = self.at
        for _ in range(2 * self.count()):
            self.take(self.count())
        return self._record[start : self.at]
