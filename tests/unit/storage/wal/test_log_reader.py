"""Reading the log: from memory, from disk, and the changes between the two."""

import asyncio
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from promscrape.model.exemplar import Exemplar
from promscrape.model.sample import STALE_NAN
from promscrape.storage.wal import log_files, log_reader
from promscrape.storage.wal.appender import WalAppender
from promscrape.storage.wal.directory import segment_path
from promscrape.storage.wal.log_reader import LogReader
from promscrape.storage.wal.record_types import RecordType
from promscrape.storage.wal.tail import Commit, Position
from tests.support.clock import ManualClock, settle
from tests.support.wal import Log, Target, batch_of, bits, histogram, metric, until

A, B, C = metric("a"), metric("b"), metric("c")
START = Position(0, 0)


def reader_of(
    log: Log,
    start: Position = START,
    *,
    clock: ManualClock | None = None,
    stop: Position | None = None,
) -> LogReader:
    return LogReader(
        log.tail,
        log.directory,
        start,
        clock=clock or ManualClock(),
        log=structlog.get_logger(),
        stop=stop,
    )


async def read(reader: LogReader, commits: int) -> list[Commit]:
    found = []
    for _ in range(commits):
        commit = await reader.read()
        assert commit is not None
        found.append(commit)
    return found


def rows(commits: list[Commit]) -> list[tuple[int, int, int]]:
    """Return ref, timestamp and value bits of each float sample."""
    return [
        (ref, t_ms, bits(value))
        for commit in commits
        for floats in commit.floats
        for ref, t_ms, value in zip(
            floats.refs,
            floats.timestamps or array("q", [floats.t_ms] * len(floats.refs)),
            floats.values,
            strict=True,
        )
    ]


async def caught_up(log: Log, start: Position) -> LogReader:
    """Return a reader that waits for the next commit."""
    reader = reader_of(log, start)
    waiting = asyncio.create_task(reader.read())
    await settle()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert reader.is_at_end
    return reader


async def test_a_reader_at_the_end_gets_the_refs_of_the_last_scrape_again(tmp_path: Path) -> None:
    """What follows from a series is kept by the identity of the array of refs."""
    log = Log(tmp_path)
    target = Target(log, [A, B])
    target.scrape([1, 2], 1000)
    reader = await caught_up(log, log.writer.position)
    target.scrape([3, 4], 2000)
    target.scrape([5, STALE_NAN], 3000)
    first, second = await read(reader, 2)
    assert first.floats[0].refs is second.floats[0].refs
    assert rows([first, second]) == [
        (1, 2000, bits(3)),
        (2, 2000, bits(4)),
        (1, 3000, bits(5)),
        (2, 3000, bits(STALE_NAN)),
    ]
    assert reader.position == log.writer.position


async def test_what_is_at_hand_is_read_without_waiting(tmp_path: Path) -> None:
    """A reader that keeps up gets all that has come in one turn; from disk it has to wait."""
    log = Log(tmp_path)
    target = Target(log, [A, B])
    reader = await caught_up(log, log.writer.position)
    assert reader.read_along() is None
    for scrape in range(1, 4):
        target.scrape([scrape, 0], 1000 * scrape)
    found = [commit for _ in range(4) if (commit := reader.read_along()) is not None]
    assert [commit.newest_ms for commit in found] == [1000, 2000, 3000]
    assert reader.position == log.writer.position
    assert reader.is_idle
    assert reader.counts.records[RecordType.SAMPLES] == 3
    behind = reader_of(log)
    await behind.read()
    assert behind.read_along() is None


