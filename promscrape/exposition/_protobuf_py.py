r"""The protobuf format: delimited `MetricFamily` messages, beside what is known of the last body.

    body   = { varint length, MetricFamily }
    family = name, help, type, { metric }, unit          in any order
    metric = { label }, counter | gauge | summary | untyped | histogram, [ timestamp ]

Rules B1 to B9 of the scrape specification. The bytes are read where they lie: the library that
makes message objects of them takes longer to hand over one label than it takes here to know the
series again, and has no say in error texts. Three things make a scrape like the last one cheap:

- a family whose bytes are those of the last body is taken over whole;
- a family of plain numbers has them at the same places as long as nothing else changes: what
  lies between them is compared in one go, and they are unpacked in another;
- elsewhere the bytes of a metric's labels are the key to its series, which are not looked at
  again.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, final

from promscrape.errors import ParseError
from promscrape.exposition.columns import Columns, NewSeries
from promscrape.exposition.entries import (
    HelpEntry,
    LabelPairs,
    MetadataEntry,
    TypeEntry,
    UnitEntry,
)
from promscrape.exposition.protobuf_messages import read_label
from promscrape.exposition.protobuf_metric import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    LABEL_TAG,
    SUMMARY,
    UNTYPED,
    VALUE_TAGS,
    Metric,
    Place,
    Samples,
)
from promscrape.exposition.protobuf_wire import (
    read_double,
    read_fields,
    read_frame,
    refuse_known,
    signed32,
)
from promscrape.exposition.segment import Segment
from promscrape.exposition.series_key import series_key
from promscrape.exposition.switches import DEFAULT_SWITCHES, Switches
from promscrape.exposition.type_and_unit import with_type_and_unit
from promscrape.model.labels import METRIC_NAME
from promscrape.model.metadata import MetricType
from promscrape.model.quoting import quote
from promscrape.model.sample import NO_START
from promscrape.model.varint import uvarint

Identify = Callable[[bytes], tuple[int, bool]]
"""Gives a series key its id, and says whether the key is new."""

_FAMILY_FIELDS = {1: "Name", 2: "Help", 3: "Type", 4: "Metric", 5: "Unit"}
_TYPES = {
    COUNTER: MetricType.COUNTER,
    GAUGE: MetricType.GAUGE,
    SUMMARY: MetricType.SUMMARY,
    UNTYPED: MetricType.UNKNOWN,
    HISTOGRAM: MetricType.HISTOGRAM,
    GAUGE_HISTOGRAM: MetricType.GAUGE_HISTOGRAM,
}
# By type: the value's field in a metric that has nothing else behind its labels, up to the
# eight bytes of the number.
_PLAIN_VALUES = {type_: bytes((VALUE_TAGS[type_], 9, 0x09)) for type_ in (COUNTER, GAUGE, UNTYPED)}
_SHOWN_BYTES = 120


class _Header(NamedTuple):
    """A family but for its metrics."""

    name: bytes
    help: bytes
    type: int
    unit: bytes


@final
@dataclass(slots=True)
class _Series:
    """The series that one metric stands for, while it has this shape."""

    shape: tuple[object, ...]
    ids: "array[int]"


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
class _Family:
    """One family of a body, and what it came to.

    ids, series: by the bytes of a metric's labels, of those that are one series, and of those
    that are more. plain_at: where the numbers of metrics lie that are labels and a number.
    """

    __slots__ = ("entries", "header", "ids", "plain_at", "raw", "segment", "series", "template")

    def __init__(self, raw: bytes, header: _Header) -> None:
        self.raw, self.header = raw, header
        self.entries: tuple[MetadataEntry, ...] = ()
        self.ids: dict[bytes, int] = {}
        self.series: dict[bytes, _Series] = {}
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


@final
class ProtobufScanner:
    """Scans the protobuf bodies of one target; `identify` gives its series their ids."""

    def __init__(self, identify: Identify, switches: Switches = DEFAULT_SWITCHES) -> None:
        self._identify, self._switches = identify, switches
        self._families: list[_Family] = []
        self._columns = Columns(array("I"), array("d"))

    def scan(self, body: bytes) -> Columns:
        """Read a whole body. Never raises for what a target sends: see `Columns.error`."""
        walk = _Walk(self._identify, self._switches)
        last, by_header = self._families, dict[_Header, _Family]()
        at, error = 0, None
        try:
            while at < len(body):
                begin, at = read_frame(body, at)
                index = len(walk.families)
                known = last[index] if index < len(last) else None
                raw = body[begin:at]
                if known is not None and known.becomes(raw):
                    walk.take_over(known)
                    continue
                header, metrics = _read_family(raw)
                if known is None or known.header != header:
                    by_header = by_header or {family.header: family for family in last}
                    known = by_header.get(header)
                walk.read(raw, header, metrics, known)
        except ParseError as exc:
            error = exc
        columns = walk.columns(self._columns, error)
        if error is None:
            self._families, self._columns = walk.families, columns
        return columns

    def retain(self, ids: Iterable[int]) -> None:
        """Take note that all other ids may be given to other series."""
        known = self._columns.series
        if known and not frozenset(ids).issuperset(known):
            self._families, self._columns = [], Columns(array("I"), array("d"))


@final
class _Walk:
    """The families of one body as they are read, and the samples so far."""

    def __init__(self, identify: Identify, switches: Switches) -> None:
        self.families: list[_Family] = []
        self._identify, self._switches = identify, switches
        self._all = Segment()
        self._metadata_at: dict[int, tuple[MetadataEntry, ...]] = {}
        self._new: list[NewSeries] = []

    def take_over(self, family: _Family) -> None:
        """Take a family that is as it was."""
        self._note(family)
        self._all.append(family.segment)
        self.families.append(family)

    def _note(self, family: _Family) -> None:
        if family.entries:
            place = len(self._all.values)
            self._metadata_at[place] = self._metadata_at.get(place, ()) + family.entries

    def read(
        self, raw: bytes, header: _Header, metrics: Sequence[tuple[int, int]], known: _Family | None
    ) -> None:
        """Read the metrics of a family; one without any is nothing, not even its name (B2)."""
        family = _Family(raw, header)
        self.families.append(family)
        if not metrics:
            return
        family.entries = _entries(header)
        self._note(family)
        known = known or _Family(b"", header)
        try:
            for begin, end in metrics:
                if not _take_plain(raw, begin, end, family, known.ids):
                    self._read_metric(raw, begin, end, family, known)
            family.close()
        finally:
            self._all.append(family.segment)

    def _read_metric(
        self, raw: bytes, begin: int, end: int, family: _Family, known: _Family
    ) -> None:
        metric = Metric(raw, begin, end, family.header.type)
        samples = metric.samples(family.header.name, self._switches)
        ids = self._ids_of(raw, metric, samples, family, known)
        start_ms = NO_START
        if self._switches.start_timestamps and samples.start is not None:
            start_ms = samples.start.ms
        family.segment.add(
            ids,
            samples.values,
            t_ms=metric.t_ms or None,
            start_ms=start_ms,
            exemplars=samples.exemplars,
            histograms=samples.histograms,
        )

    def _ids_of(
        self, raw: bytes, metric: Metric, samples: Samples, family: _Family, known: _Family
    ) -> "array[int]":
        """Return the ids of a metric's series, and note them for the next body."""
        key = _labels_key(raw, metric.labels)
        if len(samples.values) == 1:
            if (series_id := known.ids.get(key)) is None:
                labels = [read_label(raw, *span) for span in metric.labels]
                series_id = self._id(family, labels, samples.places()[0])
            family.ids[key] = series_id
            return array("I", (series_id,))
        series = known.series.get(key)
        if series is None or series.shape != samples.shape:
            labels = [read_label(raw, *span) for span in metric.labels]
            ids = array("I", [self._id(family, labels, place) for place in samples.places()])
            series = _Series(samples.shape, ids)
        family.series[key] = series
        return series.ids

    def _id(self, family: _Family, labels: list[tuple[str, str]], place: Place) -> int:
        name = family.header.name.decode() + place.suffix
        own: LabelPairs = (*labels, place.label) if place.label else tuple(labels)
        if self._switches.type_and_unit_labels:
            unit = family.header.unit.decode("utf-8", "replace")
            own = with_type_and_unit(own, _TYPES[family.header.type], unit)
        series_id, is_new = self._identify(series_key(name, own))
        if is_new:
            self._new.append(NewSeries(series_id, ((METRIC_NAME, name), *own)))
        return series_id

    def columns(self, last: Columns, error: ParseError | None) -> Columns:
        found = self._all
        metadata = tuple(entry for entries in self._metadata_at.values() for entry in entries)
        return Columns(
            last.series if found.series == last.series else found.series,
            found.values,
            last.metadata if metadata == last.metadata else metadata,
            self._new,
            found.times,
            found.exemplars,
            found.histograms,
            found.starts,
            self._metadata_at,
            error,
        )


