"""Series that have ended, as far as a commit can tell: it gave them a stale marker."""

from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple, final

SILENCE_S: Final = 300.0
"""How long a series is kept after its marker.

As long as Prometheus's queries take a sample for the current one: what is away for less than
that, such as the series of a target that is restarted, was never gone. Targets that are scraped
each minute may fail a few times in a row without being forgotten.
"""


class Ended(NamedTuple):
    """Series whose marker came with one commit, by their refs."""

    refs: "array[int]"
    t_ms: int


@final
class EndedSeries:
    """What commits say of ends. Whoever lets go of series empties it again and again.

    refused: rows of which a sample came that was refused. Their target still exposes them: with a
    timestamp of its own that stands still, for one, which would be taken once more by a log that
    has forgotten it.
    """

    def __init__(self) -> None:
        self._noted: list[Ended] = []
        self._refused, self._refused_before = set[int](), set[int]()

    def note(self, refs: "array[int]", t_ms: int) -> None:
        """Take note that these series got their marker."""
        self._noted.append(Ended(refs, t_ms))

    def note_refused(self, rows: Iterable[int]) -> None:
        self._refused.update(rows)

    def take(self) -> list[Ended]:
        """Return what was noted since the last call."""
        noted, self._noted = self._noted, []
        return noted

    def turn(self) -> None:
        """Let go of the refusals that were known at the last turn already."""
        self._refused_before, self._refused = self._refused, set()

    def is_refused(self, row: int) -> bool:
        """Whether a sample of this row was refused since the turn before the last one."""
        return row in self._refused or row in self._refused_before
