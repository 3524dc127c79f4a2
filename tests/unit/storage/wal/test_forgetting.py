"""Series that ended leave memory minutes later, and nothing is lost or mixed up by it."""

import asyncio
from array import array
from pathlib import Path

import pytest

from promscrape.model.labels import Labels
from promscrape.model.sample import STALE_NAN
from promscrape.storage.interface import AppendCode
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.ended import BRIEF_SILENCE_S, SILENCE_S
from tests.support.clock import ManualClock
from tests.support.wal import (
    BEGIN,
    Keeper,
    Target,
    batch_of,
    bits,
    logged_samples,
    logged_series,
    metric,
    open_storage,
    until,
)

A, B, C = metric("a"), metric("b"), metric("c")
START_MS = 1_700_000_000_000
STALE = bits(STALE_NAN)
STEP_S = 10


def end(storage: AgentStorage, target: Target, t_ms: int) -> None:
    """Give the series of a target their stale markers, as a scrape does that does not bring them."""
    appender, values = storage.appender(), [STALE_NAN] * len(target.labels)
    refs, generation = target.refs, storage.generation
    appender.append(
        batch_of(generation, target.labels, values, t_ms, refs=refs, reject_out_of_order=True)
    )
    appender.commit()


def leave_out(
    storage: AgentStorage, brought: list[Labels], left_out: list[Labels], t_ms: int
) -> None:
    """Commit what a scrape does that does not bring all series of the one before."""
    appender, generation = storage.appender(), storage.generation
    appender.append(batch_of(generation, brought, [1] * len(brought), t_ms))
    markers = [STALE_NAN] * len(left_out)
    appender.append(batch_of(generation, left_out, markers, t_ms, reject_out_of_order=True))
    appender.commit()


async def pass_silence(clock: ManualClock) -> None:
    await clock.advance(SILENCE_S + 2 * STEP_S)


def active(storage: AgentStorage) -> int:
    return storage.statistics().active_series


async def test_a_series_leaves_five_minutes_after_its_marker(tmp_path: Path) -> None:
    """And not before; one without a marker may only be scraped rarely."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        ended, silent = Target(storage, [A, B]), Target(storage, [C])
        ended.scrape([1, 2], START_MS)
        silent.scrape([3], START_MS)
        end(storage, ended, START_MS + 1000)
        await clock.advance(SILENCE_S - 1)
        assert active(storage) == 3
        await clock.advance(2 * STEP_S)
        assert active(storage) == 1
        assert storage.statistics().deleted_series == 2
        assert storage._metrics.active_series.value == 1
        assert storage._metrics.series_forgotten.value == 2
        await clock.advance(6000)
        assert active(storage) == 1


def lose_two(storage: AgentStorage) -> None:
    """Scrape A, B, C and "d", the last of a target that then is away; and A and B without C."""
    target, away = Target(storage, [A, B, C]), Target(storage, [metric("d")])
    target.scrape([1, 2, 3], START_MS)
    away.scrape([4], START_MS)
    end(storage, away, START_MS + 1000)
    leave_out(storage, [A, B], [C], START_MS + 1000)


async def test_a_series_that_its_target_left_out_leaves_sooner(tmp_path: Path) -> None:
    """A target that is away comes back with all its series, which one without some seldom does."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        lose_two(storage)
        await clock.advance(BRIEF_SILENCE_S - 1)
        assert active(storage) == 4
        await clock.advance(2 * STEP_S)
        assert active(storage) == 3
        await pass_silence(clock)
        assert active(storage) == 2
        assert storage.departures.since(0) == array("Q", [4, 3])  # the newest come first


async def test_a_series_that_comes_back_in_time_was_never_gone(tmp_path: Path) -> None:
    """It keeps its ref."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A, B])
        target.scrape([1, 2], START_MS)
        end(storage, target, START_MS + 1000)
        await clock.advance(SILENCE_S - STEP_S)
        Target(storage, [A]).scrape([3], START_MS + 2000)
        await pass_silence(clock)
        assert active(storage) == 1
        assert Target(storage, [A]).scrape([4], START_MS + 3000).codes is None
    assert logged_series(tmp_path / "wal") == {1: str(A), 2: str(B)}


async def test_a_series_that_comes_back_later_is_a_new_one(tmp_path: Path) -> None:
    """Storage 3.1: with another ref, whatever handle its target still has; no sample is lost."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A, B])
        target.scrape([1, 2], START_MS)
        end(storage, target, START_MS + 1000)
        await pass_silence(clock)
        assert active(storage) == 0
        others = Target(storage, [metric("m", i=str(i)) for i in range(50)])
        others.scrape([9] * 50, START_MS + 400_000)
        assert target.scrape([3, 4], START_MS + 400_000).codes is None
    found = logged_series(tmp_path / "wal")
    assert {ref: text for ref, text in found.items() if text in {str(A), str(B)}} == {
        1: str(A),
        2: str(B),
        53: str(A),
        54: str(B),
    }
    times = [START_MS, START_MS + 1000, START_MS + 400_000]
    assert logged_samples(tmp_path / "wal")[str(B)] == [
        (t_ms, number) for t_ms, number in zip(times, (bits(2.0), STALE, bits(4.0)), strict=True)
    ]


