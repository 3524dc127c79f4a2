r"""File name patterns as Go reads them, which differ from Python's in small and visible ways.

    *       any characters but a slash, a dot at the start included
    ?       one character but a slash
    [a-z]   one character of a set; [^a-z] one that is not of it
    \x      the character x itself

`**` is nothing special. Source: Go's path/filepath, Match and Glob.
"""

import os
import re
from typing import Final

_MAGIC = frozenset("*?[\\")
_ITEM: Final = r"(?:\\(.)|([^\\\]-]))"
_RANGE = re.compile(rf"{_ITEM}(?:-{_ITEM})?", re.DOTALL)


class BadPattern(ValueError):
    """The pattern breaks the grammar above."""

    def __init__(self) -> None:
        super().__init__("syntax error in pattern")


def glob(pattern: str) -> list[str]:
    """Return the names that exist and match, sorted in each directory. Raises BadPattern.

    A directory that cannot be read has no matches.
    """
    _regex(pattern)
    if _MAGIC.isdisjoint(pattern):
        return [pattern] if os.path.lexists(pattern) else []
    head, slash, last = pattern.rpartition("/")
    matches = _regex(last).fullmatch
    if not head:
        return [slash + name for name in _names(slash or ".") if matches(name)]
    return [
        f"{directory}/{name}"
        for directory in glob(head.rstrip("/") or "/")
        for name in _names(directory)
        if matches(name)
    ]


def _names(directory: str) -> list[str]:
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries)
    except OSError:
        return []


def _regex(pattern: str) -> re.Pattern[str]:
    text, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif character == "[":
            item, position = _set(pattern, position)
            text += item
        elif character == "\\":
            if position == len(pattern):
                raise BadPattern
            text += re.escape(pattern[position])
            position += 1
        else:
            text += re.escape(character)
    return re.compile(text, re.DOTALL)


def _set(pattern: str, position: int) -> tuple[str, int]:
    """Return the expression for the set whose bracket is before `position`, and what follows."""
    negated = pattern.startswith("^", position)
    position += negated
    ranges: list[str] = []
    while not (ranges and pattern.startswith("]", position)):
        match = _RANGE.match(pattern, position)
        if match is None:
            raise BadPattern
        low = match[1] or match[2]
        high = match[3] or match[4] or low
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
        else:
            ranges.append("")  # It is empty, and allowed.
        position = match.end()
    body = "".join(ranges)
    if negated:
        return (f"[^{body}]" if body else "."), position + 1
    return (f"[{body}]" if body else "(?!)"), position + 1
