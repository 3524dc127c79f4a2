"""Reads a log back into memory when it is opened, and repairs it where it has to be.

The samples of a target come back scrape after scrape with the same refs, so that what is known
of them is remembered here too: a record that was seen before costs a comparison and a copy.

What was forgotten before the end of the log is forgotten again on the way, or a log of two hours
would bring all series back that came and went in that time. A log may have samples of one later
on: it was not forgotten then, because a destination lagged behind. That is no loss, for the next
sample makes it a series again.
"""

from array import array
from collections.abc import Iterable, Iterator
from typing import final

from promscrape.errors import CorruptLog, MalformedRecord
from promscrape.model.sample import STALE_NAN_BITS, is_stale
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.ended import Ended, silence_after
from promscrape.storage.wal.histogram_record import decode_histograms
from promscrape.storage.wal.layout import BatchLayout
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import LoggedRecord
from promscrape.storage.wal.record import SampleColumns, SampleDecoder, decode_series
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
_MARKER = STALE_NAN_BITS.to_bytes(8, "big")


@final
class Replayer:
    """Builds the series table from records, given in the order of the log.

    ended: series that have their stale marker, and were not silent for long enough since.
    """

    def __init__(self, *, keeps_deleted_labels: bool, next_ref: int = 1) -> None:
        self.table = SeriesTable()
        self.table.next_ref = next_ref
        self.deleted = DeletedSeries(keeps_labels=keeps_deleted_labels)
        self.unknown_series_samples = 0
        self.ended: list[Ended] = []
        self._newest_ms = 0
        self._samples = SampleDecoder(_REMEMBERED_SAMPLES)
        # By the identity of the array of refs, which the decoder gives again and again.
        self._layouts: dict[int, tuple[array[int], BatchLayout]] = {}
        self._room = _REMEMBERED_SAMPLES

    def replay(self, records: Iterable[LoggedRecord], pace: Pace) -> None:
        """Raises CorruptLog at the first record that cannot be read, and Stopped."""
        at = None
        for segment, path, framed in records:
            pace.step()
            if path != at:
                at = path
                self._forget_silent(segment)
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
            for entry in entries:
                if is_stale(entry.histogram.sum):
                    self.ended.append(Ended(array("Q", (entry.ref,)), entry.t_ms))
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
        self._newest_ms = max(self._newest_ms, columns.base_ms)
        if _MARKER in record:
            self.ended += _ended_in(columns)

    def _forget_silent(self, segment: int) -> None:
        """Forget what was silent for long enough after its marker, as of now in the log."""
        dropped: list[LoggedSeries] = []
        recent: list[Ended] = []
        for ended in self.ended:
            if ended.t_ms >= self._newest_ms - 1000 * ended.silence_s:
                recent.append(ended)
                continue
            rows = filter(None, self.table.handles_of(ended.refs))
            dropped += self.table.drop(rows, ended.t_ms + 1)
        self.ended = recent
        if dropped:
            # At some time before this segment there was the last sample of each.
            self.deleted.add_all(dropped, segment)
            self.table.take_aliases([series.ref for series in dropped])
            self._layouts.clear()

    def finish(self, segment: int) -> None:
        """Forget what is silent at the end of the log, of which `segment` is the last one."""
        self._forget_silent(segment)

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
            missing = [ref for ref, handle in zip(refs, handles, strict=True) if not handle]
            self.unknown_series_samples += unknown - self.deleted.use_all(missing, segment)
            # A ref whose series record is lost must not become another series' either.
            self._reserve(max((ref for ref in refs if ref < _MAX_REF), default=0))
        if self._has_deleted(refs):
            for ref in refs:
                self.deleted.use(ref, segment)
        return handles

    def _has_deleted(self, refs: "array[int]") -> bool:
        return self.deleted.has_single and any(map(self.deleted.is_single, refs))

    def _reserve(self, ref: int) -> None:
        self.table.next_ref = max(self.table.next_ref, ref + 1)


def _ended_in(columns: SampleColumns) -> Iterator[Ended]:
    """Yield the series that got a stale marker, those of one time together."""
    places = list(_places_of(STALE_NAN_BITS, array("Q", columns.values().tobytes())))
    silence_s = silence_after(len(places), len(columns.refs))
    found: dict[int, array[int]] = {}
    timestamps_ms = None if columns.offsets_ms is None else columns.timestamps_ms()
    for at in places:
        t_ms = columns.base_ms if timestamps_ms is None else timestamps_ms[at]
        found.setdefault(t_ms, array("Q")).append(columns.refs[at])
    return (Ended(refs, t_ms, silence_s) for t_ms, refs in found.items())


def _places_of(wanted: int, numbers: "array[int]") -> Iterator[int]:
    at = -1
    for _ in range(numbers.count(wanted)):
        at = numbers.index(wanted, at + 1)
        yield at
