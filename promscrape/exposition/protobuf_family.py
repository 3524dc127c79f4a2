"""One protobuf family: what it says of itself, and what is remembered of it."""

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, final

import msgspec

from promscrape.errors import ParseError
from promscrape.exposition.entries import HelpEntry, MetadataEntry, TypeEntry, UnitEntry
from promscrape.exposition.protobuf_metric import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
)
from promscrape.exposition.protobuf_wire import read_fields, refuse_known, signed32
from promscrape.exposition.segment import Segment
from promscrape.model.metadata import MetricType
from promscrape.model.quoting import quote

_FAMILY_FIELDS = {1: "Name", 2: "Help", 3: "Type", 4: "Metric", 5: "Unit"}
TYPES = {
    COUNTER: MetricType.COUNTER,
    GAUGE: MetricType.GAUGE,
    SUMMARY: MetricType.SUMMARY,
    UNTYPED: MetricType.UNKNOWN,
    HISTOGRAM: MetricType.HISTOGRAM,
    GAUGE_HISTOGRAM: MetricType.GAUGE_HISTOGRAM,
}
_SHOWN_BYTES = 120


class Header(NamedTuple):
    """A family but for its metrics."""

    name: bytes
    help: bytes
    type: int
    unit: bytes


@final
@dataclass(slots=True)
class KnownSeries:
    """The series that one metric stands for, while it has this shape."""

    shape: tuple[object, ...]
    ids: "array[int]"


@final
class Seen(msgspec.Struct, frozen=True):
    """What the bytes of one metric came to; `key` is that of its labels."""

    key: bytes
    series: KnownSeries
    segment: Segment


@final
class _Template:
    """The bytes of a family that is plain numbers and nothing else that can change."""

    __slots__ = ("_between", "_gaps", "_numbers", "_size")

    def __init__(self, raw: bytes, numbers_at: Sequence[int]) -> None:
        begins = [0, *(at + 8 for at in numbers_at)]
        self._gaps = [slice(*gap) for gap in zip(begins, [*numbers_at, len(raw)], strict=True)]
        self._between = b"".join(map(raw.__getitem__, self._gaps))
        self._size = len(raw)
        padded = (f"{gap.stop - gap.start}x" for gap in self._gaps)
        self._numbers = struct.Struct("<" + "d".join(padded))

    def numbers(self, raw: bytes) -> "array[float] | None":
        """Return the numbers in a family of this form, None where it has another."""
        if len(raw) != self._size or b"".join(map(raw.__getitem__, self._gaps)) != self._between:
            return None
        return array("d", self._numbers.unpack(raw))


@final
class Family:
    """One family of a body, and what it came to.

    ids, series: by the bytes of a metric's labels, of those that are one series, and of those
    that are more. seen: of the latter, by all bytes of the metric.
    plain_at: where the numbers of metrics lie that are labels and a number.
    """

    __slots__ = (
        "entries",
        "header",
        "ids",
        "plain_at",
        "raw",
        "seen",
        "segment",
        "series",
        "template",
    )

    def __init__(self, raw: bytes, header: Header) -> None:
        self.raw, self.header = raw, header
        self.entries: tuple[MetadataEntry, ...] = ()
        self.ids: dict[bytes, int] = {}
        self.series: dict[bytes, KnownSeries] = {}
        self.seen: dict[bytes, Seen] = {}
        self.segment = Segment()
        self.plain_at: list[int] = []
        self.template: _Template | None = None

    def becomes(self, raw: bytes) -> bool:
        """Whether these bytes are the family with other numbers at most; it then has those."""
        if self.raw == raw:
            return True
        numbers = self.template.numbers(raw) if self.template else None
        if numbers is None:
            return False
        self.raw, self.segment.values = raw, numbers
        return True

    def close(self) -> None:
        """Note what the family is like, now that it is read to its end."""
        if len(self.plain_at) == len(self.segment.values):
            self.template = _Template(self.raw, self.plain_at)
        self.plain_at = []


def read_family(raw: bytes) -> tuple[Header, list[tuple[int, int]]]:
    """Return a family's own fields, and where its metrics lie."""
    name = help_ = unit = b""
    type_, metrics = COUNTER, []
    for tag, begin, end in read_fields(raw, 0, len(raw)):
        if tag == 0x22:
            metrics.append((begin, end))
        elif tag == 0x0A:
            name = raw[begin:end]
        elif tag == 0x12:
            help_ = raw[begin:end]
        elif tag == 0x18:
            type_ = signed32(begin)
        elif tag == 0x2A:
            unit = raw[begin:end]
        else:
            refuse_known(tag, _FAMILY_FIELDS, "MetricFamily")
    return Header(name, help_, type_, unit), metrics


@lru_cache(maxsize=20_000)
def entries_of(header: Header) -> tuple[MetadataEntry, ...]:
    """Return what a family says of itself (B3); raises ParseError where it cannot say that (B2).

    The targets of a fleet share what all of them say.
    """
    try:
        name = header.name.decode()
    except UnicodeDecodeError:
        name = ""
    if not name:
        raise ParseError(f"invalid metric name: {_shown(header.name)}")
    try:
        help_ = header.help.decode()
    except UnicodeDecodeError:
        raise ParseError(
            f"invalid help for metric {quote(_shown(header.name))}: {_shown(header.help)}"
        ) from None
    if header.type not in TYPES:
        raise ParseError(
            f"unknown metric type for metric {quote(_shown(header.name))}: {header.type}"
        )
    unit = header.unit.decode("utf-8", "replace")
    units = (UnitEntry(name, unit),) if unit else ()
    return (HelpEntry(name, help_), *units, TypeEntry(name, TYPES[header.type]))


def _shown(raw: bytes) -> str:
    return raw[:_SHOWN_BYTES].decode("utf-8", "replace")
