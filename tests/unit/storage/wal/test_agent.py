import asyncio
import os
import threading
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from promscrape.errors import StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.metadata import Metadata
from promscrape.model.sample import STALE_NAN
from promscrape.storage.interface import Appendable, AppendCode
from promscrape.storage.wal import recovery
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.directory import (
    checkpoint_path,
    list_checkpoints,
    list_segments,
    segment_path,
)
from promscrape.storage.wal.frame import frame
from promscrape.storage.wal.holder import GivenUp
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record import encode_samples, encode_series
from promscrape.storage.wal.record_types import LoggedMetadata, RecordType
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.sparse_record import encode_metadata
from promscrape.storage.wal.tail import Position
from tests.support.clock import ManualClock
from tests.support.wal import (
    Keeper,
    Log,
    Target,
    batch_of,
    bits,
    histogram,
    logged_samples,
    logged_series,
    logged_types,
    metric,
    open_storage,
    until,
)

A, B, C = metric("a"), metric("b"), metric("c")
LATER = 1 << 40


def segments(directory: Path) -> list[int]:
    return list(list_segments(directory / "wal"))


async def fill_segments(storage: AgentStorage, target: Target, last: int, t_ms: int) -> int:
    """Scrape once into each segment up to `last`, and return the time of the next scrape."""
    values = [1.0] * len(target.labels)
    target.scrape(values, t_ms)
    while storage.statistics().current_segment < last:
        t_ms += 1000
        storage._parts.writer.rotate()
        target.scrape(values, t_ms)
    return t_ms + 1000


async def test_it_is_what_scrapes_append_to(tmp_path: Path) -> None:
    """Interface, `Appendable`: checked by the types."""
    async with open_storage(tmp_path) as storage:
        appendable: Appendable = storage
        assert appendable.generation == storage.generation


async def test_a_first_start(tmp_path: Path) -> None:
    """S19: an empty segment 0 and a lock; a clean stop takes the lock away."""
    data, metrics = tmp_path / "data", WalMetrics(CollectorRegistry())
    async with open_storage(data, metrics=metrics) as storage:
        assert segment_path(data / "wal", 0).stat().st_size == 0
        assert (data / "lock").exists()
        assert metrics.clean_start.value == 1
        assert storage.statistics().active_series == 0
    assert not (data / "lock").exists()


async def test_a_start_after_a_kill(tmp_path: Path) -> None:
    """S19: the lock file is still there; it is locked again."""
    (tmp_path / "lock").touch()
    metrics = WalMetrics(CollectorRegistry())
    with capture_logs() as said:
        async with open_storage(tmp_path, metrics=metrics):
            assert metrics.clean_start.value == 0
    assert said[0]["event"] == "Lock file of an earlier process replaced"


async def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """S19: with Prometheus's text; the first one goes on, and its lock with it."""
    async with open_storage(tmp_path) as storage:
        with pytest.raises(StorageError, match="lock DB directory: resource temporarily"):
            await open_storage(tmp_path).__aenter__()
        Target(storage, [A]).scrape([1], 1000)
        assert (tmp_path / "lock").exists()


async def test_the_lock_can_be_left_out(tmp_path: Path) -> None:
    """Storage 2.1: clean_start says so with -1."""
    metrics = WalMetrics(CollectorRegistry())
    storage = open_storage(tmp_path, metrics=metrics, use_lock_file=False)
    async with storage:
        assert not (tmp_path / "lock").exists()
        assert metrics.clean_start.value == -1


