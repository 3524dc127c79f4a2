r"""The Prometheus text format 0.0.4, one line at a time.

    body     = { line LF }                       one LF is added where the last is missing
    line     = blanks | comment | metadata | sample
    comment  = "#" anything                      that is not metadata
    metadata = "#" blanks ("HELP" | "TYPE") blank blanks name any-byte text
    sample   = [ name ] [ "{" items "}" ] value [ timestamp ]
    items    = { item [ "," ] }                  no comma before the first, none twice
    item     = ( label-name | quoted ) "=" quoted      a label
             | quoted                                  the metric name; once, and with no bare name
    name     = [a-zA-Z_:][a-zA-Z0-9_:]*
    label-name = [a-zA-Z_][a-zA-Z0-9_]*
    quoted   = '"' { byte but '"' and "\" | "\" byte but LF } '"'
    timestamp = digits                           milliseconds

Blanks are spaces and tabs; they may stand between any two tokens of a line. Only LF ends a line,
and quoted values may hold one. Rules P1 to P17 of the scrape specification; where Prometheus's
own lexer lets something odd pass, this parser follows it, but for two cases: a blank before a
bare name is not part of the name (P5), and a NUL byte does not end the body unseen (P6).

A line's own text decides almost everything; the one thing remembered between lines is the last
TYPE, since it decides whether `le` and `quantile` are numbers (N5).
"""

import re
from functools import lru_cache
from typing import NoReturn

from promscrape.errors import ParseError
from promscrape.exposition.entries import Entry, HelpEntry, SeriesEntry, TypeEntry
from promscrape.exposition.lexical import (
    ESCAPE,
    LABEL_NAME,
    NAME,
    PLAIN_SERIES,
    Line,
    Value,
    canonical_labels,
    fail,
    label_value,
    placed,
    plain_pairs,
    refuse,
    shown,
    unescape,
)
from promscrape.exposition.number import parse_float, parse_int64
from promscrape.model.labels import METRIC_NAME
from promscrape.model.metadata import MetricType

_BLANKS = re.compile(rb"[ \t]*")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\[^\n])*)"')
_METADATA = re.compile(rb"#[ \t]+(HELP|TYPE)[ \t]+")
_BARE_METADATA = re.compile(rb"#[ \t]+(?:HELP|TYPE)[ \t]+[a-zA-Z_:]")
_NUL_COMMENT = re.compile(rb"#[ \t]*\x00")
_VALUE = re.compile(rb"[^ \t\n{]+")
_TIMESTAMP = re.compile(rb"[0-9]+")
_HELP_ESCAPE = re.compile(rb"\\([\\n])")

_PLAIN = re.compile(PLAIN_SERIES + rb"()[0-9.eE+-]+\n")

_TYPES = {
    b"counter": MetricType.COUNTER,
    b"gauge": MetricType.GAUGE,
    b"histogram": MetricType.HISTOGRAM,
    b"summary": MetricType.SUMMARY,
    b"untyped": MetricType.UNKNOWN,
}
_SHARED_BYTES = 512


def read_line(buf: bytes, at: int, type_in_force: MetricType) -> Line:
    """Read the line that starts at `at`; `buf` must end with LF.

    Raises ParseError, its `line_at` an offset in `buf`.
    """
    if plain := _PLAIN.match(buf, at):
        return _plain_sample(buf, plain, type_in_force)
    start = _skip_blanks(buf, at)
    match buf[start : start + 1]:
        case b"\n":
            return Line(None, start + 1)
        case b"#":
            return _comment(buf, start)
        case _:
            return _Sample(buf, start, type_in_force).read()


def read_value(buf: bytes, start: int, value_at: int) -> Value:
    """Read a sample's value and timestamp; `start` is where its line began, for the error text."""
    start = _skip_blanks(buf, start)  # as where the line is read for the first time
    token = _VALUE.match(buf, value_at)
    if token is None:
        refuse(buf, start, value_at, "expected value after metric")
    try:
        value = parse_float(token[0])
        at = _skip_blanks(buf, token.end())
        timestamp = _TIMESTAMP.match(buf, at)
        t_ms = parse_int64(timestamp[0]) if timestamp else None
    except ValueError as exc:
        fail(buf, start, token.end(), str(exc))
    if timestamp:
        at = _skip_blanks(buf, timestamp.end())
    if buf[at] != 0x0A:
        expected = "next entry after timestamp" if timestamp else "timestamp or new record"
        refuse(buf, start, at, f"expected {expected}")
    return Value(value, t_ms, (), at + 1)


def _plain_sample(buf: bytes, plain: re.Match[bytes], type_in_force: MetricType) -> Line:
    pairs = plain_pairs(plain)
    value_at = plain.start(3)
    value = read_value(buf, plain.start(), value_at)
    entry = SeriesEntry(
        buf[plain.start() : value_at - 1],
        canonical_labels(pairs, type_in_force),
        value.value,
        value.t_ms,
    )
    return Line(entry, value.end, value_at)


