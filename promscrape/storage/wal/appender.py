"""One transaction: batches are judged as they come, and logged together."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import compress, repeat
from operator import le, not_
from typing import final

from promscrape.errors import InvalidSeries, StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import stale_histogram
from promscrape.model.metadata import Metadata
from promscrape.model.sample import NO_START, NO_TIMESTAMP, is_stale
from promscrape.storage.interface import AppendCode, Appended, Batch
from promscrape.storage.wal.ended import Ended, EndedSeries, silence_after
from promscrape.storage.wal.histogram_record import encode_histograms, encode_started_histograms
from promscrape.storage.wal.layout import BatchLayout, LayoutCache, refs_of
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.pending import PendingFloats, Picked, Whole
from promscrape.storage.wal.record import encode_kept_series, samples_head
from promscrape.storage.wal.record_types import LoggedExemplar, LoggedHistogram
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.series import Handles, SeriesTable
from promscrape.storage.wal.sparse_record import encode_exemplars
from promscrape.storage.wal.started_record import encode_started
from promscrape.storage.wal.tail import Commit, LogTail
from promscrape.storage.wal.zeros import zeros_of

MAX_EXEMPLAR_CHARACTERS = 128
"""In the names and values of its labels. Source: OpenMetrics 1.0, section on exemplars."""

_SERIES_A_RECORD = 1000
"""A record is decoded in one go, and a thread that does so holds up the event loop."""


@dataclass(frozen=True, slots=True)
class WalParts:
    """What the appenders of a log share. `on_logged` is told of each write, and must not wait.

    zero_age_ms: how much older than its sample a zero may be that a counter began with; 0 where
        none are written. logs_starts: see `WalOptions`.
    """

    table: SeriesTable
    layouts: LayoutCache
    writer: SegmentWriter
    metrics: WalMetrics
    out_of_order_window_ms: int
    on_logged: Callable[[], None]
    tail: LogTail
    zero_age_ms: int = 0
    logs_starts: bool = False
    ended: EndedSeries = field(default_factory=EndedSeries)


@final
class WalAppender:
    """Implements `storage.interface.Appender`.

    Series are in memory from the `append` that first names them. Whichever transaction ends next
    logs them, so that no sample comes before the series it belongs to.
    """

    def __init__(self, parts: WalParts) -> None:
        self._parts = parts
        self._clear()

    def _clear(self) -> None:
        self._floats: list[PendingFloats] = []
        self._histograms: list[tuple[int, LoggedHistogram]] = []  # each with its handle
        self._exemplars: list[LoggedExemplar] = []
        self._latest_exemplars: dict[int, Exemplar] = {}
        self._starts: list[tuple[BatchLayout, array[int]]] = []
        self._ended: list[tuple[array[int], int]] = []

    def append(self, batch: Batch) -> Appended:
        """Take the batch into the transaction; see `storage.interface.Appended`."""
        parts = self._parts
        layout = None
        if batch.generation == parts.table.generation:
            layout = parts.layouts.find(batch.refs)
        if layout is not None:
            codes = self._take(batch, layout)
            return Appended(batch.refs, batch.generation, len(batch.refs), codes)
        handles, error = parts.table.resolve(batch)
        layout = BatchLayout(parts.table, handles)
        codes = self._take(batch, layout)
        if error is not None:
            return self._cut_short(batch, handles, codes, error)
        parts.layouts.keep(handles, layout)
        return Appended(handles, parts.table.generation, len(handles), codes)

    def _cut_short(
        self, batch: Batch, handles: Handles, codes: bytes | None, error: InvalidSeries
    ) -> Appended:
        unseen = array("Q", bytes(8 * (len(batch.refs) - len(handles))))
        return Appended(
            handles + unseen, self._parts.table.generation, len(handles), codes, error=error
        )

    def _take(self, batch: Batch, layout: BatchLayout) -> bytes | None:
        """Keep what is accepted of the batch's first samples, and return the codes, if any."""
        codes = self._judge(batch, layout)
        if self._parts.table.histogram_kinds and is_stale(next(iter(batch.values), 0.0)):
            batch = _with_histogram_markers(batch, layout, self._parts.table)
        count = len(layout.handles)
        if batch.starts is not None and self._parts.zero_age_ms:
            self._inject_zeros(batch, batch.starts[:count], layout)
        values = batch.values if len(batch.values) == count else batch.values[:count]
        if codes is None and batch.timestamps is None and not batch.histograms:
            if count:
                self._floats.append(Whole(layout, values, batch.t_ms, self._logged_starts(batch)))
            self._parts.metrics.floats_appended.value += count
        else:
            self._pick(batch, layout, codes or bytes(count))
        if batch.reject_out_of_order and is_stale(next(iter(batch.values), 0.0)):
            self._ended.append((layout.handles, batch.t_ms))
        if batch.metadata is not None and batch.metadata is not layout.metadata:
            self._note_metadata(layout, batch.metadata)
        if batch.exemplars:
            self._take_exemplars(batch, layout.handles, codes or bytes(count))
        return codes

    def _note_metadata(self, layout: BatchLayout, metadata: Sequence[Metadata | None]) -> None:
        known = self._parts.table.metadata
        if known.is_kept:
            known.note(layout.handles, metadata)
            layout.metadata = metadata

    def _judge(self, batch: Batch, layout: BatchLayout) -> bytes | None:
        """Return an AppendCode a sample, None where all are accepted.

        A sample is out of order where its time is at or before the last one of its series, less
        the window; a new series has none. Source: Prometheus tsdb/agent/db.go, Append.
        """
        parts = self._parts
        window_ms = 0 if batch.reject_out_of_order else parts.out_of_order_window_ms
        limits: Iterable[int]
        if batch.timestamps is None:
            if layout.all_follow(parts.table, batch.t_ms + window_ms):
                return None
            limits = repeat(batch.t_ms + window_ms)
        else:
            limits = [t_ms + window_ms for t_ms in _timestamps(batch, len(layout.handles))]
        # `True` and OUT_OF_ORDER are both 1: the comparison yields the code.
        last_ms = map(parts.table.last_ms.__getitem__, layout.handles)
        codes = bytes(map(le, limits, last_ms))
        refused = codes.count(AppendCode.OUT_OF_ORDER)
        parts.metrics.out_of_order_samples.value += refused
        if refused:
            parts.ended.note_refused(compress(layout.handles, codes))
        return codes if refused else None

    def _logged_starts(self, batch: Batch) -> "array[int] | None":
        return batch.starts if self._parts.logs_starts else None

    def _inject_zeros(self, batch: Batch, starts: "array[int]", layout: BatchLayout) -> None:
        """Put a zero before the first sample of a counter that says when it began."""
        if layout.starts == starts:
            return
        parts, times_ms = self._parts, _timestamps(batch, len(starts))
        zeros = zeros_of(batch, times_ms, layout, parts.table, parts.zero_age_ms)
        if floats := zeros.floats():
            self._floats.append(floats)
            self._parts.metrics.floats_appended.value += len(floats.handles)
        self._histograms += zeros.histograms
        self._parts.metrics.histograms_appended.value += len(zeros.histograms)
        self._starts.append((layout, starts))

    def _pick(self, batch: Batch, layout: BatchLayout, codes: bytes) -> None:
        """Keep the accepted samples, those of histograms apart."""
        timestamps_ms = _timestamps(batch, len(codes))
        is_float = bytearray(map(not_, codes))
        starts = self._logged_starts(batch)
        for position, histogram in batch.histograms.items():
            if position < len(codes) and is_float[position]:
                is_float[position] = False
                handle = layout.handles[position]
                ref = self._parts.table.refs[handle]
                start_ms = NO_START if starts is None else starts[position]
                logged = LoggedHistogram(ref, timestamps_ms[position], histogram, start_ms)
                self._histograms.append((handle, logged))
                self._parts.metrics.histograms_appended.value += 1
        picked = Picked(
            array("Q", compress(layout.handles, is_float)),
            array("q", compress(timestamps_ms, is_float)),
            _compressed(batch.values, is_float),
            None if starts is None else array("q", compress(starts, is_float)),
        )
        if picked.handles:
            self._floats.append(picked)
            self._parts.metrics.floats_appended.value += len(picked.handles)

    def _take_exemplars(self, batch: Batch, handles: Handles, codes: bytes) -> None:
        timestamps_ms = _timestamps(batch, len(codes))
        for position, exemplars in batch.exemplars.items():
            if position >= len(codes) or codes[position] or _is_stale_at(batch, position):
                continue
            for exemplar in exemplars:
                self._take_exemplar(handles[position], timestamps_ms[position], exemplar)

    def _take_exemplar(self, handle: int, t_ms: int, exemplar: Exemplar) -> None:
        parts = self._parts
        if _is_unfit(exemplar):
            parts.metrics.exemplars_refused.value += 1
            return
        latest = self._latest_exemplars.get(handle) or parts.table.latest_exemplars.get(handle)
        if exemplar == latest:
            return
        self._latest_exemplars[handle] = exemplar
        timed = exemplar
        if exemplar.t_ms is None:
            timed = Exemplar(exemplar.labels, exemplar.value, t_ms)
        self._exemplars.append(LoggedExemplar(parts.table.refs[handle], timed))
        parts.metrics.exemplars_appended.value += 1

    def commit(self) -> None:
        """Log the transaction, then move the last timestamps of its series.

        Raises StorageError where it cannot be logged; the transaction is then gone, and series
        that it was to log are logged with the next one.
        """
        table = self._parts.table
        floats, histograms, latest = self._floats, self._histograms, self._latest_exemplars
        exemplars, starts, ended = self._exemplars, self._starts, self._ended
        records = [*self._series_records(), *self._records()]
        self._clear()
        if self._log(records):
            self._show(floats, [logged for _, logged in histograms], exemplars)
        for samples in floats:
            samples.commit(table)
        if histograms:
            handles = [handle for handle, _ in histograms]
            table.raise_to(handles, [logged.t_ms for _, logged in histograms])
            for handle, logged in histograms:
                table.histogram_kinds[handle] = logged.histogram.is_float
        table.latest_exemplars |= latest
        for layout, column in starts:
            layout.starts = column
        if ended:
            self._note_ended(ended, sum(samples.count for samples in floats) + len(histograms))

    def _note_ended(self, ended: Sequence[tuple[Handles, int]], samples: int) -> None:
        """Take note of markers, which are among so many samples of a transaction."""
        silence_s = silence_after(sum(len(rows) for rows, _ in ended), samples)
        for rows, t_ms in ended:
            refs = refs_of(self._parts.table, rows)
            self._parts.ended.note(Ended(refs, t_ms, silence_s))

    def rollback(self) -> None:
        """Drop the transaction, and log the series it created, which stay in memory.

        Where that fails they are logged with the next transaction.
        """
        self._clear()
        with suppress(StorageError):
            if self._log(self._series_records()):
                self._show((), (), ())

    def _log(self, records: Sequence[bytes | bytearray]) -> bool:
        """Write the records, and return whether there were any."""
        if records:
            self._parts.writer.append(records)
            self._parts.table.mark_logged()
            self._parts.metrics.active_series.value = len(self._parts.table)
            self._parts.on_logged()
        return bool(records)

    def _show(
        self,
        floats: Sequence[PendingFloats],
        histograms: Sequence[LoggedHistogram],
        exemplars: Sequence[LoggedExemplar],
    ) -> None:
        """Let the readers of the log see what was logged."""
        end, tail, table = self._parts.writer.position, self._parts.tail, self._parts.table
        newest_ms = 0
        for samples in floats:
            newest_ms = max(newest_ms, samples.newest_ms)
        for logged in histograms:
            newest_ms = max(newest_ms, logged.t_ms)
        if tail.is_followed:
            columns = [samples.columns(table) for samples in floats]
            tail.move(Commit.of(end, columns, histograms, exemplars), newest_ms)
        else:
            tail.move(Commit(end), newest_ms)

    def _series_records(self) -> list[bytes]:
        table = self._parts.table
        rows, records = table.unlogged(), []
        for start in range(0, len(rows), _SERIES_A_RECORD):
            part = rows[start : start + _SERIES_A_RECORD]
            records.append(encode_kept_series(refs_of(table, part), table.labels, part))
        return records

    def _records(self) -> list[bytes | bytearray]:
        """Return the records of the samples, in the order that storage 2.13 gives."""
        records: list[bytes | bytearray] = []
        table = self._parts.table
        if self._floats and self._parts.logs_starts:
            records.append(encode_started(floats.columns(table) for floats in self._floats))
        elif self._floats:
            head = self._floats[0].head(table)
            entries = [floats.encode(table, head) for floats in self._floats]
            records.append(b"".join((samples_head(*head), *entries)))
        if self._histograms:
            logged = [histogram for _, histogram in self._histograms]
            records += (
                encode_started_histograms if self._parts.logs_starts else encode_histograms
            )(logged)
        if self._exemplars:
            records.append(encode_exemplars(self._exemplars))
        return records


