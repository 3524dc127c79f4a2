"""The grammar of the command line: arguments in, matched flags out; values are not read here.

    argument = "--" name ["=" value]          the value may also be the next argument
             | "--" ["no-"] boolean-name      a boolean takes no value
             | "-" letter                     short for a boolean; letters can be joined
             | "@" file                       the file's lines, but for blank ones and # comments
             | "--"                           no flags from here on

Anything else is positional. The daemon takes no positional arguments, its commands do.
Source: alecthomas/kingpin 2.4 parser.go, flags.go.
"""

from collections import deque
from collections.abc import Sequence
from enum import Enum, auto
from pathlib import Path
from typing import final

import msgspec

from promscrape.flags.table import TABLE, Flag
from promscrape.model.quoting import quote

_MAX_FILES = 100


class Match(msgspec.Struct, frozen=True):
    """An occurrence of a flag; the text of a boolean is `true` or `false`."""

    flag: Flag
    text: str


class Arguments(msgspec.Struct, frozen=True):
    """What was given up to the first error of syntax, and that error."""

    matches: tuple[Match, ...]
    error: str | None = None
    positional: tuple[str, ...] = ()


class _Type(Enum):
    LONG = auto()
    SHORT = auto()
    VALUE = auto()
    ERROR = auto()
    END = auto()


class _Token(msgspec.Struct, frozen=True):
    type: _Type
    text: str = ""

    def __str__(self) -> str:
        return {_Type.LONG: "--", _Type.SHORT: "-"}.get(self.type, "") + self.text


def read_arguments(
    arguments: Sequence[str], table: Sequence[Flag] = TABLE, *, most_positional: int | None = 0
) -> Arguments:
    """Match the arguments, without the names of program and command, with a table of flags.

    most_positional: how many positional arguments there may be, None for any number.
    """
    tokens, known = _Tokens(arguments), _Known(table)
    matches: list[Match] = []
    positional: list[str] = []
    error: str | None = None
    while error is None:
        token = tokens.next()
        if token.type is _Type.END:
            break
        if token.type is _Type.ERROR:
            error = token.text
        elif token.type is _Type.VALUE:
            error = f"unexpected {token.text}" if len(positional) == most_positional else None
            positional.append(token.text)
        elif isinstance(matched := known.match(token, tokens), Match):
            matches.append(matched)
        else:
            error = matched
    return Arguments(tuple(matches), error, tuple(positional))


@final
class _Known:
    """The flags of a table, by what is typed for them."""

    def __init__(self, table: Sequence[Flag]) -> None:
        self._long = {flag.name: flag for flag in table}
        self._short = {flag.short: flag for flag in table if flag.short}

    def match(self, token: _Token, tokens: "_Tokens") -> Match | str:
        """Return the flag with its value, or the error."""
        if token.type is _Type.SHORT:
            flag = self._short.get(token.text)
            return Match(flag, "true") if flag else f"unknown short flag '{token}'"
        flag = self._long.get(token.text)
        if flag is None:
            negated = self._long.get(token.text.removeprefix("no-"))
            if negated is None or not negated.is_boolean:
                return f"unknown long flag '{token}'"
            return Match(negated, "false")
        if flag.is_boolean:
            return Match(flag, "true")
        value = tokens.next()
        if value.type is not _Type.VALUE:
            return f"expected argument for flag '{token}'"
        return Match(flag, value.text)


@final
class _Tokens:
    """Cuts the arguments into tokens, one ahead of the value that follows an equals sign."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = deque(arguments)
        self._value_of_long: str | None = None
        self._flags_ended = False
        self._files = 0

    def next(self) -> _Token:
        if self._value_of_long is not None:
            value, self._value_of_long = self._value_of_long, None
            return _Token(_Type.VALUE, value)
        while self._arguments:
            argument = self._arguments.popleft()
            if self._flags_ended or not argument.startswith(("-", "@")):
                return _Token(_Type.VALUE, argument)
            if argument == "--":
                self._flags_ended = True
            elif argument.startswith("@"):
                error = self._expand(argument[1:])
                if error:
                    return _Token(_Type.ERROR, error)
            else:
                return self._flag(argument)
        return _Token(_Type.END)

    def _flag(self, argument: str) -> _Token:
        if argument.startswith("--"):
            name, equals, value = argument[2:].partition("=")
            self._value_of_long = value if equals else None
            return _Token(_Type.LONG, name)
        if len(argument) > 2:
            self._arguments.appendleft(f"-{argument[2:]}")
        return _Token(_Type.SHORT, argument[1:2])

    def _expand(self, name: str) -> str | None:
        """Put a file's lines in its argument's place; return what prevented it."""
        self._files += 1
        if not name:
            return "expected @ file to expand arguments from"
        if self._files > _MAX_FILES:
            return f"more than {_MAX_FILES} argument files; does {quote(name)} name itself?"
        try:
            lines = Path(name).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError as exc:
            reason = (exc.strerror or "cannot be read").lower()
            return f"failed to open arguments file {quote(name)}: open {name}: {reason}"
        kept = [line for line in lines if line.strip() and not line.startswith("#")]
        self._arguments.extendleft(reversed(kept))
        return None