async def test_a_data_directory_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    """The operator reads what the system said, once."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"create .*file/data: Not a directory"):
        await open_storage(tmp_path / "file" / "data").__aenter__()


async def test_a_restart_goes_on_in_a_new_segment(tmp_path: Path) -> None:
    """S20: old ones are not touched; refs go on after the highest one; times are remembered."""
    async with open_storage(tmp_path) as storage:
        Target(storage, [A, B]).scrape([1, 2], 1000)
    before = segment_path(tmp_path / "wal", 0).read_bytes()
    async with open_storage(tmp_path) as storage:
        assert storage.statistics().active_series == 2
        target = Target(storage, [B, C])
        assert target.scrape([3, 4], 1000).codes == bytes((AppendCode.OUT_OF_ORDER, 0))
        target.scrape([5, 6], 2000)
    assert segment_path(tmp_path / "wal", 0).read_bytes() == before
    assert segments(tmp_path) == [0, 1]
    assert logged_series(tmp_path / "wal") == {1: str(A), 2: str(B), 3: str(C)}
    assert logged_samples(tmp_path / "wal")[str(B)] == [(1000, bits(2.0)), (2000, bits(5.0))]


async def test_handles_do_not_outlive_a_storage(tmp_path: Path) -> None:
    """Interface, `generation`: it never repeats in one process."""
    async with open_storage(tmp_path) as storage:
        first = storage.generation
    async with open_storage(tmp_path) as storage:
        assert storage.generation != first


async def test_a_truncation_replaces_two_thirds(tmp_path: Path) -> None:
    """S26: segments 0 to 9, 9 is written to: 10 is new, 0 to 5 become checkpoint 5."""
    async with open_storage(tmp_path) as storage:
        t_ms = await fill_segments(storage, Target(storage, [A]), 9, 1000)
        await storage.truncate(0)
        assert segments(tmp_path) == [6, 7, 8, 9, 10]
        assert list_checkpoints(tmp_path / "wal") == [5]
        statistics = storage.statistics()
        assert (statistics.first_segment, statistics.current_segment) == (6, 10)
        found = logged_samples(tmp_path / "wal")[str(A)]
        assert [sample[0] for sample in found] == list(range(1000, t_ms, 1000))
        sizes = [path.stat().st_size for path in (tmp_path / "wal").rglob("*") if path.is_file()]
        assert statistics.bytes_on_disk == sum(sizes)


async def test_two_segments_are_not_worth_a_checkpoint(tmp_path: Path) -> None:
    """S26: 0 and 1 stay, and 2 is new."""
    async with open_storage(tmp_path) as storage:
        await fill_segments(storage, Target(storage, [A]), 1, 1000)
        await storage.truncate(LATER)
        assert segments(tmp_path) == [0, 1, 2]
        assert list_checkpoints(tmp_path / "wal") == []


async def test_a_checkpoint_takes_over_the_last_one(tmp_path: Path) -> None:
    """Storage 3.7, 3.8: older ones are removed; what is still wanted moves on."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [A])
        t_ms = await fill_segments(storage, target, 4, 1000)
        await storage.truncate(0)
        t_ms = await fill_segments(storage, target, 9, t_ms)
        await storage.truncate(2000)
        assert list_checkpoints(tmp_path / "wal") == [6]
        times = [sample[0] for sample in logged_samples(tmp_path / "wal")[str(A)]]
        assert times == list(range(2000, t_ms, 1000))
        metrics = storage._metrics
        assert metrics.checkpoint_creations.value == metrics.checkpoint_deletions.value == 2
        assert metrics.truncations.value == 2
        assert metrics.truncate_seconds.labels().count == 2


async def test_a_silent_series_leaves_memory_and_then_the_log(tmp_path: Path) -> None:
    """S27: while a segment after the cut may use it, its record stays in the checkpoints."""
    async with open_storage(tmp_path) as storage:
        Target(storage, [B]).scrape([1], 500)
        target = Target(storage, [A])
        t_ms = await fill_segments(storage, target, 9, 1000)
        await storage.truncate(1000)  # b was dropped in segment 9, the cut is 5
        statistics = storage.statistics()
        assert (statistics.active_series, statistics.deleted_series) == (1, 1)
        assert logged_series(tmp_path / "wal") == {1: str(B), 2: str(A)}
        t_ms = await fill_segments(storage, target, 12, t_ms)
        await storage.truncate(t_ms - 10_000)  # the cut is 9
        assert storage.statistics().deleted_series == 0
        assert logged_series(tmp_path / "wal") == {2: str(A)}


