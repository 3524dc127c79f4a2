r"""OpenMetrics 1.0 text, one line at a time.

    body     = { line LF } "# EOF" [ LF ]
    line     = "# HELP " name " " text | "# TYPE " name " " type | "# UNIT " name " " [ unit ]
             | sample
    sample   = series " " value [ " " seconds ] [ " # {" labels "} " value [ " " seconds ] ]
    series   = name [ "{" items "}" ] | "{" items "}"
    items    = item { "," item } [ "," ]
    item     = ( label-name | quoted ) "=" quoted | quoted     the last is the metric name, once
    quoted   = '"' { byte but '"', "\" and LF | "\" byte but LF } '"'

One blank stands where a blank is written here, and none anywhere else; there are no comments and
no empty lines. Rules O1 to O12 of the scrape specification: like Prometheus's own parser this one
minds the lines alone, not what the standard says about their order, their families or their
values. It differs in two cases: a raw LF in a quoted name is refused (O7), and escapes in an
exemplar's labels are decoded (O10).
"""

import re
from functools import lru_cache
from typing import NoReturn

from promscrape.errors import ParseError
from promscrape.exposition.entries import (
    Entry,
    HelpEntry,
    SeriesEntry,
    TypeEntry,
    UnitEntry,
)
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
from promscrape.exposition.number import parse_float, parse_seconds_ms
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.model.metadata import MetricType

_QUOTED = re.compile(rb'"((?:[^"\\\n]|\\[^\n])*)"')
_METADATA = re.compile(rb"# (HELP|TYPE|UNIT) ")
_BARE_METADATA = re.compile(rb"# (?:HELP|TYPE|UNIT) [a-zA-Z_:]")
_EOF = b"# EOF\n"
_TOKEN = re.compile(rb"[^ \n]+")
_SERIES = re.compile(PLAIN_SERIES)

_TYPES = {
    kind.value.encode(): kind
    for kind in (
        MetricType.COUNTER,
        MetricType.GAUGE,
        MetricType.HISTOGRAM,
        MetricType.GAUGE_HISTOGRAM,
        MetricType.SUMMARY,
        MetricType.INFO,
        MetricType.STATESET,
        MetricType.UNKNOWN,
    )
}
_SHARED_BYTES = 512


def read_line(buf: bytes, at: int, type_in_force: MetricType) -> Line:
    """Read the line that starts at `at`; `buf` must end with LF.

    Raises ParseError, its `line_at` an offset in `buf`.
    """
    if buf[at] == 0x23:  # the number sign
        return _number_sign(buf, at)
    if plain := _SERIES.match(buf, at):
        return _plain_sample(buf, plain, type_in_force)
    return _Series(buf, at).sample(type_in_force)


def check_end(buf: bytes) -> None:
    """Raise ParseError where the body, read to its end, does not say that this is its end (O2)."""
    if buf != _EOF and not buf.endswith(b"\n" + _EOF):
        fail(buf, len(buf), len(buf), "data does not end with # EOF", excerpt=False)


def read_value(buf: bytes, start: int, value_at: int) -> Value:
    """Read a sample's value, timestamp and exemplar; `start` is where its line began."""
    value, at = _number(buf, start, value_at, "expected value after metric")
    t_ms = None
    if buf[at] == 0x20 and buf[at + 1] != 0x23:
        t_ms, at = _seconds(buf, start, at + 1, "invalid timestamp")
    if buf.startswith(b" # {", at):
        exemplar, at = _exemplar(buf, start, at + len(" # "))
        return Value(value, t_ms, (exemplar,), at)
    if buf[at] != 0x0A:
        expected = "timestamp or comment" if t_ms is None else "next entry after timestamp"
        refuse(buf, start, at, f"expected {expected}")
    return Value(value, t_ms, (), at + 1)


def _number(buf: bytes, start: int, at: int, expectation: str) -> tuple[float, int]:
    token = _TOKEN.match(buf, at)
    if token is None:
        refuse(buf, start, at, expectation)
    try:
        return parse_float(token[0]), token.end()
    except ValueError as exc:
        fail(buf, start, token.end(), str(exc))


def _seconds(buf: bytes, start: int, at: int, invalid: str) -> tuple[int, int]:
    token = _TOKEN.match(buf, at)
    if token is None:
        refuse(buf, start, at, "expected timestamp or comment")
    try:
        return parse_seconds_ms(token[0]), token.end()
    except ValueError as exc:
        fail(buf, start, token.end(), str(exc).replace("invalid timestamp", invalid))


def _exemplar(buf: bytes, start: int, brace_at: int) -> tuple[Exemplar, int]:
    series = _Series(buf, start, brace_at)
    labels, at = series.exemplar_labels()
    if buf[at] != 0x20:
        refuse(buf, start, at, "expected value after exemplar labels")
    value, at = _number(buf, start, at + 1, "expected value after exemplar labels")
    t_ms = None
    if buf[at] == 0x20:
        t_ms, at = _seconds(buf, start, at + 1, "invalid exemplar timestamp")
    if buf[at] != 0x0A:
        refuse(buf, start, at, "expected next entry after exemplar timestamp")
    return Exemplar(Labels.from_pairs(labels), value, t_ms), at + 1


def _plain_sample(buf: bytes, plain: re.Match[bytes], type_in_force: MetricType) -> Line:
    pairs = plain_pairs(plain)
    return _sample(buf, plain.start(), plain.end() - 1, pairs, type_in_force)