async def test_the_series_around_one_that_left_keep_their_handles(tmp_path: Path) -> None:
    """Interface, `generation`: nothing is to be found out anew but what left."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target, part = Target(storage, [A, B, C]), Target(storage, [B])
        target.scrape([1, 2, 3], START_MS)
        part.scrape([2], START_MS + 1)
        generation, handles = storage.generation, target.refs
        end(storage, part, START_MS + 1000)
        await clock.advance(100)
        for labels, handle in ((A, handles[0]), (C, handles[2])):
            batch = batch_of(generation, [labels], [5], START_MS + 2000, refs=[handle])
            appender = storage.appender()
            assert appender.append(batch).refs is batch.refs
            appender.commit()
        await pass_silence(clock)
        assert active(storage) == 2
        assert storage.generation == generation
        appended = target.scrape([7, 8, 9], START_MS + 900_000)
        assert appended.codes is None
        assert [appended.refs[0], appended.refs[2]] == [handles[0], handles[2]]
    assert logged_samples(tmp_path / "wal")[str(B)][-1] == (START_MS + 900_000, bits(8.0))


async def test_a_series_whose_samples_are_refused_stays(tmp_path: Path) -> None:
    """Its timestamp stands still: a log that has forgotten it would take it again and again."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A])
        target.scrape([1], START_MS)
        end(storage, target, START_MS + 1000)
        for _ in range(9):
            await clock.advance(100)
            assert target.scrape([1], START_MS).codes == bytes((AppendCode.OUT_OF_ORDER,))
        assert active(storage) == 1


async def test_a_late_marker_ends_nothing(tmp_path: Path) -> None:
    """L31: the series lives on in another target."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A])
        target.scrape([1], START_MS + 5000)
        end(storage, target, START_MS + 1000)
        await clock.advance(3 * SILENCE_S)
        assert active(storage) == 1


async def test_a_series_stays_while_a_destination_is_behind(tmp_path: Path) -> None:
    """It would have to be looked for in the log's files."""
    clock, keeper = ManualClock(), Keeper(BEGIN)
    async with open_storage(tmp_path, clock=clock) as storage:
        with storage.hold(keeper):
            target = Target(storage, [A])
            target.scrape([1], START_MS)
            end(storage, target, START_MS + 1000)
            await clock.advance(3 * SILENCE_S)
            assert active(storage) == 1
            keeper.needed = storage.tail.end
            await clock.advance(STEP_S)
            assert active(storage) == 0
    assert storage.departures.since(0) == array("Q", [1])


async def test_a_commit_that_fails_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is rolled back did not happen."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A])
        target.scrape([1], START_MS)
        appender = storage.appender()
        batch = batch_of(
            storage.generation, [A], [STALE_NAN], START_MS + 1, reject_out_of_order=True
        )
        appender.append(batch)
        appender.rollback()
        await clock.advance(3 * SILENCE_S)
        assert active(storage) == 1


async def filled(storage: AgentStorage, target: Target, number: int, t_ms: int) -> int:
    """Scrape until this segment is written to, and return the next time."""
    while storage.statistics().current_segment < number:
        target.scrape([float(t_ms % 977)] * len(target.labels), t_ms)
        t_ms += 1000
    return t_ms


@pytest.mark.parametrize("from_memory", [False, True])
async def test_checkpoints_keep_what_the_log_has_samples_of(
    tmp_path: Path, *, from_memory: bool
) -> None:
    """S27, storage 3.8: of series that left memory, until the segment with the last one goes."""
    clock = ManualClock()
    wal = tmp_path / "wal"
    async with open_storage(tmp_path, clock=clock, from_memory=from_memory) as storage:
        steady, ended = (
            Target(storage, [metric("s", i=str(i)) for i in range(500)]),
            Target(storage, [A, B]),
        )
        ended.scrape([1, 2], START_MS)
        t_ms = await filled(storage, steady, 6, START_MS)
        end(storage, ended, t_ms)
        await pass_silence(clock)
        assert active(storage) == 500
        t_ms = await filled(storage, steady, 9, t_ms + 1000)
        await storage.truncate(START_MS)
        assert storage.statistics().first_segment == 6
        assert [text for text in logged_series(wal).values() if text in {str(A), str(B)}]
        logged_samples(wal)  # raises KeyError for a sample of a series that nothing names
        await filled(storage, steady, 13, t_ms)
        await storage.truncate(t_ms)
        assert storage.statistics().deleted_series == 0
        assert str(A) not in logged_series(wal).values()
        logged_samples(wal)


