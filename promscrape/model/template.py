"""Templates that a regular expression's groups are filled into: `$1`, `${name}`, `$$`.

    reference = "$$" | "$" name | "${" name "}"     name = a longest run of letters, digits, "_"

A name of digits without a leading zero is a group's number, any other a group's name. What refers
to no group is empty, and a `$` that begins no reference is itself. Source: Go's Regexp.Expand.
"""

import re
from typing import Self, final

import msgspec

from promscrape.model.regex import Regex

_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")
_NUMBER = re.compile("0|[1-9][0-9]{0,8}")


@final
class Template(msgspec.Struct, frozen=True):
    """Literal texts, and the numbers of the groups between them."""

    parts: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: str, regex: Regex) -> Self:
        """Read a template for the matches of `regex`. Every text is one."""
        parts: list[str | int] = []
        at = 0
        for reference in _REFERENCE.finditer(text):
            parts.append(text[at : reference.start()])
            at = reference.end()
            dollar, bare, braced = reference.groups()
            group = "$" if dollar else _group(bare or braced, regex)
            if group is not None:
                parts.append(group)
        return cls((*parts, text[at:]))

    def expand(self, groups: tuple[str, ...]) -> str:
        """Return the text with the groups of a match (`Regex.groups`) filled in."""
        return "".join(part if isinstance(part, str) else groups[part] for part in self.parts)


def _group(name: str, regex: Regex) -> int | None:
    if _NUMBER.fullmatch(name):
        return int(name) if int(name) <= regex.group_count else None
    return regex.group_index.get(name)
