import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import FsyncPolicy
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.sync import Syncer
from tests.support.clock import ManualClock, settle
from tests.support.wal import until


class Synced:
    """A log and its syncer, at work."""

    def __init__(self, directory: Path, policy: FsyncPolicy) -> None:
        self.clock = ManualClock()
        self.metrics = WalMetrics(CollectorRegistry())
        self.writer = SegmentWriter(
            directory,
            0,
            segment_bytes=1 << 16,
            compression=Compression.NONE,
            metrics=self.metrics,
            clock=self.clock,
        )
        self.syncer = Syncer(self.writer, policy, self.clock, structlog.get_logger())

    @property
    def count(self) -> int:
        return self.metrics.fsync_seconds.labels().count

    def commit(self) -> None:
        self.writer.append([b"a"])
        self.syncer.notice()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.syncer.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.writer.close()


async def test_a_commit_is_synced_within_a_second(tmp_path: Path) -> None:
    """Storage 2.7, interval: the first at once, then one a second, and none without a commit."""
    log = Synced(tmp_path, FsyncPolicy.INTERVAL)
    async with log.running():
        log.commit()
        await until(lambda: log.count == 1)
        for _ in range(3):
            log.commit()
            await log.clock.advance(0.3)
        assert log.count == 1
        await log.clock.advance(0.2)
        await until(lambda: log.count == 2)
        await log.clock.advance(10)
        assert log.count == 2


async def test_a_sync_may_follow_each_commit(tmp_path: Path) -> None:
    """Storage 2.7, commit: time does not matter."""
    log = Synced(tmp_path, FsyncPolicy.COMMIT)
    async with log.running():
        for count in (1, 2, 3):
            log.commit()
            await until(lambda count=count: log.count == count)  # type: ignore[misc]  # bound now


async def test_a_sync_may_wait_for_the_end_of_the_segment(tmp_path: Path) -> None:
    """Storage 2.7, segment: as Prometheus has it."""
    log = Synced(tmp_path, FsyncPolicy.SEGMENT)
    async with log.running():
        log.commit()
        await log.clock.advance(100)
        assert log.count == 0
        log.writer.rotate()
        log.commit()
        await until(lambda: log.count == 1)
        assert not log.writer.has_finished_segments


async def test_commits_during_a_sync_share_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Storage 2.7: a slow disk does not collect a sync a commit."""
    log = Synced(tmp_path, FsyncPolicy.COMMIT)
    begun, may_end = 0, threading.Event()

    def slow() -> None:
        nonlocal begun
        begun += 1
        may_end.wait()

    monkeypatch.setattr(log.writer, "sync", slow)
    async with log.running():
        log.commit()
        await until(lambda: begun == 1)
        for _ in range(3):
            log.commit()
            await settle()
        assert begun == 1
        may_end.set()
        await until(lambda: begun == 2)
        await settle()
        assert begun == 2


async def test_a_disk_that_does_not_sync_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person has to act; the log goes on."""
    log = Synced(tmp_path, FsyncPolicy.COMMIT)

    def fail() -> None:
        raise OSError(5, "Input/output error")

    with capture_logs() as said:
        async with log.running():
            with monkeypatch.context() as patched:
                patched.setattr(log.writer, "sync", fail)
                log.commit()
                await until(lambda: bool(said))
            log.commit()
            await until(lambda: log.count == 1)
    assert [(line["log_level"], line["event"]) for line in said] == [
        ("error", "Syncing the WAL failed")
    ]