async def test_a_series_that_comes_back_is_a_new_one(tmp_path: Path) -> None:
    """S27, storage 3.1: with another ref, under whatever handle; both are one after a restart."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [A, B])
        target.scrape([1, 2], 1000)
        await storage.truncate(2000)
        assert storage.statistics().active_series == 0
        target.scrape([3, 4], 3000)
        found = logged_series(tmp_path / "wal")
        assert found == {1: str(A), 2: str(B), 3: str(A), 4: str(B)}
    async with open_storage(tmp_path) as storage:
        statistics = storage.statistics()
        assert (statistics.active_series, statistics.deleted_series) == (2, 2)
        assert Target(storage, [A]).scrape([5], 3000).codes == bytes((AppendCode.OUT_OF_ORDER,))


async def test_a_second_ref_goes_when_its_last_use_is_replaced(tmp_path: Path) -> None:
    """S21: the same labels under refs 1 and 7; the checkpoint after the last use drops 7."""
    wal = tmp_path / "wal"
    wal.mkdir()
    for number, ref in enumerate((1, 7)):
        series = encode_series([(ref, A.wire)])
        samples = encode_samples([ref], [1000 + number], array("d", [1.0]))
        framed = frame(series, 0, 0)
        segment_path(wal, number).write_bytes(framed + frame(samples, 0, len(framed)))
    async with open_storage(tmp_path) as storage:
        assert storage.statistics().active_series == 1
        assert storage.statistics().deleted_series == 1
        await fill_segments(storage, Target(storage, [A]), 9, 1002)
        assert logged_series(wal) == {1: str(A), 7: str(A)}
        await storage.truncate(1002)
        assert storage.statistics().deleted_series == 0
        assert logged_series(wal) == {1: str(A)}


async def test_a_series_that_is_only_created_goes_with_the_next_truncation(tmp_path: Path) -> None:
    """S25, storage 3.7: it has no last timestamp."""
    async with open_storage(tmp_path) as storage:
        appender = storage.appender()
        Target(storage, [A]).append(appender, [1], 1000)
        appender.rollback()
        await storage.truncate(0)
        assert storage.statistics().active_series == 0


async def test_a_checkpoint_from_memory_keeps_the_series(tmp_path: Path) -> None:
    """Storage 3.8, in-memory mode: the samples of the replaced segments are gone."""
    async with open_storage(tmp_path, from_memory=True) as storage:
        Target(storage, [B]).scrape([1], 500)
        await fill_segments(storage, Target(storage, [A]), 9, 1000)
        await storage.truncate(1000)
        assert logged_series(tmp_path / "wal") == {1: str(B), 2: str(A)}
        assert logged_samples(tmp_path / "wal")[str(A)] == [
            (10_000, bits(0.0)),
            *[(t_ms, bits(1.0)) for t_ms in range(7000, 11_000, 1000)],
        ]
    async with open_storage(tmp_path, from_memory=True) as storage:
        assert Target(storage, [A]).scrape([5], 10_000).codes == bytes((AppendCode.OUT_OF_ORDER,))


async def test_a_truncation_that_fails_changes_nothing(tmp_path: Path) -> None:
    """Storage 3.8: a read error aborts the checkpoint, and all segments stay."""
    async with open_storage(tmp_path) as storage:
        await fill_segments(storage, Target(storage, [A]), 9, 1000)
        path = segment_path(tmp_path / "wal", 2)
        path.write_bytes(b"\x01garbage" + path.read_bytes()[8:])
        with pytest.raises(StorageError, match="corruption in segment"):
            await storage.truncate(0)
        assert segments(tmp_path) == list(range(11))
        assert list((tmp_path / "wal").glob("checkpoint.*")) == []
        assert storage._metrics.checkpoint_creations_failed.value == 1
        assert storage.statistics().corruptions == 1
        Target(storage, [A]).scrape([1], LATER)


async def test_what_cannot_be_removed_is_reported(tmp_path: Path) -> None:
    """Storage 3.7: it is in nobody's way, and the next truncation tries again."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [A])
        t_ms = await fill_segments(storage, target, 4, 1000)
        await storage.truncate(0)
        # A left-over segment that is a folder, and an old checkpoint that is a link to one.
        segment_path(tmp_path / "wal", 2).mkdir()
        (tmp_path / "elsewhere").mkdir()
        checkpoint_path(tmp_path / "wal", 0).symlink_to(tmp_path / "elsewhere")
        await fill_segments(storage, target, 9, t_ms)
        with capture_logs() as said:
            await storage.truncate(0)
        assert [line["event"] for line in said if line["log_level"] == "error"] == [
            "Removing old WAL segments failed",
            "Removing old checkpoints failed",
        ]
        assert storage._metrics.truncations_failed.value == 1
        assert storage._metrics.checkpoint_deletions_failed.value == 1
        assert len(logged_samples(tmp_path / "wal")[str(A)]) == 10


async def test_the_log_is_truncated_from_time_to_time(tmp_path: Path) -> None:
    """Storage 3.6: every two hours, at what was sent less five minutes."""
    clock = ManualClock(now_ns=100_000_000 * 10**6)
    sent_ms = 100_000_000 + 7_200_000
    floor = sent_ms - 300_000
    async with open_storage(tmp_path, clock=clock) as storage:
        keeper = Keeper(Position(9, 0), done_ms=sent_ms)
        with storage.hold(keeper), storage.hold(Keeper(Position(9, 0), done_ms=sent_ms + 1)):
            await truncated_at_its_time(storage, clock, floor)


