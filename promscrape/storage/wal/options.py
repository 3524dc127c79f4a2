"""What the operator chooses about the log."""

from enum import StrEnum
from pathlib import Path

import msgspec

from promscrape.errors import ConfigError
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.frame import PAGE_BYTES


class FsyncPolicy(StrEnum):
    """When what was committed is made to survive a loss of power; a killed process loses none.

    SEGMENT: when a segment is full. INTERVAL: within a second. COMMIT: a sync starts with each
    commit, and commits that come while it runs share the next one.
    """

    SEGMENT = "segment"
    INTERVAL = "interval"
    COMMIT = "commit"


class WalOptions(msgspec.Struct, frozen=True):
    """`directory` is the data directory; the log lies in `wal` below it.

    truncate_frequency_s: how often the oldest part of the log is dropped.
    min_time_s, max_time_s: the log keeps samples that are younger than the first, even when sent,
        and drops those older than the second, even when not.
    max_bytes: the log drops its oldest part where it is larger, sent or not. 0: no such limit.
    out_of_order_window_ms: a sample may be this much older than the last of its series.
    checkpoint_from_memory: build checkpoints from the series in memory. Costs no reading, but
        the samples in the dropped segments are gone, sent or not.
    injects_zeros: write a zero where a counter says that it began, before its first sample.
    logs_starts: log start timestamps, in records that Prometheus reads from 3.x on.
    """

    directory: Path
    segment_bytes: int = 128 << 20
    compression: Compression = Compression.SNAPPY
    fsync: FsyncPolicy = FsyncPolicy.INTERVAL
    truncate_frequency_s: float = 2 * 3600
    min_time_s: float = 5 * 60
    max_time_s: float = 4 * 3600
    max_bytes: int = 0
    out_of_order_window_ms: int = 0
    checkpoint_from_memory: bool = False
    checkpoint_batch: int = 1000
    use_lock_file: bool = True
    injects_zeros: bool = False
    logs_starts: bool = False

    def __post_init__(self) -> None:
        if self.segment_bytes <= 0 or self.segment_bytes % PAGE_BYTES:
            raise ConfigError(
                f"WAL segment size {self.segment_bytes} is no multiple of {PAGE_BYTES} bytes"
            )

    @property
    def wal_directory(self) -> Path:
        return self.directory / "wal"

    @property
    def oldest_kept_s(self) -> float:
        """The age at which samples are dropped even when they were not sent."""
        return max(self.max_time_s, self.min_time_s, self.truncate_frequency_s)
