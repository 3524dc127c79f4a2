"""From the refs of the log to rows, in twelve bytes a series."""

from array import array
from bisect import bisect_left
from itertools import compress
from typing import final

_GONE = 0
_MIN_GONE = 1 << 12
_COMPARED_AT_ONCE = 64


@final
class RefIndex:
    """Two columns: refs come ascending, or nearly so. Row 0 is no row."""

    def __init__(self) -> None:
        self._refs, self._rows = array("Q"), array("I")
        self._gone = 0

    def __setitem__(self, ref: int, row: int) -> None:
        if not self._refs or ref > self._refs[-1]:
            self._refs.append(ref)
            self._rows.append(row)
            return
        at = bisect_left(self._refs, ref)
        if self._refs[at] == ref:
            self._gone -= self._rows[at] == _GONE
            self._rows[at] = row
        else:
            self._refs.insert(at, ref)
            self._rows.insert(at, row)

    def __getitem__(self, ref: int) -> int:
        """Return the row, 0 where the ref is unknown."""
        refs = self._refs
        at = bisect_left(refs, ref)
        return self._rows[at] if at < len(refs) and refs[at] == ref else 0

    def rows(self, refs: "array[int]") -> "array[int]":
        """Return the row of each ref, 0 where it is unknown."""
        found, at = array("I"), 0
        for start in range(0, len(refs), _COMPARED_AT_ONCE):
            part = refs[start : start + _COMPARED_AT_ONCE]
            if self._refs[at : at + len(part)] != part:
                at = bisect_left(self._refs, part[0])
            # Series that came together have refs that follow one another here, too.
            if self._refs[at : at + len(part)] == part:
                found += self._rows[at : at + len(part)]
            else:
                found.extend(map(self.__getitem__, part))
            at += len(part)
        return found

    def refs(self) -> list[int]:
        """Return the refs that have a row."""
        return [ref for ref, row in zip(self._refs, self._rows, strict=True) if row != _GONE]

    def remove(self, ref: int) -> None:
        """Forget a ref that is known."""
        self._rows[bisect_left(self._refs, ref)] = _GONE
        self._gone += 1
        # Of a million refs that takes some thirty milliseconds, once in minutes at most.
        if self._gone >= _MIN_GONE and 4 * self._gone > len(self._refs):
            self._sweep()

    def _sweep(self) -> None:
        self._refs = array("Q", compress(self._refs, self._rows))
        self._rows = array("I", filter(None, self._rows))
        self._gone = 0
