import random
from pathlib import Path

import pytest

from promscrape.errors import StorageError
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.directory import list_segments
from tests.support.wal import Target, files_limited_to, logged_samples, metric, open_storage

SERIES = [metric("m", i=str(i)) for i in range(50)]
A_FEW_SCRAPES = 4000  # bytes


def scrape_until_full(target: Target, t_ms: int) -> int:
    """Commit scrapes until one fails, and return its time."""
    rng = random.Random(t_ms)
    while True:
        try:
            target.scrape([rng.random() for _ in SERIES], t_ms)
        except StorageError:
            return t_ms
        t_ms += 1


async def test_scrapes_go_on_when_there_is_room_again(tmp_path: Path) -> None:
    """Storage 5.4: what was committed stays, what failed left no trace, and the log is whole."""
    failed = []
    async with open_storage(tmp_path, compression=Compression.NONE) as storage:
        target, t_ms = Target(storage, SERIES), 1
        for _ in range(3):
            with files_limited_to(A_FEW_SCRAPES):
                for _ in range(10):  # a new segment has room for a few more
                    t_ms = scrape_until_full(target, t_ms)
                    failed.append(t_ms)
                    t_ms += 1
            target.scrape([1.0] * 50, t_ms)
            t_ms += 1
        assert storage._metrics.writes_failed.value == len(failed)
    async with open_storage(tmp_path) as storage:
        assert storage.statistics().corruptions == 0
        assert storage.statistics().active_series == 50
    committed = sorted(set(range(1, t_ms)) - set(failed))
    samples = logged_samples(tmp_path / "wal")
    assert len(committed) > 3
    for labels in SERIES:
        assert [sample[0] for sample in samples[str(labels)]] == committed


async def test_a_truncation_that_finds_the_disk_full_loses_nothing(tmp_path: Path) -> None:
    """Storage 3.7: segments go when the checkpoint that replaces them is on disk."""

    async def fill(storage: AgentStorage) -> None:
        target = Target(storage, SERIES)
        for t_ms in range(1, 8):
            target.scrape([1.0] * 50, t_ms)
            storage._parts.writer.rotate()

    async with open_storage(tmp_path, compression=Compression.NONE) as storage:
        await fill(storage)
        before = list(list_segments(tmp_path / "wal"))
        with files_limited_to(200), pytest.raises(StorageError):
            await storage.truncate(0)
        assert list(list_segments(tmp_path / "wal"))[:-1] == before
        assert list((tmp_path / "wal").glob("checkpoint.*")) == []
        await storage.truncate(0)
    samples = logged_samples(tmp_path / "wal")
    assert all([t_ms for t_ms, _ in samples[str(labels)]] == list(range(1, 8)) for labels in SERIES)