def _timestamps(batch: Batch, count: int) -> "array[int]":
    """Return the timestamp of each of the first `count` samples."""
    if batch.timestamps is None:
        return array("q", (batch.t_ms,)) * count
    own = batch.timestamps[:count]
    return array("q", [batch.t_ms if t_ms == NO_TIMESTAMP else t_ms for t_ms in own])


def _compressed(values: "array[float]", selectors: bytearray) -> "array[float]":
    # As integers, because a NaN's payload is not sure to outlive a float register.
    bits = array("Q", values.tobytes())
    return array("d", array("Q", compress(bits, selectors)).tobytes())


def _with_histogram_markers(batch: Batch, layout: BatchLayout, table: SeriesTable) -> Batch:
    """Return a batch of stale markers with those of histogram series as histograms (A8)."""
    markers = {
        position: stale_histogram(is_float=table.histogram_kinds[handle])
        for position, handle in enumerate(layout.handles)
        if handle in table.histogram_kinds and is_stale(batch.values[position])
    }
    return replace(batch, histograms={**markers, **batch.histograms}) if markers else batch


def _is_stale_at(batch: Batch, position: int) -> bool:
    histogram = batch.histograms.get(position)
    return is_stale(batch.values[position] if histogram is None else histogram.sum)


def _is_unfit(exemplar: Exemplar) -> bool:
    characters = sum(len(name) + len(value) for name, value in exemplar.labels)
    return characters > MAX_EXEMPLAR_CHARACTERS or exemplar.labels.repeated_name() is not None