def _comment(buf: bytes, start: int) -> Line:
    end = buf.index(b"\n", start) + 1
    if end - start <= _SHARED_BYTES and _BARE_METADATA.match(buf, start):
        try:
            return Line(_shared_metadata(buf[start:end]), end)
        except ParseError as exc:
            raise placed(exc, buf, start) from None
    if _NUL_COMMENT.match(buf, start):
        refuse(buf, start, buf.index(b"\x00", start), "expected a valid start token")
    if head := _METADATA.match(buf, start):
        return _metadata(buf, start, head)
    return Line(None, end)


@lru_cache(maxsize=20_000)
def _shared_metadata(line: bytes) -> Entry | None:
    """Return the entry of a metadata line; the targets of a fleet share what all of them say."""
    head = _METADATA.match(line)
    return _metadata(line, 0, head).entry if head else None


def _metadata(buf: bytes, start: int, head: re.Match[bytes]) -> Line:
    keyword = head[1].decode()
    quoted = _QUOTED.match(buf, head.end())
    name = quoted or NAME.match(buf, head.end())
    if name is None:
        refuse(buf, start, head.end(), f"expected metric name after {keyword}")
    family = (quoted[1] if quoted else name[0]).decode("utf-8", "surrogateescape")
    # The byte after the name is skipped whatever it is, unless it ends the line (P8).
    text_at = name.end() if buf[name.end()] == 0x0A else name.end() + 1
    end = buf.index(b"\n", text_at)
    text = buf[text_at:end]
    if keyword == "TYPE":
        return Line(_type_entry(buf, start, end, family, text), end + 1)
    return Line(HelpEntry(family, _help_text(buf, start, end, text)), end + 1)


def _type_entry(buf: bytes, start: int, end: int, family: str, text: bytes) -> TypeEntry:
    if text not in _TYPES:
        fail(buf, start, end, f"invalid metric type {shown(text)}", excerpt=False)
    return TypeEntry(family, _TYPES[text])


def _help_text(buf: bytes, start: int, end: int, text: bytes) -> str:
    if not text.strip(b" \t"):
        return ""
    try:
        return unescape(_HELP_ESCAPE, text).decode()
    except UnicodeDecodeError:
        fail(buf, start, end, f"help text {shown(text)} is not a valid utf8 string", excerpt=False)


class _Sample:
    """The reading of one sample line, token by token: the general way, and the one that errs."""

    def __init__(self, buf: bytes, start: int, type_in_force: MetricType) -> None:
        self._buf, self._start, self._at = buf, start, start
        self._type_in_force = type_in_force
        self._name: str | None = None
        self._labels: list[tuple[str, str]] = []

    def read(self) -> Line:
        self._read_bare_name()
        key_end = self._at
        self._at = _skip_blanks(self._buf, self._at)
        if self._buf[self._at] == 0x7B:  # {
            self._read_labels()
            key_end = self._at
            self._at = _skip_blanks(self._buf, self._at)
        if self._name is None:
            fail(self._buf, self._start, self._at, "metric name not set")
        value_at = self._at
        value = read_value(self._buf, self._start, value_at)
        pairs = [(METRIC_NAME, self._name), *self._labels]
        labels = canonical_labels(pairs, self._type_in_force)
        key = self._buf[self._start : key_end]
        return Line(SeriesEntry(key, labels, value.value, value.t_ms), value.end, value_at)

    def _read_bare_name(self) -> None:
        if name := NAME.match(self._buf, self._start):
            self._name = name[0].decode()
            self._at = name.end()
        elif self._buf[self._start] != 0x7B:
            refuse(self._buf, self._start, self._at, "expected a valid start token")

    def _read_labels(self) -> None:
        self._advance(1)
        while self._buf[self._at] != 0x7D:  # }
            self._read_item()
            if self._buf[self._at] == 0x2C:  # ,
                self._advance(1)
        self._at += 1

    def _read_item(self) -> None:
        quoted = _QUOTED.match(self._buf, self._at)
        name = quoted or LABEL_NAME.match(self._buf, self._at)
        if name is None:
            self._refuse("expected label name")
        self._advance(len(name[0]))
        text = (unescape(ESCAPE, quoted[1]) if quoted else name[0]).decode(
            "utf-8", "surrogateescape"
        )
        if quoted and self._buf[self._at] in b",}":
            self._set_name(text)
            return
        if self._buf[self._at] != 0x3D:  # =
            self._refuse("expected equal")
        self._advance(1)
        self._labels.append((text, self._read_value()))

    def _set_name(self, name: str) -> None:
        if self._name is not None:
            fail(self._buf, self._start, self._at, "metric name already set")
        self._name = name

    def _read_value(self) -> str:
        quoted = _QUOTED.match(self._buf, self._at)
        if quoted is None:
            self._refuse("expected label value")
        self._advance(len(quoted[0]))
        return label_value(self._buf, self._start, quoted)

    def _advance(self, count: int) -> None:
        self._at = _skip_blanks(self._buf, self._at + count)

    def _refuse(self, expectation: str) -> NoReturn:
        refuse(self._buf, self._start, self._at, expectation)


def _skip_blanks(buf: bytes, at: int) -> int:
    if buf[at] > 0x20:  # The usual case; what follows costs a match object.
        return at
    blanks = _BLANKS.match(buf, at)
    return blanks.end() if blanks else at
