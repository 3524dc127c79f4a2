"""Columns of a million entries, gone through a piece at a time.

One call of C over a whole column would hold the interpreter's lock until it is done, and with it
every other target: between two pieces whoever waits for the lock gets it. For the same reason a
set of ids is a byte an id here; a set proper is moved as a whole each time it grows, and takes as
much memory as the body does.

This is the reference twin: it defines the behavior of the compiled one.
"""

from array import array
from collections.abc import Iterator, Mapping
from itertools import compress
from operator import ne
from typing import TypeAlias, TypeVar

Number = TypeVar("Number", int, float)
Column: TypeAlias = "array[int] | bytearray"

PIECE = 8_000
"""Some hundred microseconds of work in C."""

_COMPARED_AT_ONCE = 64


def pieces(column: "array[int]") -> "Iterator[array[int]]":
    if len(column) <= PIECE:
        yield column
        return
    for start in range(0, len(column), PIECE):
        yield column[start : start + PIECE]


def picked(values: Column, places: "array[int]", typecode: str) -> "array[int]":
    """Return the values at these places, in a column of this type.

    Raises IndexError where there is no such place, and OverflowError where a value does not fit.
    """
    found = array(typecode)
    for piece in pieces(places):
        found.fromlist([values[place] for place in piece])
    return found


def paged(pages: "Mapping[int, array[int]]", places: "array[int]", bits: int) -> "array[int]":
    """Return the values at these places of a column that lies in pages, 0 where there is none.

    pages: of two to the power of `bits` entries each, by their number. The values are `array("I")`.
    """
    rest, none = (1 << bits) - 1, array("I", bytes(4 << bits))
    found = array("I")
    for piece in pieces(places):
        found.fromlist([pages.get(at >> bits, none)[at & rest] for at in piece])
    return found


def compressed(column: "array[Number]", keep: bytes) -> "array[Number]":
    """Return the entries whose place in `keep` has a 1."""
    # As integers, because a NaN's payload is not sure to outlive a float register.
    typecode = column.typecode if column.itemsize == 4 else "Q"
    found = array(typecode)
    for start in range(0, len(column), PIECE):
        end = start + PIECE
        found.extend(compress(array(typecode, column[start:end].tobytes()), keep[start:end]))
    return array(column.typecode, found.tobytes())


def put_each(column: Column, places: "array[int]", values: "array[int]") -> None:
    """Let the entry at each of these places be the value that stands there in the other column.

    Raises errors as `picked` does, and ValueError where there are not as many values.
    """
    if len(places) != len(values):
        raise ValueError("as many values as places are wanted")
    for place, value in zip(places, values, strict=True):
        column[place] = value


def put(column: Column, places: "array[int]", value: int) -> None:
    """Let the entries at these places be this value. Raises errors as `picked` does."""
    for place in places:
        column[place] = value


def marked(ids: "array[int]", size: int) -> bytearray:
    """Return the set of these ids, which are below `size`: a byte an id, 1 for those in it."""
    marks = bytearray(size)
    put(marks, ids, 1)
    return marks


def absent(before: "array[int]", now: "array[int]", size: int) -> "array[int]":
    """Return the ids that were there before and are not now, ascending; all are below `size`."""
    is_gone, found = marked(before, size), array("I")
    put(is_gone, now, 0)
    for start in range(0, size, PIECE):
        end = start + PIECE
        found.extend(compress(range(start, end), is_gone[start:end]))
    return found


def largest(column: "array[int]") -> int:
    """Return the largest entry, 0 where there is none."""
    return max(max(piece, default=0) for piece in pieces(column))


def has_zero(column: "array[int]") -> bool:
    return any(0 in piece for piece in pieces(column))


def zeros(column: "array[int]") -> "array[int]":
    """Return the places at which there is a 0."""
    if not has_zero(column):
        return array("I")
    return array("I", [place for place, value in enumerate(column) if value == 0])


def differing(one: "array[int]", other: "array[int]", count: int) -> "array[int]":
    """Return the places below `count` at which two columns differ: mostly few, in long ones."""
    found = array("I")
    for start in range(0, count, _COMPARED_AT_ONCE):
        end = min(start + _COMPARED_AT_ONCE, count)
        part, others = one[start:end], other[start:end]
        if part != others:
            found.extend(compress(range(start, end), map(ne, part, others)))
    return found
