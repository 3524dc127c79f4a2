"""The lines of a body that were left out since they break its format."""

from collections import deque

from promscrape.errors import ParseError
from promscrape.exposition.columns import BadLine

KEPT = 10
"""How many of the bad lines of a body are told of."""

_SHOWN_BYTES = 200


class BadLines:
    """Counts the bad lines of one body, which are noted in its order, and keeps the last few."""

    def __init__(self, buf: bytes) -> None:
        """`buf` ends with LF."""
        self._buf = buf
        self._counted_to, self._line = 0, 1
        self.count = 0
        self.first: ParseError | None = None
        self.last: deque[BadLine] = deque(maxlen=KEPT)

    def note(self, error: ParseError, at: int) -> int:
        """Note the line at `at`; return where the next one begins.

        A line ends at the next LF, even where a quoted value goes on behind it: a missing quote
        must not cost the good lines behind it.
        """
        end = self._buf.index(b"\n", at)
        # Counted on from the last bad line: a body may have a great many of them.
        self._line += self._buf.count(b"\n", self._counted_to, at)
        self._counted_to = at
        text = self._buf[at : min(end, at + _SHOWN_BYTES)].decode("utf-8", "replace")
        column = min(error.column, end - at + 1)
        self.last.append(BadLine(self._line, column, error.reason, text))
        self.first = self.first or error
        self.count += 1
        return end + 1
