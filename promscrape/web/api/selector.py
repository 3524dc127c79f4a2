"""PromQL's series selectors, as `match_target` takes them: `up{job="node",instance!~"a.*"}`.

    selector = name ["{" matchers "}"] | "{" matchers "}"
    matchers = [matcher {"," matcher} [","]]
    matcher  = name ("=" | "!=" | "=~" | "!~") string | string        a string alone is the name
    name     = [a-zA-Z_][a-zA-Z0-9_]* | string, of the metric also with ":"
    string   = "..." or '...' with Go's escapes | `...` without any

White space and comments (# to the end of the line) may stand between. Errors are placed and
worded like Prometheus's where it is one that people make. Source: promql/parser, lex.go.
"""

import re
from collections.abc import Iterator, Mapping
from typing import final

import msgspec

from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import METRIC_NAME
from promscrape.model.quoting import quote
from promscrape.model.regex import Regex

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<operator>=~|!~|!=|=)
    | (?P<mark>[{},])
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"""\\(?:([abfnrtv\\'"]) | ([0-3][0-7]{2}) | x([0-9a-fA-F]{2})
    | u([0-9a-fA-F]{4}) | U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}) | (.))""",
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))


class Matcher(msgspec.Struct, frozen=True):
    """One condition on a label; an absent label is an empty one."""

    name: str
    value: str
    regex: Regex | None
    negated: bool

    def matches(self, labels: Mapping[str, str]) -> bool:
        own = labels.get(self.name, "")
        found = own == self.value if self.regex is None else self.regex.matches(own)
        return found is not self.negated


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        if self.kind == "end":
            return "end of input"
        return {"name": "identifier ", "string": "string "}.get(self.kind, "") + quote(self.text)


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Return the conditions of a selector. Raises InvalidValue."""
    return _Parser(text).selector()


@final
class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = _tokens(text)
        self._next = next(self._tokens)

    def selector(self) -> tuple[Matcher, ...]:
        matchers: list[Matcher] = []
        if self._next.kind == "name":
            matchers.append(Matcher(METRIC_NAME, self._take().text, None, negated=False))
        elif self._next.text != "{":
            raise self._unexpected("")
        if self._next.text == "{":
            self._take()
            matchers += self._matchers()
        if self._next.kind != "end":
            raise self._unexpected("")
        return tuple(matchers)

    def _matchers(self) -> Iterator[Matcher]:
        while self._next.text != "}":
            yield self._matcher()
            if self._next.text == ",":
                self._take()
            elif self._next.text != "}":
                raise self._unexpected('in label matching, expected "," or "}"')
        self._take()

    def _matcher(self) -> Matcher:
        token = self._next
        if token.kind not in ("name", "string") or (":" in token.text and token.kind == "name"):
            raise self._unexpected('in label matching, expected identifier or "}"')
        self._take()
        name = token.text if token.kind == "name" else _unquoted(token)
        if self._next.kind != "operator":
            if token.kind == "string" and self._next.text in (",", "}"):
                return Matcher(METRIC_NAME, name, None, negated=False)
            raise self._unexpected("in label matching, expected label matching operator")
        operator = self._take().text
        if self._next.kind != "string":
            raise self._unexpected("in label matching, expected string")
        value = _unquoted(self._take())
        try:
            regex = Regex(value) if operator.endswith("~") else None
        except InvalidValue as exc:
            raise _error(token.at, str(exc)) from exc
        return Matcher(name, value, regex, negated=operator.startswith("!"))

    def _take(self) -> _Token:
        token, self._next = self._next, next(self._tokens)
        return token

    def _unexpected(self, where: str) -> InvalidValue:
        return _error(self._next.at, f"unexpected {self._next} {where}".rstrip())


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            problem = (
                "unterminated quoted string"
                if text[at] in "\"'`"
                else (f"unexpected character: {text[at]!r}")
            )
            raise _error(at, problem)
        if found.lastgroup and found.lastgroup != "space":
            yield _Token(found.lastgroup, found[0], at)
        at = found.end()
    while True:
        yield _Token("end", "", at)


def _unquoted(token: _Token) -> str:
    if token.text.startswith("`"):
        return token.text[1:-1]
    try:
        text = _ESCAPE.sub(_unescaped, token.text[1:-1])
    except InvalidValue as exc:
        raise _error(token.at, str(exc)) from exc
    # Escaped bytes come as surrogates; together they may be UTF-8.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def _unescaped(escape: re.Match[str]) -> str:
    simple, octal, hexadecimal, short, long, unknown = escape.groups()
    if unknown:
        raise InvalidValue(f"unknown escape sequence U+{ord(unknown):04X} '{unknown}'")
    if simple:
        return _SIMPLE[simple]
    if short or long:
        return chr(int(short or long, 16))
    byte = int(octal, 8) if octal else int(hexadecimal, 16)
    return chr(byte) if byte < 0x80 else chr(0xDC00 + byte)


def _error(at: int, problem: str) -> InvalidValue:
    return InvalidValue(f"1:{at + 1}: parse error: {problem}")
