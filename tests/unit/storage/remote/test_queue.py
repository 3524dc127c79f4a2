"""From the log to finished requests: batches, waits, refusals, the end."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from promscrape.model.sample import STALE_NAN
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from promscrape.storage.remote.status import RefusedSeries
from tests.support.clock import ManualClock, settle
from tests.support.remote_queue import FakePeer, destination, named, refused, retry, running
from tests.support.wal import Target, bits, metric, open_storage, until

NOW_MS = 1_700_000_000_000


def sizes(peer: FakePeer) -> list[int]:
    return [attempt.counts.items for attempt in peer.attempts]


def waits(peer: FakePeer) -> Sequence[float]:
    times = [attempt.at_s for attempt in peer.attempts]
    return [round(b - a, 3) for a, b in pairwise(times)]


async def test_a_scrape_gets_to_the_peer(tmp_path: Path) -> None:
    """T6, T48: within the deadline of a batch, with every bit."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        target = Target(bench.storage, named("a", "b"))
        target.scrape([1.5, STALE_NAN], NOW_MS)
        await clock.advance(4.9)
        assert bench.peer.attempts == []
        await clock.advance(0.2)
        assert [(one.name, *one.samples) for one in bench.peer.taken] == [
            ("a", (NOW_MS, bits(1.5), 0)),
            ("b", (NOW_MS, bits(STALE_NAN), 0)),
        ]


async def test_full_batches_go_at_once_and_the_rest_at_the_deadline(tmp_path: Path) -> None:
    """T47."""
    clock = ManualClock()
    config = destination(queue_config={"max_samples_per_send": 3})
    async with running(tmp_path, config, clock=clock) as bench:
        Target(bench.storage, named(*"abcdefg")).scrape(range(7), NOW_MS)
        await settle()
        assert sizes(bench.peer) == [3, 3]
        await clock.advance(5)
        assert sizes(bench.peer) == [3, 3, 1]


async def test_scrapes_of_one_turn_of_the_event_loop_keep_their_order(tmp_path: Path) -> None:
    """Whatever has come by the time that it is read is taken in at once, as far as there is room."""
    clock = ManualClock()
    queue = {"max_samples_per_send": 3, "capacity": 6, "max_shards": 1}
    async with running(tmp_path, destination(queue_config=queue), clock=clock) as bench:
        targets = [Target(bench.storage, named(f"a{n}", f"b{n}")) for n in range(3)]
        for at in range(20):
            for number, target in enumerate(targets):
                target.scrape([at, at + number], NOW_MS + at)
        await clock.advance(10)
        assert set(sizes(bench.peer)) == {3}
        assert bench.metric("samples_pending") == 0
        for number in range(3):
            for name, more in ((f"a{number}", 0), (f"b{number}", number)):
                assert bench.peer.samples()[name] == [
                    (NOW_MS + at, float(at + more)) for at in range(20)
                ]


async def test_a_deadline_of_nothing_holds_up_nothing(tmp_path: Path) -> None:
    """A batch goes as soon as the queue has its turn, and the others have theirs."""
    clock = ManualClock()
    config = destination(queue_config={"batch_send_deadline": "0s"})
    async with running(tmp_path, config, clock=clock) as bench:
        Target(bench.storage, named("a")).scrape([1], NOW_MS)
        await clock.advance(0.01)
        assert bench.peer.samples() == {"a": [(NOW_MS, 1.0)]}


async def test_the_deadline_counts_from_the_last_batch(tmp_path: Path) -> None:
    """7.5: also where it comes while a batch is under way."""
    clock = ManualClock()
    config = destination(queue_config={"max_samples_per_send": 2})
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.delays_s.extend([4, 0, 0])
        target = Target(bench.storage, named("a"))
        await clock.advance(3)
        for at in range(3):  # two of them go at once, and take until 7 s
            target.scrape([at], NOW_MS + at)
        await clock.advance(11)
        assert [(attempt.at_s, attempt.counts.items) for attempt in bench.peer.attempts] == [
            (3, 2),
            (12, 1),
        ]