async def test_who_waits_for_a_commit_may_have_it_at_once(tmp_path: Path) -> None:
    """Nobody has to be woken for it; one that was not taken is read, and those after it."""
    log = Log(tmp_path)
    target = Target(log, [A])
    reader = await caught_up(log, log.writer.position)
    offered = list[int]()

    def along(commit: Commit) -> bool:
        offered.append(commit.newest_ms)
        return commit.newest_ms < 3000

    reading = asyncio.create_task(reader.read(along))
    await settle()
    for scrape in range(1, 5):
        target.scrape([scrape], 1000 * scrape)
        assert reader.is_idle == (scrape < 3)
    assert offered == [1000, 2000, 3000]
    commit = await reading
    assert commit is not None
    assert commit.newest_ms == 3000
    assert [one.newest_ms for one in await read(reader, 1)] == [4000]
    target.scrape([5], 5000)
    assert offered == [1000, 2000, 3000]
    assert reader.counts.records[RecordType.SAMPLES] == 4


async def test_a_reader_is_not_affected_by_what_a_caller_does_with_its_columns(
    tmp_path: Path,
) -> None:
    """A scrape may fill the array of its values anew while a reader still has the last ones."""
    log = Log(tmp_path)
    reader = await caught_up(log, log.writer.position)
    batch = batch_of(log.generation, [A], [1.0], 1000)
    appender = log.appender()
    appender.append(batch)
    appender.commit()
    batch.values[0] = 9.0
    assert rows(await read(reader, 1)) == [(1, 1000, bits(1.0))]


async def test_starts_are_the_same_from_disk(tmp_path: Path) -> None:
    """Storage 2.11: a destination that lags gets start timestamps as one that keeps up does."""
    log = Log(tmp_path)
    live = await caught_up(log, log.writer.position)
    appender = WalAppender(replace(log.parts, logs_starts=True))
    appender.append(batch_of(log.generation, [A, B, C], [1, 2, 3], 1000, starts=[500, 0, 700]))
    appender.commit()
    for reader in (live, reader_of(log)):
        (commit,) = await read(reader, 1)
        assert [floats.starts for floats in commit.floats] == [array("q", [500, 0, 700])]


async def test_disk_and_memory_give_the_same_commits(tmp_path: Path) -> None:
    """All kinds of records, over several segments; T60: none twice and none missing."""
    log = Log(tmp_path, segment_bytes=32 << 10)
    live = await caught_up(log, log.writer.position)
    target = Target(log, [metric("m", n=str(n)) for n in range(300)])
    ends = []
    for scrape in range(1, 40):
        appender = log.appender()
        target.append(appender, [scrape * n for n in range(300)], 1000 * scrape)
        exemplar = Exemplar(metric("e", trace=str(scrape)), 1.0)
        appender.append(
            batch_of(
                log.generation,
                [B, C],
                [0, 7],
                1000 * scrape,
                histograms={0: histogram(total=scrape)},
                exemplars={1: (exemplar,)},
            )
        )
        appender.commit()
        ends.append(log.writer.position)
    assert log.writer.current > 1
    from_memory = await read(live, 39)
    from_disk = await read(reader_of(log), 39)
    assert rows(from_disk) == rows(from_memory)
    assert [commit.histograms for commit in from_disk] == [
        commit.histograms for commit in from_memory
    ]
    assert [commit.exemplars for commit in from_disk] == [
        commit.exemplars for commit in from_memory
    ]
    assert [commit.end for commit in from_memory] == ends
    # From disk a commit ends where the next one begins, be it in the next segment.
    begins = [*ends[1:], Position(log.writer.current + 1, 0)]
    assert all(
        end <= commit.end < begin
        for end, commit, begin in zip(ends, from_disk, begins, strict=True)
    )


@pytest.mark.parametrize("bytes_a_part", [1, 3000, 1 << 20])
async def test_reading_goes_on_from_any_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_a_part: int
) -> None:
    """The position of each commit is where the next one begins, however the parts fall."""
    monkeypatch.setattr(log_files.LogFiles.__init__, "__defaults__", (bytes_a_part,))
    log = Log(tmp_path, segment_bytes=32 << 10)
    target = Target(log, [metric("m", n=str(n)) for n in range(100)])
    for scrape in range(1, 60):
        target.scrape([scrape * n for n in range(100)], 1000 * scrape)
    everything = await read(reader_of(log), 59)
    for done in (1, 17, 58):
        rest = await read(reader_of(log, everything[done - 1].end), 59 - done)
        assert rows(rest) == rows(everything[done:])


