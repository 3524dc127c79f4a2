"""The grammar of the command line: arguments in, matched flags out; values are not read here.

    argument = "--" name ["=" value]          the value may also be the next argument
             | "--" ["no-"] boolean-name      a boolean takes no value
             | "-" letter                     short for a boolean; letters can be joined
             | "@" file                       the file's lines, but for blank ones and # comments
             | "--"                           no flags from here on

Anything else is positional, and there are no positional arguments.
Source: alecthomas/kingpin 2.4 parser.go, flags.go.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import final

from promscrape.flags.table import TABLE, Flag
from promscrape.model.quoting import quote

_MAX_FILES = 100

_LONG = {flag.name: flag for flag in TABLE}
_SHORT = {flag.short: flag for flag in TABLE if flag.short}


@dataclass(frozen=True, slots=True)
class Match:
    """An occurrence of a flag; the text of a boolean is `true` or `false`."""

    flag: Flag
    text: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """The flags up to the first error of syntax, and that error."""

    matches: tuple[Match, ...]
    error: str | None = None


class _Type(Enum):
    LONG = auto()
    SHORT = auto()
    VALUE = auto()
    ERROR = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class _Token:
    type: _Type
    text: str = ""

    def __str__(self) -> str:
        return {_Type.LONG: "--", _Type.SHORT: "-"}.get(self.type, "") + self.text


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Match the arguments, without the program's name, with the table of flags."""
    tokens = _Tokens(arguments)
    matches: list[Match] = []
    while True:
        token = tokens.next()
        match token.type:
            case _Type.END:
                return Arguments(tuple(matches))
            case _Type.ERROR:
                return Arguments(tuple(matches), token.text)
            case _Type.VALUE:
                return Arguments(tuple(matches), f"unexpected {token.text}")
        matched = _match(token, tokens)
        if isinstance(matched, str):
            return Arguments(tuple(matches), matched)
        matches.append(matched)


def _match(token: _Token, tokens: "_Tokens") -> Match | str:
    """Return the flag with its value, or the error."""
    if token.type is _Type.SHORT:
        flag = _SHORT.get(token.text)
        return Match(flag, "true") if flag else f"unknown short flag '{token}'"
    flag = _LONG.get(token.text)
    if flag is None:
        negated = _LONG.get(token.text.removeprefix("no-"))
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
