"""Regular expressions: RE2's syntax, always matched against a whole text.

The effective pattern is `^(?s:<text>)$`: `.` matches a newline, and `$` is the end of the text,
not the place before a last newline. Source: Prometheus model/relabel NewRegexp.
"""

from typing import Self, final

import re2

from promscrape.model.invalid import InvalidValue

_ANYTHING = "(.*)"
# RE2's default, and what a long alternation of names needs: some 100 bytes of program a
# character. Without it a pattern of 50 kB would not compile.
_DEFAULT_MEMORY_BYTES, _MEMORY_BYTES_A_CHARACTER = 8 << 20, 256

_GO_MESSAGES = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
    "trailing \\": "trailing backslash at end of expression",
}


@final
class Regex:
    """An anchored regular expression. Equal and hashed by its source text."""

    __slots__ = ("_pattern", "group_index", "text")

    def __init__(self, text: str = "") -> None:
        """Compile. Raises InvalidValue with the text of Go's regexp package."""
        self.text = text
        self._pattern = _compile(f"^(?s:{text})$".encode("utf-8", "surrogateescape"))
        self.group_index = {
            name.decode("utf-8"): index for name, index in self._pattern.groupindex.items()
        }

    @classmethod
    def parse(cls, text: str) -> Self:
        """Compile `text`; the configuration's name for the constructor."""
        return cls(text)

    @property
    def group_count(self) -> int:
        """Number of capturing groups, the whole match not counted."""
        count: int = self._pattern.groups
        return count

    def matches(self, text: str) -> bool:
        """Whether the expression matches all of `text`."""
        return self.text == _ANYTHING or (
            self._pattern.search(text.encode("utf-8", "surrogateescape")) is not None
        )

    def groups(self, text: str) -> tuple[str, ...] | None:
        """Return the whole match and its groups, "" for one that took no part; None on no match."""
        if self.text == _ANYTHING:
            return (text, text)
        found = self._pattern.search(text.encode("utf-8", "surrogateescape"))
        if found is None:
            return None
        parts = (found.group(), *found.groups(b""))
        return tuple(part.decode("utf-8", "surrogateescape") for part in parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regex) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Regex({self.text!r})"


def _compile(pattern: bytes) -> "re2._Regexp":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max(_DEFAULT_MEMORY_BYTES, _MEMORY_BYTES_A_CHARACTER * len(pattern))
    try:
        return re2.compile(pattern, options)
    except re2.error as exc:
        raise InvalidValue(_go_message(exc.args[0].decode("utf-8", "replace"))) from exc


def _go_message(re2_message: str) -> str:
    problem, _, part = re2_message.partition(": ")
    message = _GO_MESSAGES.get(problem, problem)
    return f"error parsing regexp: {message}" + (f": `{part}`" if part else "")