async def test_a_reader_that_falls_behind_reads_from_disk_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded; the change in either direction loses and repeats nothing."""
    monkeypatch.setattr(log_reader, "MAX_WAITING_SAMPLES", 10)
    log = Log(tmp_path)
    target = Target(log, [A, B, C])
    reader = await caught_up(log, log.writer.position)
    for scrape in range(1, 8):
        target.scrape([1, 2, 3], 1000 * scrape)
    assert not reader.is_at_end
    assert not reader.has_waiting
    seen = await read(reader, 7)
    waiting = asyncio.create_task(reader.read())
    await until(lambda: reader.is_at_end)
    target.scrape([1, 2, 3], 8000)
    last = await waiting
    assert last is not None
    assert [t_ms for _, t_ms, _ in rows([*seen, last])] == [
        1000 * scrape for scrape in range(1, 9) for _ in range(3)
    ]


async def test_a_commit_during_a_read_from_disk_is_not_lost(tmp_path: Path) -> None:
    """The end of the log moves while a thread reads: what came meanwhile is read next."""
    log = Log(tmp_path)
    target = Target(log, [A])
    target.scrape([1], 1000)
    reader = reader_of(log)
    reading = asyncio.create_task(read(reader, 2))
    await asyncio.sleep(0)
    target.scrape([2], 2000)
    assert [t_ms for _, t_ms, _ in rows(await reading)] == [1000, 2000]


async def test_a_reader_with_a_stop_reads_up_to_it(tmp_path: Path) -> None:
    """The old part of a log is read by itself where the newest data go first."""
    log = Log(tmp_path)
    target = Target(log, [A])
    target.scrape([1], 1000)
    stop = log.writer.position
    target.scrape([2], 2000)
    reader = reader_of(log, stop=stop)
    assert rows(await read(reader, 1)) == [(1, 1000, bits(1))]
    assert await reader.read() is None


async def test_segments_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    """A bound on the log's size may take a segment from a reader."""
    log = Log(tmp_path)
    target = Target(log, [A])
    for scrape in range(1, 4):
        target.scrape([scrape], 1000 * scrape)
        log.writer.rotate()
    segment_path(tmp_path, 0).unlink()
    segment_path(tmp_path, 1).unlink()
    assert rows(await read(reader_of(log), 1)) == [(1, 3000, bits(3))]


async def test_a_flipped_byte_costs_the_rest_of_its_segment(tmp_path: Path) -> None:
    """T61: an error that is counted; a segment that is complete will not become better."""
    log = Log(tmp_path)
    target = Target(log, [A])
    target.scrape([1], 1000)
    target.scrape([2], 2000)
    bad = log.writer.position
    target.scrape([3], 3000)
    log.writer.rotate()
    target.scrape([4], 4000)
    path = segment_path(tmp_path, bad.segment)
    raw = bytearray(path.read_bytes())
    raw[bad.offset + 10] ^= 0xFF
    path.write_bytes(raw)
    reader = reader_of(log)
    seen = rows(await read(reader, 3))
    assert [t_ms for _, t_ms, _ in seen] == [1000, 2000, 4000]
    assert sum(reader.counts.corruptions.values()) == 1


async def test_a_series_that_left_memory_is_found_in_the_log(tmp_path: Path) -> None:
    """A reader far behind meets samples of series that are silent by now."""
    log = Log(tmp_path)
    gone, stays = Target(log, [A]), Target(log, [B])
    gone.scrape([1], 1000)
    stays.scrape([1], 1000)
    position = log.writer.position
    gone.scrape([2], 2000)
    stays.scrape([2], 9000)
    log.table.drop([gone.refs[0]], before_ms=5000)
    reader = reader_of(log, position)
    await read(reader, 1)
    assert reader.named(gone.refs[0]) is None
    assert await reader.search()
    found = reader.named(1)
    assert found is not None
    assert found.wire == A.wire
    assert not await reader.search()
