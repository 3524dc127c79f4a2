"""The two text formats behind one face: what the scanner and `parse` know of them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from promscrape.errors import ParseError
from promscrape.exposition import _openmetrics_py, _text_py
from promscrape.exposition.entries import Entry, TypeEntry
from promscrape.exposition.lexical import Line, Value
from promscrape.model.metadata import MetricType


class TextFormat(NamedTuple):
    """A format of lines. All of these raise ParseError; a buffer always ends with LF.

    read_line: the line at a position, with the TYPE in force there.
    read_value: what follows a series, from the start of its line and that of its value.
    check_end: whether the format lets a body end as this one does.
    """

    read_line: Callable[[bytes, int, MetricType], Line]
    read_value: Callable[[bytes, int, int], Value]
    check_end: Callable[[bytes], None]


def _any_end(_: bytes) -> None:
    return None


PROMETHEUS_TEXT = TextFormat(_text_py.read_line, _text_py.read_value, _any_end)
OPENMETRICS_TEXT = TextFormat(
    _openmetrics_py.read_line, _openmetrics_py.read_value, _openmetrics_py.check_end
)


def parse(body: bytes, text_format: TextFormat = PROMETHEUS_TEXT) -> Iterator[Entry]:
    """Yield the entries of a whole body; raises ParseError at the first bad line."""
    buf = body if body.endswith(b"\n") else body + b"\n"
    at, type_in_force = 0, MetricType.UNKNOWN
    try:
        while at < len(buf):
            line = text_format.read_line(buf, at, type_in_force)
            at = line.end
            if line.entry is None:
                continue
            if isinstance(line.entry, TypeEntry):
                type_in_force = line.entry.type
            yield line.entry
        text_format.check_end(buf)
    except ParseError as exc:
        raise exc.locate(buf) from None
