r"""The protobuf format: delimited `MetricFamily` messages, beside what is known of the last body.

    body   = { varint length, MetricFamily }
    family = name, help, type, { metric }, unit          in any order
    metric = { label }, counter | gauge | summary | untyped | histogram, [ timestamp ]

Rules B1 to B9 of the scrape specification. The bytes are read where they lie: the library that
makes message objects of them takes longer to hand over one label than it takes here to know the
series again, and has no say in error texts. This is what makes a scrape like the last one cheap:

- a family whose bytes are those of the last body is taken over whole;
- a family of plain numbers has them at the same places as long as nothing else changes: what
  lies between them is compared in one go, and they are unpacked in another;
- elsewhere the bytes of a metric's labels are the key to its series, which are not looked at
  again, and a histogram or summary whose bytes are as they were is not read again either.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import final

from promscrape.errors import ParseError
from promscrape.exposition.columns import Columns, NewSeries
from promscrape.exposition.entries import LabelPairs, MetadataEntry
from promscrape.exposition.protobuf_family import (
    TYPES,
    Family,
    Header,
    KnownSeries,
    Seen,
    entries_of,
    read_family,
)
from promscrape.exposition.protobuf_messages import read_label
from promscrape.exposition.protobuf_metric import (
    COUNTER,
    GAUGE,
    LABEL_TAG,
    UNTYPED,
    VALUE_TAGS,
    Metric,
    Place,
    Samples,
)
from promscrape.exposition.protobuf_wire import read_double, read_frame
from promscrape.exposition.segment import Segment
from promscrape.exposition.series_key import series_key
from promscrape.exposition.switches import DEFAULT_SWITCHES, Switches
from promscrape.exposition.type_and_unit import with_type_and_unit
from promscrape.model.labels import METRIC_NAME
from promscrape.model.sample import NO_START
from promscrape.model.varint import uvarint

Identify = Callable[[bytes], tuple[int, bool]]
"""Gives a series key its id, and says whether the key is new."""

# By type: the value's field in a metric that has nothing else behind its labels, up to the
# eight bytes of the number.
_PLAIN_VALUES = {type_: bytes((VALUE_TAGS[type_], 9, 0x09)) for type_ in (COUNTER, GAUGE, UNTYPED)}


@final
class ProtobufScanner:
    """Scans the protobuf bodies of one target; `identify` gives its series their ids."""

    def __init__(self, identify: Identify, switches: Switches = DEFAULT_SWITCHES) -> None:
        self._identify, self._switches = identify, switches
        self._families: list[Family] = []
        self._columns = Columns(array("I"), array("d"))

    def scan(self, body: bytes) -> Columns:
        """Read a whole body. Never raises for what a target sends: see `Columns.error`."""
        walk = _Walk(self._identify, self._switches)
        last, by_header = self._families, dict[Header, Family]()
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
                header, metrics = read_family(raw)
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
        if known and ids is not known and not frozenset(ids).issuperset(known):
            self._families, self._columns = [], Columns(array("I"), array("d"))


@final
class _Walk:
    """The families of one body as they are read, and the samples so far."""

    def __init__(self, identify: Identify, switches: Switches) -> None:
        self.families: list[Family] = []
        self._identify, self._switches = identify, switches
        self._all = Segment()
        self._metadata_at: dict[int, tuple[MetadataEntry, ...]] = {}
        self._new: list[NewSeries] = []

    def take_over(self, family: Family) -> None:
        """Take a family that is as it was."""
        self._note(family)
        self._all.append(family.segment)
        self.families.append(family)

    def _note(self, family: Family) -> None:
        # A metric is one sample at the least, so no other family begins at this place.
        if family.entries:
            self._metadata_at[len(self._all.values)] = family.entries

    def read(
        self, raw: bytes, header: Header, metrics: Sequence[tuple[int, int]], known: Family | None
    ) -> None:
        """Read the metrics of a family; one without any is nothing, not even its name (B2)."""
        family = Family(raw, header)
        self.families.append(family)
        if not metrics:
            return
        family.entries = entries_of(header)
        self._note(family)
        known = known or Family(b"", header)
        try:
            for begin, end in metrics:
                if not _take_plain(raw, begin, end, family, known.ids):
                    self._read_metric(raw, begin, end, family, known)
            family.close()
        finally:
            self._all.append(family.segment)

    def _read_metric(self, raw: bytes, begin: int, end: int, family: Family, known: Family) -> None:
        whole = raw[begin:end]
        if seen := known.seen.get(whole):
            family.seen[whole], family.series[seen.key] = seen, seen.series
            family.segment.append(seen.segment)
            return
        metric = Metric(raw, begin, end, family.header.type)
        samples = metric.samples(family.header.name, self._switches)
        key = _labels_key(raw, metric.labels)
        segment = self._segment(
            metric, samples, self._ids_of(raw, key, metric, samples, family, known)
        )
        if series := family.series.get(key):
            family.seen[whole] = Seen(key, series, segment)
        family.segment.append(segment)

    def _segment(self, metric: Metric, samples: Samples, ids: "array[int]") -> Segment:
        start_ms = NO_START
        if self._switches.start_timestamps and samples.start is not None:
            start_ms = samples.start.ms
        segment = Segment()
        segment.add(
            ids,
            samples.values,
            t_ms=metric.t_ms or None,
            start_ms=start_ms,
            exemplars=samples.exemplars,
            histograms=samples.histograms,
        )
        return segment

    def _ids_of(
        self,
        raw: bytes,
        key: bytes,
        metric: Metric,
        samples: Samples,
        family: Family,
        known: Family,
    ) -> "array[int]":
        """Return the ids of a metric's series, and note them for the next body."""
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
            series = KnownSeries(samples.shape, ids)
        family.series[key] = series
        return series.ids

    def _id(self, family: Family, labels: list[tuple[str, str]], place: Place) -> int:
        name = family.header.name.decode() + place.suffix
        own: LabelPairs = (*labels, place.label) if place.label else tuple(labels)
        if self._switches.type_and_unit_labels:
            unit = family.header.unit.decode("utf-8", "replace")
            own = with_type_and_unit(own, TYPES[family.header.type], unit)
        series_id, is_new = self._identify(series_key(name, own))
        if is_new:
            self._new.append(NewSeries(series_id, ((METRIC_NAME, name), *own)))
        return series_id

    def columns(self, last: Columns, error: ParseError | None) -> Columns:
        found = self._all
        metadata = tuple(chain.from_iterable(self._metadata_at.values()))
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


def _take_plain(raw: bytes, begin: int, end: int, family: Family, known: dict[bytes, int]) -> bool:
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
