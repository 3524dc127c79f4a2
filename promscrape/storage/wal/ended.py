"""Series that have ended, as far as a commit can tell: it gave them a stale marker."""

from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple, final

SILENCE_S: Final = 300.0
"""How long a series is kept after its marker, if all of its target got theirs.

As long as Prometheus's queries take a sample for the current one: what is away for less than
that, such as the series of a target that is restarted, was never gone. Targets that are scraped
each minute may fail a few times in a row without being forgotten.
"""

BRIEF_SILENCE_S: Final = 120.0
"""The same of a series that its target left out, as it does once and for all for the most part.

Targets that are scraped each minute may leave it out of a single body without its being forgotten.
"""


def silence_after(markers: int, samples: int) -> float:
    """Return how long series are kept whose markers are among so many samples of a commit.

    Hardly anything comes beside the markers where all of a target ends.
    """
    return SILENCE_S if 2 * markers > samples else BRIEF_SILENCE_S


class Ended(NamedTuple):
    """Series whose marker came with one commit, by their refs, and how long they are kept."""

    refs: "array[int]"
    t_ms: int
    silence_s: float = SILENCE_S


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

    def note(self, ended: Ended) -> None:
        """Take note that these series got their marker."""
        self._noted.append(ended)

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
