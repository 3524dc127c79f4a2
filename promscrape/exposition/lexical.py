"""What both text formats are made of: names, quoted strings, numeric labels, and refusals."""

import re
from typing import NamedTuple, NoReturn

from promscrape.errors import ParseError
from promscrape.exposition.entries import Entry, LabelPairs
from promscrape.exposition.number import canonical_float_text
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import BUCKET_LABEL, METRIC_NAME, QUANTILE_LABEL
from promscrape.model.metadata import MetricType
from promscrape.model.quoting import quote

NAME = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL_NAME = re.compile(rb"[a-zA-Z_][a-zA-Z0-9_]*")
ESCAPE = re.compile(rb'\\([\\"n])')

# The common beginning of a line, in one step: a bare name, labels without escapes or line ends,
# one blank. What follows is the value.
PLAIN_SERIES = (
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*)"
    rb'(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n\x80-\xff]*"(?:,(?=[a-zA-Z_])|(?=\})))*)\})? '
)
PLAIN_LABEL = re.compile(rb'([^=,]+)="([^"]*)"')

SHOWN_BYTES = 120

_NUMERIC_LABELS = {
    MetricType.HISTOGRAM: BUCKET_LABEL,
    MetricType.SUMMARY: QUANTILE_LABEL,
}
_TOKENS = {
    b"\n": "LINEBREAK",
    b"{": "BOPEN",
    b"}": "BCLOSE",
    b",": "COMMA",
    b"=": "EQUAL",
}


class Line(NamedTuple):
    """What stands at a position: `entry` is None for a comment or an empty line.

    end: the position after the line's LF.
    value_at: of a sample, where its value begins.
    """

    entry: Entry | None
    end: int
    value_at: int = 0


class Value(NamedTuple):
    """What follows a series on its line; `end` is the position after the line's LF."""

    value: float
    t_ms: int | None
    exemplars: tuple[Exemplar, ...]
    end: int


def canonical_labels(pairs: list[tuple[str, str]], type_in_force: MetricType) -> LabelPairs:
    """Return the pairs with `le` of a histogram and `quantile` of a summary in one form (N5)."""
    numeric = _NUMERIC_LABELS.get(type_in_force)
    if numeric is None:
        return tuple(pairs)
    return tuple(
        (name, canonical_float_text(value)) if name == numeric else (name, value)
        for name, value in pairs
    )


def plain_pairs(plain: re.Match[bytes]) -> list[tuple[str, str]]:
    """Return the name and labels that `PLAIN_SERIES` matched."""
    name, labels = plain.group(1, 2)
    pairs = [(METRIC_NAME, name.decode())]
    if labels:
        pairs += [(k.decode(), v.decode()) for k, v in PLAIN_LABEL.findall(labels)]
    return pairs


def label_value(buf: bytes, start: int, quoted: re.Match[bytes]) -> str:
    """Return what a quoted label value says, on the line that begins at `start`."""
    try:
        return unescape(ESCAPE, quoted[1]).decode()
    except UnicodeDecodeError:
        reason = f"invalid UTF-8 label value: {shown(quoted[0])}"
        fail(buf, start, quoted.end(), reason, excerpt=False)


def unescape(escape: re.Pattern[bytes], raw: bytes) -> bytes:
    if b"\\" not in raw:
        return raw
    return escape.sub(lambda match: b"\n" if match[1] == b"n" else match[1], raw)


def shown(raw: bytes) -> str:
    """Return the beginning of what a target sent, quoted: an error text must stay short."""
    return quote(raw[:SHOWN_BYTES].decode("utf-8", "surrogateescape"))


def refuse(buf: bytes, start: int, at: int, expectation: str) -> NoReturn:
    """Raise for an unexpected token at `at`, in the wording of Prometheus's parser."""
    byte = buf[at : at + 1]
    token = _TOKENS.get(byte, "INVALID")
    fail(buf, start, at + 1, f'{expectation}, got {shown(byte)} ("{token}")')


def fail(buf: bytes, start: int, end: int, reason: str, *, excerpt: bool = True) -> NoReturn:
    """Raise ParseError for the line that begins at `start`, of which `end` was reached.

    Blanks before `start` are part of the line.
    """
    if excerpt:
        reason = f"{reason} while parsing: {shown(buf[start : min(end, start + SHOWN_BYTES)])}"
    raise placed(ParseError(reason, 0, end - start), buf, start)


def placed(error: ParseError, buf: bytes, start: int) -> ParseError:
    """Return an error, found in what begins at `start`, with its place in the buffer."""
    line_at = buf.rfind(b"\n", 0, start) + 1
    return ParseError(error.reason, line_at, error.column + start - line_at)