async def truncated_at_its_time(storage: AgentStorage, clock: ManualClock, floor: int) -> None:
    """Check that a truncation comes after two hours and not before, and drops what is too old."""
    Target(storage, [A]).scrape([1], floor - 1)
    Target(storage, [B]).scrape([1], floor)
    await clock.advance(7199)
    assert storage.statistics().active_series == 2
    await clock.advance(1)
    await until(lambda: storage.statistics().current_segment == 1)
    assert storage.statistics().active_series == 1


async def test_what_a_destination_needs_is_kept(tmp_path: Path) -> None:
    """Positions hold segments; what nobody needs goes as it always did."""
    keeper = Keeper(Position(3, 100))
    async with open_storage(tmp_path, clock=ManualClock()) as storage:
        target = Target(storage, [A])
        t_ms = await fill_segments(storage, target, 9, 1000)
        with storage.hold(keeper):
            await storage.truncate(0)
            assert segments(tmp_path) == list(range(3, 11))
            keeper.needed = storage.tail.end
            await fill_segments(storage, target, 10, t_ms)
            await storage.truncate(0)
            assert segments(tmp_path)[0] > 6
    assert not keeper.given_up


async def test_a_destination_cannot_hold_what_is_too_old(tmp_path: Path) -> None:
    """S30: after --storage.agent.retention.max-time data go, sent or not, and it is said."""
    clock, keeper = ManualClock(), Keeper(Position(2, 50))
    old_s = clock.now_ns() / 1e9 - 5 * 3600
    async with open_storage(tmp_path, clock=clock) as storage:
        await fill_segments(storage, Target(storage, [A]), 9, 1000)
        for number in range(5):
            os.utime(segment_path(tmp_path / "wal", number), (old_s, old_s))
        sizes = [segment_path(tmp_path / "wal", n).stat().st_size for n in range(5)]
        with storage.hold(keeper):
            await storage.truncate(0)
        assert segments(tmp_path) == list(range(5, 11))
    assert keeper.given_up == [GivenUp(Position(5, 0), sum(sizes[2:]) - 50)]


async def test_a_log_over_its_size_drops_its_oldest_part(tmp_path: Path) -> None:
    """A bound of ours: a dead destination must not fill the disk."""
    clock, keeper = ManualClock(), Keeper()
    async with open_storage(tmp_path, clock=clock, max_bytes=150_000) as storage:
        target = Target(storage, [A])
        with storage.hold(keeper):
            await fill_segments(storage, target, 3, 1000)
            await clock.advance(60)
            assert not keeper.given_up
            await fill_segments(storage, target, 9, 9000)
            await clock.advance(60)
            await until(lambda: storage.statistics().bytes_on_disk < 200_000)
        assert segments(tmp_path) == list(range(keeper.needed.segment, 11))
        assert len(keeper.given_up) == 1


async def test_a_truncation_that_fails_is_logged_and_the_next_one_comes(tmp_path: Path) -> None:
    """Storage 3.7: here the directory is away for a while."""
    clock, wal = ManualClock(), tmp_path / "wal"

    async def next_truncation() -> None:
        await until(lambda: clock.monotonic_s() + 7200 in clock.due_s)
        await clock.advance(7200)

    with capture_logs() as said:
        async with open_storage(tmp_path, clock=clock) as storage:
            wal.rename(tmp_path / "gone")
            await next_truncation()
            await until(lambda: any(line["event"] == "Truncating the WAL failed" for line in said))
            (tmp_path / "gone").rename(wal)
            await next_truncation()
            await until(lambda: storage.statistics().current_segment == 1)
    assert segments(tmp_path) == [0, 1]


