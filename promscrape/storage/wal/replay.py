"""Reads a log back into memory when it is opened, and repairs it where it has to be.

The samples of a target come back scrape after scrape with the same refs, so that what is known
of them is remembered here too: a record that was seen before costs a comparison and a copy.
"""

from array import array
from collections.abc import Iterable
from typing import final

from promscrape.errors import CorruptLog, MalformedRecord
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.histogram_record import decode_histograms
from promscrape.storage.wal.layout import BatchLayout
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import LoggedRecord
from promscrape.storage.wal.record import SampleDecoder, decode_series
from promscrape.storage.wal.record_types import (
    HISTOGRAM_TYPES,
    SAMPLE_TYPES,
    LoggedSeries,
    RecordType,
    record_type,
)
from promscrape.storage.wal.series import Handles, SeriesTable

_REMEMBERED_SAMPLES = 4_000_000
_MAX_REF = (1 << 63) - 1


@final
class Replayer:
    """Builds the series table from records, given in the order of the log."""

    def __init__(self, *, keeps_deleted_labels: bool, next_ref: int = 1) -> None:
        self.table = SeriesTable()
        self.table.next_ref = next_ref
        self.deleted = DeletedSeries(keeps_labels=keeps_deleted_labels)
        self.unknown_series_samples = 0
        self._samples = SampleDecoder(_REMEMBERED_SAMPLES)
        # By the identity of the array of refs, which the decoder gives again and again.
        self._layouts: dict[int, tuple[array[int], BatchLayout]] = {}
        self._room = _REMEMBERED_SAMPLES

    def replay(self, records: Iterable[LoggedRecord], pace: Pace) -> None:
        """Raises CorruptLog at the first record that cannot be read, and Stopped."""
        for segment, path, framed in records:
            pace.step()
            try:
                self._take(framed.record, segment)
            except MalformedRecord as exc:
                raise CorruptLog(exc.reason, path, framed.start) from exc

    def _take(self, record: bytes, segment: int) -> None:
        type_ = record_type(record)
        if type_ is RecordType.SERIES:
            for series in decode_series(record):
                self._take_series(series, segment)
        elif type_ in SAMPLE_TYPES:
            self._take_samples(record, segment)
        elif type_ in HISTOGRAM_TYPES:
            entries = decode_histograms(record)
            refs = array("Q", [entry.ref for entry in entries])
            handles = self._handles(refs, segment)
            self.table.raise_to(handles, [entry.t_ms for entry in entries])
        # What else there is says nothing of the series in memory. It is no reason to give up
        # the log either, as Prometheus's agent does when it meets a server's metadata.

    def _take_series(self, series: LoggedSeries, segment: int) -> None:
        """The first ref of a label set is its own; later ones count for it."""
        if not 0 < series.ref < _MAX_REF:
            raise MalformedRecord(f"series has the ref {series.ref}")
        handle = self.table.find(series.wire)
        if handle == 0:
            handle = self.table.insert(series.ref, series.wire)
        elif self.table.refs[handle] != series.ref:
            self.deleted.add(series, segment)
            self._reserve(series.ref)
            self.table.add_alias(series.ref, handle)

    def _take_samples(self, record: bytes, segment: int) -> None:
        columns = self._samples.decode(record)
        known = self._layouts.get(id(columns.refs))
        layout = known[1] if known else self._layout(columns.refs, segment)
        if columns.offsets_ms is None:
            layout.commit(self.table, columns.base_ms)
        else:
            self.table.raise_to(layout.handles, columns.timestamps_ms())

    def _layout(self, refs: "array[int]", segment: int) -> BatchLayout:
        layout = BatchLayout(self.table, self._handles(refs, segment))
        if 0 not in layout.handles and not self._has_deleted(refs):
            self._remember(refs, layout)
        return layout

    def _remember(self, refs: "array[int]", layout: BatchLayout) -> None:
        self._room -= len(refs)
        if self._room < 0:
            self._layouts.clear()
            self._room = _REMEMBERED_SAMPLES - len(refs)
        self._layouts[id(refs)] = refs, layout

    def _handles(self, refs: "array[int]", segment: int) -> Handles:
        """Return handles for `refs`; row 0 of the table takes what belongs to no series."""
        handles = self.table.handles_of(refs)
        if unknown := handles.count(0):
            self.unknown_series_samples += unknown
            # A ref whose series record is lost must not become another series' either.
            self._reserve(max((ref for ref in refs if ref < _MAX_REF), default=0))
        if self._has_deleted(refs):
            for ref in refs:
                self.deleted.use(ref, segment)
        return handles

    def _has_deleted(self, refs: "array[int]") -> bool:
        return bool(self.deleted) and any(ref in self.deleted for ref in refs)

    def _reserve(self, ref: int) -> None:
        self.table.next_ref = max(self.table.next_ref, ref + 1)
