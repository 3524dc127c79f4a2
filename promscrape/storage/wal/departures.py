"""The refs of series that left memory, for those who keep something of them."""

from array import array
from collections import deque
from typing import final

MAX_KEPT_REFS = 200_000
"""Who has not asked for so long goes through all it has, which costs the same by then."""


@final
class Departures:
    """The newest departures. `count` is how many there ever were."""

    def __init__(self) -> None:
        self.count = 0
        self._kept: deque[array[int]] = deque()
        self._kept_count = 0

    def add(self, refs: "array[int]") -> None:
        """Take note that these series were dropped; their refs are never used again."""
        self.count += len(refs)
        self._kept.append(refs)
        self._kept_count += len(refs)
        while self._kept_count > MAX_KEPT_REFS:
            self._kept_count -= len(self._kept.popleft())

    def since(self, count: int) -> "array[int] | None":
        """Return the refs that left since there were so many, None where that is too long ago."""
        missing = self.count - count
        if missing > self._kept_count:
            return None
        found = array("Q")
        for refs in reversed(self._kept):
            if missing <= 0:
                break
            found += refs
            missing -= len(refs)
        return found