async def test_a_replay_ends_soon_when_it_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Style 2.7: nothing runs on, and the directory is free."""
    begun = threading.Event()

    def endless(*_: object) -> Iterator[object]:
        begun.set()
        log = Log(tmp_path)
        Target(log, [A]).scrape([1], 1000)
        while True:
            yield from read_log(tmp_path)

    (tmp_path / "data").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(recovery, "read_segments", endless)
        opening = asyncio.create_task(open_storage(tmp_path / "data").__aenter__())
        await until(begun.is_set)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
    assert not (tmp_path / "data" / "lock").exists()
    async with open_storage(tmp_path / "data"):
        pass


async def test_a_truncation_that_is_cancelled_leaves_no_checkpoint(tmp_path: Path) -> None:
    """S29: at a stop of the daemon, however far it has come."""
    storage = open_storage(tmp_path)
    await storage.__aenter__()
    await fill_segments(storage, Target(storage, [A]), 9, 1000)
    for passes in range(12):
        truncating = asyncio.create_task(storage.truncate(0))
        for _ in range(passes):
            await asyncio.sleep(0)
        truncating.cancel()
        await asyncio.wait([truncating])
        assert list((tmp_path / "wal").glob("*.tmp")) == []
    await storage.__aexit__(None, None, None)
    assert len(logged_samples(tmp_path / "wal")[str(A)]) == 10


async def test_what_the_body_raises_comes_out_as_it_is(tmp_path: Path) -> None:
    """The background tasks' group does not wrap what is not theirs."""
    with pytest.raises(ZeroDivisionError):
        async with open_storage(tmp_path):
            raise ZeroDivisionError
    assert not (tmp_path / "lock").exists()


async def test_a_background_task_that_dies_takes_the_body_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Style 2.7: loudly, and with everything closed."""

    async def die(_: AgentStorage) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AgentStorage, "_truncate_regularly", die)
    with pytest.raises(ExceptionGroup) as caught:
        async with open_storage(tmp_path):
            await asyncio.Event().wait()
    assert caught.group_contains(ZeroDivisionError)
    assert not (tmp_path / "lock").exists()


async def test_a_late_commit_is_refused(tmp_path: Path) -> None:
    """A scrape that outlives the storage must not open a segment that nobody closes."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [A])
    with pytest.raises(StorageError, match="the WAL is closed"):
        target.scrape([1], 1000)
    assert segments(tmp_path) == [0]


async def test_a_disk_that_fails_at_the_end_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is let go all the same."""

    def fail(_: SegmentWriter) -> None:
        raise OSError(5, "Input/output error")

    with capture_logs() as said:
        async with open_storage(tmp_path):
            monkeypatch.setattr(SegmentWriter, "close", fail)
    assert said[-1]["event"] == "Closing the WAL failed"
    assert not (tmp_path / "lock").exists()


async def test_no_record_that_an_agent_cannot_read_is_ever_written(tmp_path: Path) -> None:
    """S34, storage 2.14: of types 3, 5, 6, not even where a server's log was taken over."""
    (tmp_path / "wal").mkdir()
    metadata = encode_metadata([LoggedMetadata(1, Metadata())])
    taken_over = bytes(frame(metadata, 0, 0))
    segment_path(tmp_path / "wal", 0).write_bytes(taken_over)
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [A, B])
        t_ms = await fill_segments(storage, target, 8, 1000)
        appender = storage.appender()
        every = {0: histogram(), 1: histogram(schema=-53)}
        exemplars = {1: [Exemplar(A, 1.0)]}
        appender.append(
            batch_of(
                storage.generation, [A, B], [0, 0], t_ms, histograms=every, exemplars=exemplars
            )
        )
        appender.commit()
        target.scrape([STALE_NAN, STALE_NAN], t_ms + 1000)
        await storage.truncate(0)
        assert checkpoint_path(tmp_path / "wal", 4).exists()
    assert set(logged_types(tmp_path / "wal")) == {
        RecordType.SERIES,
        RecordType.SAMPLES,
        RecordType.HISTOGRAMS,
        RecordType.CUSTOM_HISTOGRAMS,
        RecordType.EXEMPLARS,
    }


async def test_the_event_loop_goes_on_during_a_truncation(tmp_path: Path) -> None:
    """A scrape that is due meanwhile commits, and is not lost with the segments that go."""
    async with open_storage(tmp_path) as storage:
        targets = [Target(storage, [metric("m", i=str(i))]) for i in range(20)]
        for target in targets:
            await fill_segments(storage, target, 6, 1000)
        commits, truncating = 0, asyncio.create_task(storage.truncate(0))
        while not truncating.done():
            commits += 1
            targets[0].scrape([float(commits)], 50_000 + commits)
            await asyncio.sleep(0)
        await truncating
        assert commits > 3
        found = logged_samples(tmp_path / "wal")[str(targets[0].labels[0])]
        assert [sample for sample in found if sample[0] > 50_000] == [
            (50_000 + i, bits(float(i))) for i in range(1, commits + 1)
        ]
