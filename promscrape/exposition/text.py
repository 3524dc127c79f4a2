"""The Prometheus text format: the plain-Python reader, until a compiled twin stands beside it."""

from collections.abc import Iterator

from promscrape.exposition._text_py import read_line, rest_of_sample
from promscrape.exposition.entries import Entry, TypeEntry
from promscrape.model.metadata import MetricType

__all__ = ["parse", "read_line", "rest_of_sample"]


def parse(body: bytes) -> Iterator[Entry]:
    """Yield the entries of a whole body; raises ParseError at the first bad line."""
    buf = body if body.endswith(b"\n") else body + b"\n"
    at, type_in_force = 0, MetricType.UNKNOWN
    while at < len(buf):
        line = read_line(buf, at, type_in_force)
        at = line.end
        if line.entry is None:
            continue
        if isinstance(line.entry, TypeEntry):
            type_in_force = line.entry.type
        yield line.entry
