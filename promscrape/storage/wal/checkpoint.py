"""Checkpoints: what is still wanted of segments that are to go, in a log of its own.

Source: Prometheus tsdb/wlog/checkpoint.go and tsdb/agent/checkpoint.go.
"""

import shutil
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from pathlib import Path
from typing import final

from prometheus_client import CollectorRegistry

from promscrape.clock import Clock
from promscrape.errors import CorruptLog, MalformedRecord
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.directory import (
    checkpoint_path,
    remove_unfinished_checkpoints,
    sync_directory,
    unfinished_path,
)
from promscrape.storage.wal.histogram_record import (
    decode_histograms,
    encode_histograms,
    encode_histograms_v2,
)
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import LoggedRecord
from promscrape.storage.wal.record import (
    SampleColumns,
    SampleDecoder,
    decode_series,
    encode_samples,
    encode_series,
)
from promscrape.storage.wal.record_types import (
    HISTOGRAM_TYPES,
    SAMPLE_TYPES,
    LoggedSeries,
    RecordType,
    record_type,
)
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.series import SeriesTable
from promscrape.storage.wal.sparse_record import decode_exemplars, encode_exemplars

_BYTES_A_WRITE = 1 << 20


def write_checkpoint(
    directory: Path,
    number: int,
    records: Iterable[bytes],
    *,
    segment_bytes: int,
    compression: Compression,
    clock: Clock,
) -> None:
    """Write the checkpoint that replaces segments up to `number`: all of it, or nothing.

    It gets its name when it is whole and on disk. Raises OSError, StorageError, and what the
    iteration of `records` raises; what was written is then removed.
    """
    remove_unfinished_checkpoints(directory)
    final_path = checkpoint_path(directory, number)
    path = unfinished_path(final_path)
    path.mkdir()
    try:
        writer = SegmentWriter(
            path,
            0,
            segment_bytes=segment_bytes,
            compression=compression,
            metrics=WalMetrics(CollectorRegistry()),  # the log's own do not count checkpoints
            clock=clock,
        )
        try:
            for batch in _batches(records):
                writer.append(batch)
        finally:
            writer.close()
        path.rename(final_path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    sync_directory(directory)


def _batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record)
        if size >= _BYTES_A_WRITE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@final
class Rewriter:
    """Picks from records what a checkpoint keeps.

    Series that `is_needed` says are needed; samples, histograms and exemplars from `floor_ms` on.
    The rest goes, metadata and tombstones with it: an agent does not read them.
    """

    def __init__(self, is_needed: Callable[[LoggedSeries], bool], floor_ms: int) -> None:
        self._is_needed, self._floor_ms = is_needed, floor_ms
        self._samples = SampleDecoder()

    def rewrite(self, records: Iterable[LoggedRecord], pace: Pace) -> Iterator[bytes]:
        """Yield the records of the checkpoint; raises CorruptLog for one that cannot be read."""
        for _, path, framed in records:
            pace.step()
            try:
                yield from self._rewritten(framed.record)
            except MalformedRecord as exc:
                raise CorruptLog(exc.reason, path, framed.start) from exc

    def _rewritten(self, record: bytes) -> list[bytes]:
        type_ = record_type(record)
        if type_ is RecordType.SERIES:
            return self._series(record)
        if type_ in SAMPLE_TYPES:
            return self._float_samples(record)
        if type_ in HISTOGRAM_TYPES:
            return self._histograms(record)
        return self._exemplars(record) if type_ is RecordType.EXEMPLARS else []

    def _series(self, record: bytes) -> list[bytes]:
        everything = decode_series(record)
        kept = [series for series in everything if self._is_needed(series)]
        if len(kept) == len(everything):
            return [record]
        return [encode_series(kept)] if kept else []

    def _float_samples(self, record: bytes) -> list[bytes]:
        columns = self._samples.decode(record)
        if columns.offsets_ms is None:
            return [record] if columns.base_ms >= self._floor_ms and columns.refs else []
        timestamps_ms = columns.timestamps_ms()
        wanted = [t_ms >= self._floor_ms for t_ms in timestamps_ms]
        if all(wanted):
            return [record]
        return [_picked(columns, timestamps_ms, wanted)] if any(wanted) else []

    def _histograms(self, record: bytes) -> list[bytes]:
        everything = decode_histograms(record)
        kept = [entry for entry in everything if entry.t_ms >= self._floor_ms]
        if len(kept) == len(everything):
            return [record]
        if record[0] in (RecordType.HISTOGRAMS_V2, RecordType.FLOAT_HISTOGRAMS_V2):
            return [encode_histograms_v2(kept)] if kept else []
        return encode_histograms(kept)

    def _exemplars(self, record: bytes) -> list[bytes]:
        everything = decode_exemplars(record)
        kept = [entry for entry in everything if (entry.exemplar.t_ms or 0) >= self._floor_ms]
        if len(kept) == len(everything):
            return [record]
        return [encode_exemplars(kept)] if kept else []


def _picked(columns: SampleColumns, timestamps_ms: Sequence[int], wanted: Sequence[bool]) -> bytes:
    bits = array("Q", columns.values().tobytes())
    return encode_samples(
        list(compress(columns.refs, wanted)),
        list(compress(timestamps_ms, wanted)),
        array("d", array("Q", compress(bits, wanted)).tobytes()),
    )


def series_in_memory(
    table: SeriesTable, deleted: DeletedSeries, cut: int, batch: int, pace: Pace
) -> Iterator[bytes]:
    """Yield a checkpoint's records without reading the log.

    Each series in memory, with a sample of value 0 at its last timestamp, `batch` a record; then
    those that left it and that segments after `cut` still use.
    """
    for start in range(1, table.end, batch):
        pace.step()
        yield from _series_with_times(table, range(start, min(start + batch, table.end)))
    left = list(deleted.used_after(cut))
    for start in range(0, len(left), batch):
        pace.step()
        yield encode_series(left[start : start + batch])


def _series_with_times(table: SeriesTable, rows: range) -> Iterator[bytes]:
    found = [(table.series_at(row), table.last_ms[row]) for row in rows]
    series = [(entry, last_ms) for entry, last_ms in found if entry is not None]
    if series:
        yield encode_series(entry for entry, _ in series)
    timed = [(entry.ref, last_ms) for entry, last_ms in series if last_ms != NO_TIMESTAMP]
    if timed:
        refs, timestamps_ms = zip(*timed, strict=True)
        yield encode_samples(refs, timestamps_ms, array("d", bytes(8 * len(timed))))
