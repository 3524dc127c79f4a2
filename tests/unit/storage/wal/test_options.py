from pathlib import Path

import pytest

from promscrape.errors import ConfigError
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.options import FsyncPolicy, WalOptions


def test_the_defaults_are_prometheus_agents() -> None:
    """Storage 2.2, 2.6, 2.7, 3.6; the sync within a second is ours."""
    options = WalOptions(Path("data-agent"))
    assert options.segment_bytes == 134_217_728
    assert options.compression is Compression.SNAPPY
    assert options.fsync is FsyncPolicy.INTERVAL
    assert options.truncate_frequency_s == 7200
    assert (options.min_time_s, options.max_time_s) == (300, 14400)
    assert options.out_of_order_window_ms == 0
    assert options.wal_directory == Path("data-agent/wal")


@pytest.mark.parametrize("size", [0, -32768, 32767, 100_000])
def test_a_segment_has_whole_pages(size: int) -> None:
    """Storage 2.2: a multiple of 32 KiB."""
    with pytest.raises(ConfigError, match="is no multiple of 32768 bytes"):
        WalOptions(Path("data"), segment_bytes=size)


@pytest.mark.parametrize(
    ("frequency_s", "min_s", "max_s", "oldest_s"),
    [(60, 300, 14400, 14400), (60, 300, 120, 300), (7200, 300, 600, 7200)],
)
def test_the_oldest_age_is_no_less_than_the_other_times(
    frequency_s: float, min_s: float, max_s: float, oldest_s: float
) -> None:
    """Storage 3.6: max_time is raised to min_time and to the truncation's frequency."""
    options = WalOptions(
        Path("data"), truncate_frequency_s=frequency_s, min_time_s=min_s, max_time_s=max_s
    )
    assert options.oldest_kept_s == oldest_s
