"""Writes records to segments, one file after the other."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias, final

from promscrape.clock import Clock
from promscrape.errors import StorageError
from promscrape.storage.wal.compression import Compression, ReadableBuffer, compress
from promscrape.storage.wal.directory import segment_path, sync_directory
from promscrape.storage.wal.frame import PAGE_BYTES, frame, padding
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.tail import Position

_NO_FILE = -1

_Packed: TypeAlias = tuple[ReadableBuffer, int]  # a record as it is stored, and its flag


@final
class SegmentWriter:
    """Appends to new segments of `directory`, the first of which is `first`.

    Segments that exist are never appended to. What `append` returned from survives the end of
    the process; what a `sync` that began later returned from survives a loss of power. One
    thread appends. Another may sync at the same time, one at a time.
    """

    def __init__(
        self,
        directory: Path,
        first: int,
        *,
        segment_bytes: int,
        compression: Compression,
        metrics: WalMetrics,
        clock: Clock,
    ) -> None:
        self._directory, self._segment_bytes = directory, segment_bytes
        self._compression, self._metrics, self._clock = compression, metrics, clock
        self._position = 0
        self._fd = _NO_FILE
        self._finished: list[int] = []  # closed by `sync`, which may take its time
        self._is_dirty = self._is_new = self._is_closed = False
        self.current = first - 1
        self._open_next()

    @property
    def position(self) -> Position:
        """Where the next record goes, unless it has to go to a new segment."""
        return Position(self.current, self._position)

    @property
    def has_finished_segments(self) -> bool:
        """Whether full segments wait for `sync_finished`."""
        return bool(self._finished)

    def append(self, records: Sequence[ReadableBuffer]) -> None:
        """Write the records with one call to the system, or a few where a segment is too short.

        Raises StorageError where that fails. Nothing of the records stays in the log then, but
        whole ones where they needed several segments; the next call goes to a new segment.
        """
        packed = [compress(record, self._compression) for record in records]
        if self._fd == _NO_FILE:
            self._open_next()
        self._put(packed)
        saved = sum(map(len, records)) - sum(len(payload) for payload, _ in packed)
        if saved:
            self._metrics.record_bytes_saved[self._compression].value += saved

    def append_one(self, record: ReadableBuffer) -> None:
        """As `append`, for one record, which is all that most transactions have."""
        payload, flags = packed = compress(record, self._compression)
        if self._fd == _NO_FILE:
            self._open_next()
        framed = frame(payload, flags, self._position)
        if self._position + len(framed) > self._segment_bytes:
            self._put([packed])
        else:
            self._write(framed, 1)
        if flags:
            saved = len(record) - len(payload)
            self._metrics.record_bytes_saved[self._compression].value += saved

    def _put(self, packed: Sequence[_Packed]) -> None:
        framed = self._framed(packed)
        if self._position and self._position + len(framed) > self._segment_bytes:
            self.rotate()
            framed = self._framed(packed)
        if len(framed) > self._segment_bytes and len(packed) > 1:
            for one in packed:
                self._put([one])
        else:
            self._write(framed, len(packed))

    def _framed(self, packed: Sequence[_Packed]) -> bytes | bytearray:
        if len(packed) == 1:
            return frame(*packed[0], self._position)
        framed = bytearray()
        for payload, flags in packed:
            framed += frame(payload, flags, self._position + len(framed))
        return framed

    def _write(self, framed: bytes | bytearray, records: int) -> None:
        try:
            written = os.write(self._fd, framed)
            while written < len(framed):
                written += os.write(self._fd, framed[written:])
        except OSError as exc:
            self._take_back()
            path = segment_path(self._directory, self.current)
            raise StorageError(f"write to {path}: {exc.strerror}") from exc
        completed = (self._position + written) // PAGE_BYTES - self._position // PAGE_BYTES
        self._position += written
        self._is_dirty = True
        metrics = self._metrics
        metrics.completed_pages.value += completed
        metrics.record_part_writes.value += records + completed
        metrics.page_flushes.value += 1
        metrics.record_part_bytes.value += written
        metrics.storage_bytes.value += written

    def _take_back(self) -> None:
        """Cut off what a failed write left, since readers give up at the first torn record."""
        self._metrics.writes_failed.value += 1
        try:
            os.ftruncate(self._fd, self._position)
        except OSError:
            self._finish()
        else:
            # An empty segment is used again: a full disk must not collect one with each try.
            if self._position:
                self._finish()

    def rotate(self) -> None:
        """Start a new segment. Raises StorageError where it cannot be created."""
        if self._fd != _NO_FILE:
            self._pad()
            self._finish()
        self._open_next()

    def _pad(self) -> None:
        zeros = padding(self._position)
        # A page that stays short reads the same.
        with contextlib.suppress(OSError):
            written = os.write(self._fd, zeros)
            self._metrics.storage_bytes.value += written

    def _finish(self) -> None:
        self._finished.append(self._fd)
        self._fd = _NO_FILE

    def _open_next(self) -> None:
        if self._is_closed:
            raise StorageError("the WAL is closed")
        path = segment_path(self._directory, self.current + 1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        try:
            self._fd = os.open(path, flags, 0o666)
        except OSError as exc:
            self._metrics.writes_failed.value += 1
            raise StorageError(f"create segment {path}: {exc.strerror}") from exc
        self.current += 1
        self._position = 0
        self._is_new = True
        self._metrics.segment_current.value = self.current

    def sync(self) -> None:
        """Make all that was appended before this call survive a loss of power.

        Raises OSError where the disk does not say that it will.
        """
        self.sync_finished()
        fd = self._fd
        if self._is_dirty and fd != _NO_FILE:
            self._is_dirty = False
            # The appending thread may finish this segment now, but closing it is up to us.
            self._fsync(fd)

    def sync_finished(self) -> None:
        """As `sync`, for full segments only; their files are then closed."""
        if self._is_new:
            self._is_new = False
            sync_directory(self._directory)
        while self._finished:
            fd = self._finished.pop(0)
            try:
                self._fsync(fd)
            finally:
                os.close(fd)

    def _fsync(self, fd: int) -> None:
        started_s = self._clock.monotonic_s()
        os.fsync(fd)
        self._metrics.fsync_seconds.observe(self._clock.monotonic_s() - started_s)

    def close(self) -> None:
        """Complete the last page and sync. Raises OSError as `sync` does."""
        self._is_closed = True
        if self._fd != _NO_FILE:
            self._pad()
            self._finish()
        self.sync_finished()