def _read_family(raw: bytes) -> tuple[_Header, list[tuple[int, int]]]:
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
    return _Header(name, help_, type_, unit), metrics


@lru_cache(maxsize=20_000)
def _entries(header: _Header) -> tuple[MetadataEntry, ...]:
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
    if header.type not in _TYPES:
        raise ParseError(
            f"unknown metric type for metric {quote(_shown(header.name))}: {header.type}"
        )
    unit = header.unit.decode("utf-8", "replace")
    units = (UnitEntry(name, unit),) if unit else ()
    return (HelpEntry(name, help_), *units, TypeEntry(name, _TYPES[header.type]))


def _shown(raw: bytes) -> str:
    return raw[:_SHOWN_BYTES].decode("utf-8", "replace")


def _take_plain(raw: bytes, begin: int, end: int, family: _Family, known: dict[bytes, int]) -> bool:
    """Take a known metric that is labels and one number; false where it is anything else."""
    value_at = end - 8
    if family.segment.times is not None or family.segment.starts is not None:
        return False
    head = _PLAIN_VALUES.get(family.header.type)
    if head is None or not raw.startswith(head, value_at - len(head)):
        return False
    key = raw[begin : value_at - len(head)]
    series_id = known.get(key)
    if series_id is None:
        return False
    family.ids[key] = series_id
    family.segment.series.append(series_id)
    family.segment.values.append(read_double(raw, value_at))
    family.plain_at.append(value_at)
    return True


def _labels_key(raw: bytes, labels: Sequence[tuple[int, int]]) -> bytes:
    """Return the bytes of a metric's label fields, which stand at its begin where they should."""
    return b"".join(
        bytes((LABEL_TAG,)) + uvarint(end - begin) + raw[begin:end] for begin, end in labels
    )
