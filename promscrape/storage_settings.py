"""What the command line says of the log."""

from pathlib import Path

from promscrape.flags.features import CREATED_TIMESTAMPS, START_TIMESTAMPS
from promscrape.flags.flags import Flags
from promscrape.model.duration import Duration
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.options import FsyncPolicy, WalOptions


def wal_options(flags: Flags, out_of_order_window: Duration) -> WalOptions:
    given = {}
    if flags.storage_agent_wal_segment_size:
        given["segment_bytes"] = flags.storage_agent_wal_segment_size.bytes
    if flags.storage_agent_retention_max_bytes:
        given["max_bytes"] = flags.storage_agent_retention_max_bytes.bytes
    kind = flags.storage_agent_wal_compression_type
    return WalOptions(
        directory=Path(flags.storage_agent_path),
        compression=Compression(kind) if flags.storage_agent_wal_compression else Compression.NONE,
        fsync=FsyncPolicy(flags.storage_agent_wal_fsync),
        truncate_frequency_s=flags.storage_agent_wal_truncate_frequency.seconds or 2 * 3600,
        min_time_s=flags.storage_agent_retention_min_time.seconds,
        max_time_s=flags.storage_agent_retention_max_time.seconds,
        checkpoint_from_memory=flags.storage_agent_checkpoint_from_in_memory_series,
        checkpoint_batch=flags.storage_agent_checkpoint_batch_size,
        use_lock_file=not flags.storage_agent_no_lockfile,
        out_of_order_window_ms=out_of_order_window.ms,
        injects_zeros=CREATED_TIMESTAMPS in flags.features,
        logs_starts=START_TIMESTAMPS in flags.features,
        **given,
    )
