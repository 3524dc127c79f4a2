"""A set of refs in small room: those of series that came together follow one another."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from typing import final


@final
class RefRuns:
    """firsts, ends: the first ref of each run, and the one after its last. For one thread."""

    def __init__(self, refs: Iterable[int] = ()) -> None:
        self.firsts, self.ends = array("Q"), array("Q")
        self._is_sorted = True
        self._count = 0
        self.add(refs)

    def __len__(self) -> int:
        """Return how many refs were added."""
        return self._count

    def add(self, refs: Iterable[int]) -> None:
        """Add refs, in any order."""
        firsts, ends = self.firsts, self.ends
        for ref in sorted(refs):
            self._count += 1
            if ends and ref == ends[-1]:
                ends[-1] += 1
                continue
            self._is_sorted = self._is_sorted and (not ends or ref > ends[-1])
            firsts.append(ref)
            ends.append(ref + 1)

    def add_runs(self, other: "RefRuns") -> None:
        """Add the refs of another set, for no more than a copy of its columns."""
        self.firsts += other.firsts
        self.ends += other.ends
        self._count += len(other)
        self._is_sorted = False

    def __contains__(self, ref: int) -> bool:
        if not self._is_sorted:
            self._sort()
        at = bisect_right(self.firsts, ref)
        return at > 0 and ref < self.ends[at - 1]

    def _sort(self) -> None:
        firsts, ends = array("Q"), array("Q")
        for first, end in sorted(zip(self.firsts, self.ends, strict=True)):
            if ends and first <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                firsts.append(first)
                ends.append(end)
        self.firsts, self.ends, self._is_sorted = firsts, ends, True