def _sample(
    buf: bytes, start: int, key_end: int, pairs: list[tuple[str, str]], type_in_force: MetricType
) -> Line:
    value = read_value(buf, start, key_end + 1)
    entry = SeriesEntry(
        buf[start:key_end],
        canonical_labels(pairs, type_in_force),
        value.value,
        value.t_ms,
        exemplars=value.exemplars,
    )
    return Line(entry, value.end, key_end + 1)


def _number_sign(buf: bytes, start: int) -> Line:
    if buf.startswith(_EOF, start):
        if start + len(_EOF) < len(buf):
            fail(buf, start, len(buf), "unexpected data after # EOF", excerpt=False)
        return Line(None, len(buf))
    end = buf.index(b"\n", start) + 1
    if end - start <= _SHARED_BYTES and _BARE_METADATA.match(buf, start):
        try:
            return Line(_shared_metadata(buf[start:end]), end)
        except ParseError as exc:
            raise placed(exc, buf, start) from None
    return Line(_metadata(buf, start, end), end)


@lru_cache(maxsize=20_000)
def _shared_metadata(line: bytes) -> Entry:
    """Return the entry of a metadata line; the targets of a fleet share what all of them say."""
    return _metadata(line, 0, len(line))


def _metadata(buf: bytes, start: int, end: int) -> Entry:
    head = _METADATA.match(buf, start)
    if head is None:
        refuse(buf, start, start, "expected a valid start token")
    keyword = head[1].decode()
    quoted = _QUOTED.match(buf, head.end())
    name = quoted or NAME.match(buf, head.end())
    if name is None:
        refuse(buf, start, head.end(), f"expected metric name after {keyword}")
    family = (quoted[1] if quoted else name[0]).decode("utf-8", "surrogateescape")
    if buf[name.end()] != 0x20:
        refuse(buf, start, name.end(), f"expected text in {keyword}")
    text = buf[name.end() + 1 : end - 1]
    if keyword == "TYPE":
        if text not in _TYPES:
            fail(buf, start, end, f"invalid metric type {shown(text)}", excerpt=False)
        return TypeEntry(family, _TYPES[text])
    try:
        decoded = unescape(ESCAPE, text).decode()
    except UnicodeDecodeError:
        fail(buf, start, end, f"help text {shown(text)} is not a valid utf8 string", excerpt=False)
    if keyword == "HELP":
        return HelpEntry(family, decoded)
    if decoded and not (family.endswith(f"_{decoded}") and len(family) > len(decoded) + 1):
        reason = f"unit {shown(text)} not a suffix of metric {shown(family.encode())}"
        fail(buf, start, end, reason, excerpt=False)
    return UnitEntry(family, decoded)


class _Series:
    """The reading of a series or a label set, token by token: the general way."""

    def __init__(self, buf: bytes, start: int, at: int | None = None) -> None:
        self._buf, self._start = buf, start
        self._at = start if at is None else at
        self._name: str | None = None
        self._labels: list[tuple[str, str]] = []

    def sample(self, type_in_force: MetricType) -> Line:
        """Read a whole sample line."""
        if name := NAME.match(self._buf, self._at):
            self._name = name[0].decode()
            self._at = name.end()
        elif self._buf[self._at] != 0x7B:
            self._refuse("expected a valid start token")
        if self._buf[self._at] == 0x7B:  # {
            self._read_items()
        if self._name is None:
            fail(self._buf, self._start, self._at, "metric name not set")
        if self._buf[self._at] != 0x20:
            self._refuse("expected value after metric")
        pairs = [(METRIC_NAME, self._name), *self._labels]
        return _sample(self._buf, self._start, self._at, pairs, type_in_force)

    def exemplar_labels(self) -> tuple[list[tuple[str, str]], int]:
        """Read a label set without a name; return it and the position behind it."""
        self._read_items()
        if self._name is not None:
            fail(self._buf, self._start, self._at, "expected label name")
        return self._labels, self._at

    def _read_items(self) -> None:
        self._at += 1
        while self._buf[self._at] != 0x7D:  # }
            self._read_item()
            if self._buf[self._at] == 0x2C:  # ,
                self._at += 1
            elif self._buf[self._at] != 0x7D:
                self._refuse("expected comma or brace close")
        self._at += 1

    def _read_item(self) -> None:
        quoted = _QUOTED.match(self._buf, self._at)
        name = quoted or LABEL_NAME.match(self._buf, self._at)
        if name is None:
            self._refuse("expected label name")
        self._at = name.end()
        text = (unescape(ESCAPE, quoted[1]) if quoted else name[0]).decode(
            "utf-8", "surrogateescape"
        )
        if quoted and self._buf[self._at] in b",}":
            if self._name is not None:
                fail(self._buf, self._start, self._at, "metric name already set")
            self._name = text
            return
        if self._buf[self._at] != 0x3D:  # =
            self._refuse("expected equal")
        self._at += 1
        self._labels.append((text, self._read_label_value()))

    def _read_label_value(self) -> str:
        quoted = _QUOTED.match(self._buf, self._at)
        if quoted is None:
            self._refuse("expected label value")
        self._at = quoted.end()
        return label_value(self._buf, self._start, quoted)

    def _refuse(self, expectation: str) -> NoReturn:
        refuse(self._buf, self._start, self._at, expectation)