async def test_what_leaves_during_a_checkpoint_is_still_in_it(tmp_path: Path) -> None:
    """It is written in a thread, while the event loop forgets."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        steady, ended = (
            Target(storage, [metric("s", i=str(i)) for i in range(500)]),
            Target(storage, [A]),
        )
        ended.scrape([1], START_MS)
        t_ms = await filled(storage, steady, 8, START_MS)
        end(storage, ended, t_ms)
        await clock.advance(SILENCE_S - 2)
        truncator = storage._truncator
        records = truncator._records(range(6), None, START_MS, truncator._pace())
        await clock.advance(3 * STEP_S)
        assert active(storage) == 500
        await asyncio.to_thread(truncator._write, 5, records)
    found = logged_series(tmp_path / "wal" / "checkpoint.00000005")
    assert str(A) in found.values()


async def test_a_checkpoint_from_memory_is_not_forgotten_into(tmp_path: Path) -> None:
    """It goes over the rows."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A])
        target.scrape([1], START_MS)
        end(storage, target, START_MS + 1000)
        storage._forgetter.is_held = True
        await clock.advance(3 * SILENCE_S)
        assert active(storage) == 1
        storage._forgetter.is_held = False
        await clock.advance(STEP_S)
        assert active(storage) == 0


async def test_a_crowd_leaves_in_turns(tmp_path: Path) -> None:
    """The event loop does not wait for thousands of them."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock, segment_bytes=1 << 20) as storage:
        targets = [
            Target(storage, [metric("m", target=str(n), i=str(i)) for i in range(700)])
            for n in range(4)
        ]
        for target in targets:
            target.scrape([1] * 700, START_MS)
            end(storage, target, START_MS + 1000)
        await pass_silence(clock)
        await until(lambda: active(storage) == 0)
        assert storage.departures.count == 2800


async def churned(data: Path, clock: ManualClock, scrapes: int) -> list[Labels]:
    """Scrape a target every minute of which one series is new each time; return the last series."""
    always = [metric("s", i=str(i)) for i in range(20)]
    async with open_storage(data, clock=clock) as storage:
        steady, before = Target(storage, always), None
        for number in range(scrapes):
            t_ms = START_MS + 60_000 * number
            steady.scrape([number] * 20, t_ms)
            if before is not None:
                end(storage, before, t_ms)
            before = Target(storage, [metric("new", n=str(number))])
            before.scrape([number], t_ms)
            await clock.advance(60)
        assert active(storage) <= 28
    return [*always, metric("new", n=str(scrapes - 1))]


async def test_a_restart_does_not_bring_them_back(tmp_path: Path) -> None:
    """The log has two hours of series that came and went; memory does not need them."""
    clock = ManualClock()
    alive = await churned(tmp_path, clock, 120)
    found = logged_samples(tmp_path / "wal")
    assert len(found) == 140
    async with open_storage(tmp_path, clock=clock) as storage:
        assert 21 <= active(storage) <= 28
        assert storage._metrics.unknown_series_samples.value == 0
        table = storage._parts.table
        assert all(table.find(labels.wire) for labels in alive)
        # What had ended a short while ago goes when its time has come.
        await pass_silence(clock)
        assert active(storage) == 21
        # A late sample of one that is alive is still known to be late.
        late = Target(storage, alive[:1]).scrape([1], START_MS + 60_000 * 119)
        assert late.codes == bytes((AppendCode.OUT_OF_ORDER,))


async def test_a_restart_goes_by_the_same_silence(tmp_path: Path) -> None:
    """What was left out is gone before what is away, by the time that passed in the log."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        lose_two(storage)
        Target(storage, [A, B]).scrape([5, 6], START_MS + 1001 + round(1000 * BRIEF_SILENCE_S))
    async with open_storage(tmp_path, clock=clock) as storage:
        table = storage._parts.table
        assert table.find(C.wire) == 0
        assert table.find(metric("d").wire) != 0
        assert active(storage) == 3


async def test_a_series_that_came_back_is_one_after_a_restart(tmp_path: Path) -> None:
    """Storage 3.3: whichever of its refs is its own; samples of both are the series' samples."""
    clock = ManualClock()
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, [A, B])
        target.scrape([1, 2], START_MS)
        end(storage, target, START_MS + 1000)
        await pass_silence(clock)
        target.scrape([3, 4], START_MS + 2000)
    async with open_storage(tmp_path, clock=clock) as storage:
        assert active(storage) == 2
        assert Target(storage, [A]).scrape([5], START_MS + 2000).codes == b"\1"
        assert Target(storage, [A]).scrape([5], START_MS + 2001).codes is None
    assert [t_ms - START_MS for t_ms, _ in logged_samples(tmp_path / "wal")[str(A)]] == [
        0,
        1000,
        2000,
        2001,
    ]
