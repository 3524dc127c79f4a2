"""What is wrong with text that is not YAML, in the words of yaml.v2.

yaml.v2 is a port of libyaml, so libyaml's own problems need no translation; those of PyYAML's
parser in Python do. Lines follow yaml.v2, which counts a scanner's mark from 1 and a parser's
from 0, and prints none in the first line.
"""

import re
from typing import Protocol, final

import msgspec
import yaml


@final
class Place(msgspec.Struct, frozen=True, order=True):
    """A position in the file, both numbers counted from 1."""

    line: int
    column: int


START = Place(1, 1)

MAX_DEPTH = 1000
"""Of collections in collections; libyaml has the same bound from 0.2.6 on."""


class _Mark(Protocol):
    """What the marks of both of PyYAML's parsers have."""

    line: int
    column: int


@final
class Unreadable(Exception):
    """The text is not YAML. The message is Prometheus's; `place` is the true one."""

    def __init__(self, message: str, place: Place = START, hint: str = "") -> None:
        super().__init__(f"yaml: {message}")
        self.place, self.hint = place, hint


LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

_PROBLEMS = (
    (
        re.compile("found character .* that cannot start any token", re.DOTALL),
        "found character that cannot start any token",
    ),
    (
        re.compile("mapping values are not allowed here"),
        "mapping values are not allowed in this context",
    ),
    (re.compile("exceeded maximum nesting depth"), f"exceeded max depth of {MAX_DEPTH}"),
    (re.compile("found unknown escape character .*", re.DOTALL), "found unknown escape character"),
    (re.compile("found undefined tag handle .*", re.DOTALL), "found undefined tag handle"),
    (
        re.compile("expected chomping or indentation indicators, .*", re.DOTALL),
        "did not find expected comment or line break",
    ),
    (re.compile("expected '>', .*", re.DOTALL), "did not find the expected '>'"),
    (re.compile("expected URI, .*", re.DOTALL), "did not find expected tag URI"),
    (
        re.compile("expected '<document start>', .*", re.DOTALL),
        "did not find expected <document start>",
    ),
    (
        re.compile("expected (?:the )?(.*), but (?:got|found) .*", re.DOTALL),
        r"did not find expected \1",
    ),
)
_BLOCK_END = {
    "while parsing a block mapping": "did not find expected key",
    "while parsing a block collection": "did not find expected '-' indicator",
}
_UTF8_PROBLEMS = {
    "invalid start byte": "invalid leading UTF-8 octet",
    "invalid continuation byte": "invalid trailing UTF-8 octet",
    "unexpected end of data": "incomplete UTF-8 octet sequence",
}


def unreadable(error: yaml.MarkedYAMLError) -> Unreadable:
    """Translate a parser's or scanner's error."""
    place = place_of(error.problem_mark)
    go_line = place.line - 1
    if go_line and isinstance(error, yaml.scanner.ScannerError):
        go_line += 1
    where = f"line {go_line}: " if go_line else ""
    return Unreadable(where + _problem(error), place, _hint(error))


def not_utf8(error: UnicodeDecodeError) -> Unreadable:
    """Translate what Python found wrong with the bytes."""
    read = error.object[: error.start].decode("utf-8")
    return Unreadable(_UTF8_PROBLEMS[error.reason], place_after(read))


def not_printable(error: yaml.reader.ReaderError, text: str) -> Unreadable:
    """Translate a character that YAML does not allow; `error` names the first in `text`."""
    read, _, _ = text.partition(chr(error.character))
    return Unreadable("control characters are not allowed", place_after(read))


def place_of(mark: _Mark | None) -> Place:
    """Return the place of one of PyYAML's marks, which count from 0 and can be missing."""
    return Place(mark.line + 1, mark.column + 1) if mark else START


def place_after(read: str) -> Place:
    """Return the place of the character that follows `read`."""
    lines = LINE_BREAK.split(read)
    return Place(len(lines), len(lines[-1]) + 1)


def _problem(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if problem.startswith("expected <block end>"):
        return _BLOCK_END[error.context or ""]
    for pattern, words in _PROBLEMS:
        if pattern.fullmatch(problem):
            return pattern.sub(words, problem)
    return problem


def _hint(error: yaml.MarkedYAMLError) -> str:
    begin = error.context_mark
    return f"{error.context}, which begins in line {begin.line + 1}" if begin else ""