async def test_the_values_of_dropped_series_are_left_out_of_each_scrape(tmp_path: Path) -> None:
    """T19, 4.2: the others keep their own, and each that is dropped is counted."""
    clock = ManualClock()
    rule = {"source_labels": ["__name__"], "regex": "b|c", "action": "drop"}
    config = destination(write_relabel_configs=[rule])
    async with running(tmp_path, config, clock=clock) as bench:
        target = Target(bench.storage, named(*"abcde"))
        for at in range(3):
            target.scrape([at, 10, 20, STALE_NAN, at + 30], NOW_MS + at)
        await clock.advance(6)
        assert [(one.name, *one.samples) for one in bench.peer.taken] == [
            (name, (NOW_MS + at, bits(value), 0))
            for at in range(3)
            for name, value in (("a", at), ("d", STALE_NAN), ("e", at + 30))
        ]
        assert bench.metric("samples_dropped_total", reason="dropped_series") == 6


@pytest.mark.parametrize(("capacity", "pending"), [(10, 3 + 9 + 2), (1, 3 + 3 + 2)])
async def test_a_shard_takes_what_there_is_room_for(
    tmp_path: Path, capacity: int, pending: int
) -> None:
    """T49, T50: three in flight, full batches, two in the one that is being filled.

    However small the capacity, one full batch may wait.
    """
    clock = ManualClock()
    queue = {"max_samples_per_send": 3, "capacity": capacity, "max_shards": 1}
    async with running(tmp_path, destination(queue_config=queue), clock=clock) as bench:
        bench.peer.gate.clear()
        target = Target(bench.storage, named("a"))
        for at in range(20):
            target.scrape([at], NOW_MS + at)
            await settle()
        assert bench.metric("samples_pending") == pending
        retries = bench.metric("enqueue_retries_total")
        await clock.advance(1)
        assert bench.metric("enqueue_retries_total") > retries > 0
        bench.peer.gate.set()
        await clock.advance(10)
        assert bench.peer.samples()["a"] == [(NOW_MS + at, float(at)) for at in range(20)]
        assert bench.metric("samples_pending") == 0


async def test_a_batch_waits_longer_each_time(tmp_path: Path) -> None:
    """T34, 6.1: doubling from min_backoff up to max_backoff."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock, flush_deadline_s=0) as bench:
        bench.peer.always = retry()
        Target(bench.storage, named("a")).scrape([1], NOW_MS)
        await clock.advance(30)
        assert waits(bench.peer)[:10] == [
            0.03, 0.06, 0.12, 0.24, 0.48, 0.96, 1.92, 3.84, 5, 5,
        ]  # fmt: skip
        assert [attempt.attempt for attempt in bench.peer.attempts] == list(
            range(len(bench.peer.attempts))
        )


async def test_what_the_peer_asks_for_is_obeyed(tmp_path: Path) -> None:
    """T33, 5.2: Retry-After is not capped, and the wait after it is."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.script += [retry(429, 60), retry(503)]
        Target(bench.storage, named("a")).scrape([1], NOW_MS)
        await clock.advance(80)
        assert waits(bench.peer) == [60, 5]


async def test_a_peer_that_comes_back_has_everything(tmp_path: Path) -> None:
    """T35: three failures, then delivery, and what is counted for it."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.script += [retry(0)] * 3
        Target(bench.storage, named("a", "b")).scrape([1, 2], NOW_MS)
        await clock.advance(6)
        assert len(bench.peer.attempts) == 4
        assert bench.metric("samples_total") == 8
        assert bench.metric("samples_retried_total") == 6
        assert bench.metric("samples_failed_total") == 0
        assert bench.peer.samples() == {"a": [(NOW_MS, 1)], "b": [(NOW_MS, 2)]}


@pytest.mark.parametrize("status", [300, 401, 403, 404, 415, 999])
async def test_an_answer_about_the_sender_costs_the_batch(tmp_path: Path, status: int) -> None:
    """T28, T29: one request, and the batch is counted as failed."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.script.append(refused(status))
        Target(bench.storage, named("a", "b")).scrape([1, 2], NOW_MS)
        await clock.advance(60)
        assert len(bench.peer.attempts) == 1
        assert bench.metric("samples_failed_total") == 2


