"""The last timestamps of series that come together, moved in one go."""

import sys
from array import array
from collections.abc import Sequence


def advance(
    last_ms: "array[int]", rows: Sequence[tuple[int, int]], before_ms: int, t_ms: int
) -> bool:
    """Change all these rows from `before_ms` to `t_ms`; none, where one is something else.

    last_ms: array("q"). rows: stretches of it, each a first row and the row after its last; they
    have no row in common. Returns whether the rows were changed.
    """
    before, after = (ms.to_bytes(8, sys.byteorder, signed=True) for ms in (before_ms, t_ms))
    for start, end in rows:
        if last_ms[start:end].tobytes() != before * (end - start):
            return False
    for start, end in rows:
        last_ms[start:end] = array("q", after * (end - start))
    return True
