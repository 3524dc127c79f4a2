"""Brings a log from whatever state the last process left it in to one that can go on."""

from collections.abc import Sequence
from typing import final

import msgspec
from structlog.typing import FilteringBoundLogger

from promscrape.errors import CorruptLog, StorageError
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.directory import (
    checkpoint_path,
    list_segments,
    segment_path,
    size_bytes,
)
from promscrape.storage.wal.ended import Ended
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import (
    last_checkpoint,
    read_checkpoint,
    read_segments,
    segments_after,
)
from promscrape.storage.wal.repair import repair, set_aside
from promscrape.storage.wal.replay import Replayer
from promscrape.storage.wal.series import SeriesTable


class Recovered(msgspec.Struct, frozen=True):
    """What a log held, and the numbers of its first segment and of the one to write next.

    ended: series that may be forgotten some minutes from now.
    """

    table: SeriesTable
    deleted: DeletedSeries
    ended: Sequence[Ended]
    first_segment: int
    next_segment: int


@final
class Recovery:
    """Reads the log once, in a worker thread. Owns its files until it is done."""

    def __init__(
        self, options: WalOptions, metrics: WalMetrics, log: FilteringBoundLogger, pace: Pace
    ) -> None:
        self._directory = options.wal_directory
        self._keeps_deleted_labels = options.checkpoint_from_memory
        self._metrics, self._log, self._pace = metrics, log, pace

    def run(self) -> Recovered:
        """Return what the log holds, repaired where it had to be.

        Raises StorageError where it cannot be read, and Stopped.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            replayer, checkpoint = self._replay_checkpoint()
            self._replay_segments(replayer, checkpoint)
            segments = list_segments(self._directory)
            self._metrics.storage_bytes.value = size_bytes(self._directory)
        except OSError as exc:
            raise StorageError(f"read WAL in {self._directory}: {exc.strerror}") from exc
        replayer.finish(segments.stop - 1)
        self._report(replayer)
        # A segment that the checkpoint replaces would not be read again.
        next_segment = max(segments.stop, 0 if checkpoint is None else checkpoint + 1)
        first_segment = segments.start if segments else next_segment
        return Recovered(
            replayer.table, replayer.deleted, replayer.ended, first_segment, next_segment
        )

    def _report(self, replayer: Replayer) -> None:
        skipped = replayer.unknown_series_samples
        if skipped:
            self._metrics.unknown_series_samples.value += skipped
            self._log.warning("Samples of unknown series skipped", samples=skipped)
        self._metrics.active_series.value = len(replayer.table)
        self._metrics.deleted_series.value = len(replayer.deleted)

    def _replay_checkpoint(self) -> tuple[Replayer, int | None]:
        """Replay the last checkpoint that can be read; those after it are set aside.

        Prometheus repairs the segments where a checkpoint is corrupt, and deletes them all.
        """
        replayer = Replayer(keeps_deleted_labels=self._keeps_deleted_labels)
        while (number := last_checkpoint(self._directory)) is not None:
            try:
                replayer.replay(read_checkpoint(self._directory, number), self._pace)
            except StorageError as exc:
                self._metrics.corruptions.value += 1
                aside = set_aside(checkpoint_path(self._directory, number))
                self._log.error("Corrupt checkpoint set aside", err=str(exc), path=str(aside))
                # Its refs may be in use in the segments, even where nothing names their series.
                replayer = Replayer(
                    keeps_deleted_labels=self._keeps_deleted_labels,
                    next_ref=replayer.table.next_ref,
                )
            else:
                break
        return replayer, number

    def _replay_segments(self, replayer: Replayer, checkpoint: int | None) -> None:
        numbers = segments_after(self._directory, checkpoint)
        try:
            replayer.replay(read_segments(self._directory, numbers), self._pace)
        except CorruptLog as exc:
            self._metrics.corruptions.value += 1
            self._log.warning("Corrupt log cut at the first bad byte", err=str(exc))
            repair(self._directory, exc)
        if checkpoint is not None and not numbers:
            # The next segment follows the checkpoint, and older ones would leave a gap to it.
            for number in list_segments(self._directory):
                segment_path(self._directory, number).unlink()