async def test_a_bad_series_costs_itself_alone(tmp_path: Path) -> None:
    """A 4xx does not lose a batch: it is split until the refused series stand alone."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        names = [f"m{n}" for n in range(100)]
        target = Target(bench.storage, named(*names))
        target.scrape(range(100), NOW_MS)
        await clock.advance(6)
        bench.peer.bad = {"m17", "m61"}
        target.scrape(range(100), NOW_MS + 1000)
        await clock.advance(6)
        got = bench.peer.samples()
        assert {name for name in names if len(got[name]) < 2} == {"m17", "m61"}
        assert all(len(got[name]) <= 2 for name in names)
        assert bench.metric("samples_failed_total") == 2
        assert bench.metric("promscrape_remote_storage_refused_items_total") == 2
        assert len(bench.peer.attempts) < 40
        (status,) = bench.remote.statuses()
        assert status.refused_count == 2
        assert status.refused[0] == RefusedSeries(
            {"__name__": "m61"},
            400,
            "server returned HTTP status 400: bad series ['m61']",
            NOW_MS + 10_000,
        )


async def test_splitting_keeps_the_order_of_each_series(tmp_path: Path) -> None:
    """Each half is sent in the order of its items, and the first half first."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.bad = {"bad"}
        Target(bench.storage, named("first")).scrape([0], NOW_MS)
        await clock.advance(6)
        target = Target(bench.storage, named("good", "bad", "fine"))
        for at in range(50):
            target.scrape([at] * 3, NOW_MS + at)
        await clock.advance(6)
        for name in ("good", "fine"):
            assert bench.peer.samples()[name] == [(NOW_MS + at, float(at)) for at in range(50)]


async def test_a_peer_that_refuses_everything_is_not_asked_for_ever(tmp_path: Path) -> None:
    """Bounded: no more than some requests a batch, and all is counted."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        target = Target(bench.storage, named(*[f"m{n}" for n in range(1500)]))
        target.scrape(range(1500), NOW_MS)
        await clock.advance(6)
        bench.peer.always = refused(422)
        target.scrape(range(1500), NOW_MS + 1000)
        await clock.advance(6)
        assert 1 < len(bench.peer.attempts) < 40
        assert bench.metric("samples_failed_total") == 1500


async def test_a_peer_that_never_took_anything_gets_time(tmp_path: Path) -> None:
    """12.3, no_retry_on_400: no second request at once to one that refuses whatever comes."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.always = refused(400)
        Target(bench.storage, named("a", "b")).scrape([1, 2], NOW_MS)
        await clock.advance(8)
        assert len(bench.peer.attempts) == 1
        await clock.advance(3)
        assert len(bench.peer.attempts) == 3
        assert bench.metric("samples_failed_total") == 2


async def test_a_shortfall_is_counted_and_said(tmp_path: Path) -> None:
    """T38, T63: the second version, 204 with three of five written."""
    clock = ManualClock()
    config = destination(protobuf_message="io.prometheus.write.v2.Request", name="x")
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.script.append(
            Outcome(Verdict.ACCEPTED, status=204, written=Counts(samples=3), is_confirmed=True)
        )
        with capture_logs() as said:
            Target(bench.storage, named(*"abcde")).scrape(range(5), NOW_MS)
            await clock.advance(6)
        assert bench.metric("samples_failed_total") == 2
        assert bench.metric("samples_total") == 5
        assert bench.metric("samples_pending") == 0
        assert bench.metric("bytes_total") == len(bench.peer.attempts[0].body)
        assert bench.metric("sent_batch_duration_seconds_count") == 1
        assert len([line for line in said if line["log_level"] == "error"]) == 1
        assert len(bench.peer.attempts) == 1


@pytest.mark.parametrize(("written", "failed"), [(Counts(samples=2), 3), (None, 5)])
async def test_a_refusal_that_wrote_a_part(
    tmp_path: Path, written: Counts | None, failed: int
) -> None:
    """T37, T39: what was written of a refused batch did not fail."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        bench.peer.script.append(refused(404, written=written))
        Target(bench.storage, named(*"abcde")).scrape(range(5), NOW_MS)
        await clock.advance(6)
        assert bench.metric("samples_failed_total") == failed


async def test_what_is_too_old_is_left_out_of_a_retry(tmp_path: Path) -> None:
    """T22, 6.3: the request is built anew without the samples that aged while it waited."""
    clock = ManualClock()
    config = destination(queue_config={"sample_age_limit": "10s", "batch_send_deadline": "1s"})
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.script += [retry(500, 4), retry(500, 4)]
        target = Target(bench.storage, named("a"))
        now_ms = clock.now_ns() // 1_000_000
        target.scrape([1], now_ms - 3000)
        target.scrape([2], now_ms)
        await clock.advance(20)
        assert bench.peer.samples()["a"] == [(now_ms, 2.0)]
        assert bench.metric("samples_dropped_total", reason="too_old") == 1


async def test_the_age_limit_is_exact(tmp_path: Path) -> None:
    """T21: strictly before is too old; without a limit a sample of 1970 is sent."""
    clock = ManualClock()
    limited = destination(queue_config={"sample_age_limit": "1m"}, name="limited")
    async with running(tmp_path, limited, destination(), clock=clock) as bench:
        now_ms = clock.now_ns() // 1_000_000
        target = Target(bench.storage, named("a"))
        for t_ms in (1000, now_ms - 61_000, now_ms - 60_000):
            target.scrape([1], t_ms)
        await settle()
        assert bench.metric("samples_pending", remote_name="limited") == 1
        assert bench.metric("samples_dropped_total", reason="too_old", remote_name="limited") == 2
        await clock.advance(6)
        assert [t_ms for t_ms, _ in bench.peers[1].samples()["a"]] == [
            1000,
            now_ms - 61_000,
            now_ms - 60_000,
        ]


async def test_all_is_delivered_before_the_end(tmp_path: Path) -> None:
    """T56: a healthy peer gets what is queued, without waiting for the deadline of a batch."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        Target(bench.storage, named(*[f"m{n}" for n in range(100)])).scrape(range(100), NOW_MS)
    assert len(bench.peer.taken) == 100
    assert bench.peer.closed == 1


async def test_a_dead_peer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """T56, 7.11: the flush has a deadline, and what is left is counted, and sent another time."""
    clock = ManualClock()
    peer = FakePeer(clock)
    peer.gate.clear()

    async def session() -> None:
        config = destination()
        async with running(
            tmp_path, config, clock=clock, flush_deadline_s=2, peers=[peer]
        ) as bench:
            names = [f"m{n}" for n in range(100)]
            Target(bench.storage, named(*names)).scrape(range(100), NOW_MS)
            await settle()

    task = asyncio.create_task(session())
    await until(lambda: peer.under_way == 1)
    await clock.advance(1.9)
    assert not task.done()
    await clock.advance(0.2)
    await task
    assert peer.under_way == 0
    async with running(tmp_path, destination(), clock=clock) as again:
        await until(lambda: again.metric("samples_pending") == 100)
        await clock.advance(6)
        assert len(again.peer.taken) == 100


async def test_a_restart_goes_on_from_the_position(tmp_path: Path) -> None:
    """T59: what was sent is not sent again, and what was not is sent first."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        target = Target(bench.storage, named("a"))
        target.scrape([1], NOW_MS)
        await clock.advance(6)
        assert bench.peer.samples()["a"] == [(NOW_MS, 1.0)]
    async with open_storage(tmp_path, clock=clock) as storage:
        Target(storage, named("a")).scrape([2], NOW_MS + 1000)
    async with running(tmp_path, destination(), clock=clock) as bench:
        await until(lambda: bench.metric("samples_pending") == 1)
        Target(bench.storage, named("a")).scrape([3], NOW_MS + 2000)
        await clock.advance(6)
        assert bench.peer.samples()["a"] == [(NOW_MS + 1000, 2.0), (NOW_MS + 2000, 3.0)]


async def test_a_new_destination_gets_what_comes_from_now_on(tmp_path: Path) -> None:
    """T59: the old part of a log is not for a destination that never stood in it."""
    clock = ManualClock()
    async with running(tmp_path, clock=clock) as bench:
        target = Target(bench.storage, [metric("a")])
        target.scrape([1], NOW_MS)
        await bench.apply(destination())
        target.scrape([2], NOW_MS + 1000)
        await clock.advance(6)
        assert bench.peer.samples()["a"] == [(NOW_MS + 1000, 2.0)]
