"""Destinations over time: reloads, restarts, identities, several at a time."""

import asyncio
from array import array
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from promscrape.errors import ConfigError
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.sample import is_stale
from promscrape.storage.remote.identity import position_identities
from promscrape.storage.remote.outcome import Outcome, Verdict
from promscrape.storage.remote.position_file import PositionFile
from promscrape.storage.wal import log_reader
from promscrape.storage.wal.directory import segment_path
from promscrape.storage.wal.holder import GivenUp
from promscrape.storage.wal.record import encode_samples
from promscrape.storage.wal.tail import Position
from tests.support.churn_writer import STEADY, series_of, time_of, values_of, write_scrape
from tests.support.clock import ManualClock, settle
from tests.support.remote_queue import FakePeer, destination, destinations, named, running
from tests.support.wal import Target, batch_of, histogram, metric, open_storage, until

NOW_MS = 1_700_000_000_000
V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"


async def test_a_new_password_keeps_the_queue(tmp_path: Path) -> None:
    """T57, 7.13: what is pending stays, and goes out with the new credentials."""
    clock = ManualClock()
    old = destination(basic_auth={"username": "u", "password": "old"})
    new = destination(basic_auth={"username": "u", "password": "new"})
    async with running(tmp_path, old, clock=clock) as bench:
        Target(bench.storage, named("a")).scrape([1], NOW_MS)
        await settle()
        assert bench.metric("samples_pending") == 1
        await bench.apply(new)
        assert bench.metric("samples_pending") == 1
        assert [peer.closed for peer in bench.peers] == [1, 0]
        await clock.advance(6)
        assert bench.peers[1].samples() == {"a": [(NOW_MS, 1.0)]}


async def test_new_external_labels_restart_the_queue(tmp_path: Path) -> None:
    """T57: the old one flushes, the new one goes on where it stood."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        target = Target(bench.storage, named("a"))
        target.scrape([1], NOW_MS)
        await settle()
        await bench.apply(destination(), external={"site": "x"})
        assert bench.peers[0].samples() == {"a": [(NOW_MS, 1.0)]}
        target.scrape([2], NOW_MS + 1000)
        await clock.advance(6)
        (one,) = bench.peers[1].taken
        assert dict(one.labels) == {"__name__": "a", "site": "x"}
        assert one.samples[0].value == 2


async def test_two_destinations_of_one_name_are_refused(tmp_path: Path) -> None:
    """T58."""
    clock = ManualClock()
    twice = [destination(url=f"http://{host}/w", name="x") for host in "ab"]
    async with running(tmp_path, clock=clock) as bench:
        with pytest.raises(ConfigError, match='"x"'):
            await bench.apply(*twice)


async def test_one_that_cannot_be_obeyed_changes_nothing(tmp_path: Path) -> None:
    """Config 9.3: the reload fails, the queues go on, and no connection is left open."""
    good, bad = destination(url="http://good/w"), destination(url="http://unusable/w")
    async with running(tmp_path, good, clock=ManualClock()) as bench:
        with pytest.raises(ConfigError, match="cannot be obeyed"):
            await bench.apply(good, bad)
        assert [peer.closed for peer in bench.peers] == [0, 1]
        assert len(bench.remote.statuses()) == 1


async def test_a_dead_destination_does_not_slow_another(tmp_path: Path) -> None:
    """Each reads the log by itself."""
    clock = ManualClock()
    configs = destinations(
        {"url": "http://dead/w", "queue_config": {"capacity": 1, "max_samples_per_send": 1}},
        {"url": "http://alive/w"},
    )
    async with running(tmp_path, *configs, clock=clock, flush_deadline_s=0) as bench:
        bench.peers[0].gate.clear()
        target = Target(bench.storage, named("a", "b", "c"))
        for at in range(50):
            target.scrape([at] * 3, NOW_MS + at)
        await clock.advance(6)
        assert len(bench.peers[1].taken) == 150
        assert bench.peers[0].taken == []


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ({"name": "a"}, {"name": "b"}, True),
        ({"url": "http://u:one@h/w"}, {"url": "http://v:two@h/w"}, True),
        ({"queue_config": {"capacity": 7}}, {}, True),
        ({"url": "http://h/w"}, {"url": "http://h/x"}, False),
        ({"headers": {"X-Scope-OrgID": "1"}}, {"headers": {"X-Scope-OrgID": "2"}}, False),
    ],
)
def test_the_position_belongs_to_the_place(
    before: dict[str, object], after: dict[str, object], *, is_same: bool
) -> None:
    """A destination that is renamed, or gets a new password, keeps its position."""
    url = {"url": "http://h/w"}
    (one,) = position_identities(destinations({**url, **before}), ["dump one"])
    (two,) = position_identities(destinations({**url, **after}), ["dump two"])
    assert (one == two) is is_same


def test_entries_to_one_place_are_told_apart() -> None:
    """Two entries may send different series to one URL."""
    twice = destinations({"url": "http://h/w", "name": "a"}, {"url": "http://h/w", "name": "b"})
    assert len(set(position_identities(twice, ["dump a", "dump b"]))) == 2


async def test_names_are_short_hashes_and_urls_are_masked(tmp_path: Path) -> None:
    """T62: stable over restarts."""
    clock, names = ManualClock(), []
    for _ in range(2):
        config = destination(url="http://u:p@h/w")
        async with running(tmp_path, config, clock=clock) as bench:
            (status,) = bench.remote.statuses()
            assert status.url == "http://u:xxxxx@h/w"
            assert bench.metric("shards", url="http://u:xxxxx@h/w") == 1
            names.append(status.name)
    assert names[0] == names[1]
    assert len(names[0]) == 6
    assert set(names[0]) <= set("0123456789abcdef")


async def test_the_newest_samples_go_first_where_that_is_asked_for(tmp_path: Path) -> None:
    """`prefer_fresh`: after an outage, with nothing missing in the end."""
    clock = ManualClock()
    config = destination(prefer_fresh=True)
    async with running(tmp_path, config, clock=clock):
        pass
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, named("a"))
        for at in range(100):
            target.scrape([at], NOW_MS + at)
    await clock.advance(3600)
    small = {"max_samples_per_send": 10, "capacity": 10}
    peer = FakePeer(clock)
    peer.gate.clear()
    config = destination(prefer_fresh=True, queue_config=small)
    async with running(tmp_path, config, clock=clock, peers=[peer]) as bench:
        await until(lambda: peer.under_way == 1)
        Target(bench.storage, named("a")).scrape([100], NOW_MS + 3_600_000)
        peer.gate.set()
        while len(peer.taken) < 101:
            await clock.advance(1)
            await asyncio.sleep(0)
        got = peer.samples()["a"]
        newest = got.index((NOW_MS + 3_600_000, 100.0))
        assert newest < 60
        old = [*got[:newest], *got[newest + 1 :]]
        assert [t_ms for t_ms, _ in old] == [NOW_MS + at for at in range(100)]
        await until(lambda: bench.remote.statuses()[0].lag_bytes == 0)


async def test_what_the_log_had_to_drop_is_counted_and_said_once(tmp_path: Path) -> None:
    """The bounds on age and size go before the position."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        (held,) = bench.remote._destinations.values()
        assert held.needed == Position(0, 0)
        held.give_up(GivenUp(Position(3, 0), 500))
        held.give_up(GivenUp(Position(4, 0), 70))
        assert held.needed == Position(4, 0)
        assert bench.metric("promscrape_remote_storage_given_up_bytes_total") == 570


async def test_histograms_and_exemplars_are_sent_where_that_is_asked_for(tmp_path: Path) -> None:
    """T23, T24: custom buckets are for the second version alone."""
    clock = ManualClock()
    configs = destinations(
        {"url": "http://a/w"},
        {"url": "http://b/w", "send_native_histograms": True, "send_exemplars": True},
        {"url": "http://c/w", "protobuf_message": V2, "send_exemplars": True},
    )
    async with running(tmp_path, *configs, clock=clock) as bench:
        labels = named("a", "h", "custom")
        appender = bench.storage.appender()
        appender.append(
            batch_of(
                bench.storage.generation,
                labels,
                [1, 0, 0],
                NOW_MS,
                histograms={1: histogram(), 2: histogram(schema=-53)},
                exemplars={0: (Exemplar(metric("e", trace="x"), 0.5, NOW_MS - 1),)},
            )
        )
        appender.commit()
        await clock.advance(6)
        plain, first, second = [{one.name: one for one in peer.taken} for peer in bench.peers]
        assert set(plain) == {"a"}
        assert not plain["a"].exemplars
        assert set(first) == {"a", "h"}
        assert set(second) == {"a", "h", "custom"}
        assert list(second["custom"].histograms[0].message.custom_values) == [0.5, 1.0]
        for found in (first, second):
            assert [e.value for e in found["a"].exemplars] == [0.5]
            assert found["a"].samples
        lost = bench.metric("histograms_dropped_total", reason="nhcb_in_rw1_not_supported")
        assert lost == 1


async def test_metadata_go_by_themselves_in_the_first_version(tmp_path: Path) -> None:
    """T26, T27: 4500 families, one of them from two targets, in requests of 2000."""
    known = [(f"m{n}", Metadata(MetricType.COUNTER, "help")) for n in range(4500)]
    clock = ManualClock()
    configs = destinations({"url": "http://a/w"}, {"url": "http://b/w", "protobuf_message": V2})
    async with running(
        tmp_path, *configs, clock=clock, metadata=lambda: [*known, known[0]]
    ) as bench:
        await clock.advance(61)
        counts = [attempt.counts.metadata for attempt in bench.peers[0].attempts]
        assert counts == [2000, 2000, 500]
        assert bench.peers[0].attempts[0].request.metadata[0].help == "help"
        # With the second version they are part of every series instead.
        assert bench.peers[1].attempts == []
        assert bench.metric("metadata_total") == 4500


async def test_the_log_keeps_metadata_for_the_second_version_alone(tmp_path: Path) -> None:
    """3.7: a reload can bring a destination that wants them, and take the last one."""
    first, second = destinations(
        {"url": "http://a/w"}, {"url": "http://b/w", "protobuf_message": V2}
    )
    async with running(tmp_path, first, clock=ManualClock()) as bench:
        target = Target(bench.storage, [metric("a")])
        for configs, is_kept in (((first,), False), ((first, second), True), ((), False)):
            await bench.apply(*configs)
            assert bench.storage.keeps_metadata == is_kept
            # What repeated a transaction until then brings none.
            target.scrape([1.0], bench.clock.now_ns() // 1_000_000)
            repeater = bench.storage.repeater(target.refs)
            assert repeater is not None
            bench.storage.keep_metadata(is_kept=not is_kept)
            assert not repeater.append(array("d", [1.0]), 1 << 42)
            bench.storage.keep_metadata(is_kept=is_kept)


async def test_a_peer_that_knows_the_first_version_only(tmp_path: Path) -> None:
    """T43, T44: the same samples again, at once, and the next batch in the first version."""
    clock = ManualClock()
    config = destination(protobuf_message=V2, protobuf_message_fallback=True)
    async with running(tmp_path, config, clock=clock) as bench:
        target = Target(bench.storage, named("a"))
        bench.peer.script.append(Outcome(Verdict.REFUSED, status=415, wants_v1=True, error="415"))
        target.scrape([1], NOW_MS)
        await clock.advance(6)
        target.scrape([2], NOW_MS + 1)
        await clock.advance(6)
        assert [attempt.version for attempt in bench.peer.attempts] == [
            V2,
            "prometheus.WriteRequest",
            "prometheus.WriteRequest",
        ]
        assert bench.peer.samples()["a"] == [(NOW_MS, 1), (NOW_MS + 1, 2)]
        assert bench.metric("samples_failed_total") == 0


async def test_custom_buckets_that_were_queued_before_a_fallback_are_dropped(
    tmp_path: Path,
) -> None:
    """T23, T43: the first version cannot say them; what is beside them is sent again."""
    clock = ManualClock()
    config = destination(protobuf_message=V2, protobuf_message_fallback=True)
    async with running(tmp_path, config, clock=clock) as bench:
        bench.peer.script.append(Outcome(Verdict.REFUSED, status=415, wants_v1=True, error="415"))
        for at in range(2):
            appender = bench.storage.appender()
            appender.append(
                batch_of(
                    bench.storage.generation,
                    named("a", "h", "custom") if at == 0 else named("custom"),
                    [1, 0, 0][: 1 if at else 3],
                    NOW_MS + at,
                    histograms={0: histogram(schema=-53)}
                    if at
                    else {1: histogram(), 2: histogram(schema=-53)},
                )
            )
            appender.commit()
            await clock.advance(6)
        # The second batch had nothing else, and is settled without a request.
        assert [attempt.version for attempt in bench.peer.attempts] == [V2, V1]
        assert {one.name for one in bench.peer.taken} == {"a", "h"}
        lost = bench.metric("histograms_dropped_total", reason="nhcb_in_rw1_not_supported")
        assert lost == 2
        assert bench.metric("histograms_pending") == 0


async def test_a_flipped_byte_in_the_log_is_counted(tmp_path: Path) -> None:
    """T61: the rest of its segment is lost to the destination, and the others are sent."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock):
        pass
    async with open_storage(tmp_path, clock=clock) as storage:
        target = Target(storage, named("a"))
        target.scrape([1], NOW_MS)
        bad = storage.tail.end
        target.scrape([2], NOW_MS + 1)
    path = segment_path(tmp_path / "wal", bad.segment)
    async with running(tmp_path, clock=clock) as bench:
        raw = bytearray(path.read_bytes())
        raw[bad.offset + 9] ^= 0xFF
        path.write_bytes(raw)
        await bench.apply(destination())
        Target(bench.storage, named("a")).scrape([3], NOW_MS + 2)
        await until(lambda: bench.metric("samples_pending") == 2)
        await clock.advance(6)
        assert bench.peer.samples()["a"] == [(NOW_MS, 1), (NOW_MS + 2, 3)]
        assert bench.metric("prometheus_tsdb_wal_reader_corruption_errors_total") == 1


async def test_series_that_left_the_log_leave_the_destination(tmp_path: Path) -> None:
    """T60: forgotten within five seconds; those that stay are sent on."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        stays = Target(bench.storage, named("stays"))
        Target(bench.storage, named("a", "b", "c")).scrape([1, 2, 3], NOW_MS)
        stays.scrape([1], NOW_MS + 1000)
        await clock.advance(6)
        (one,) = bench.remote._destinations.values()
        assert len(one._parts.series) == 4
        await bench.storage.truncate(NOW_MS + 500)
        await clock.advance(6)
        assert len(one._parts.series) == 1
        stays.scrape([2], NOW_MS + 2000)
        Target(bench.storage, named("b")).scrape([4], NOW_MS + 2000)
        await clock.advance(6)
        assert bench.peer.samples()["stays"] == [(NOW_MS + 1000, 1), (NOW_MS + 2000, 2)]
        assert bench.peer.samples()["b"] == [(NOW_MS, 2), (NOW_MS + 2000, 4)]


async def test_series_that_end_are_forgotten_and_come_back_are_sent(tmp_path: Path) -> None:
    """T60: each sample under its own name, while rows of the log and of the destination change."""
    clock, sent = ManualClock(), dict[str, list[tuple[int, float]]]()
    async with running(tmp_path, destination(), clock=clock) as bench:
        (one,) = bench.remote._destinations.values()
        for scrape in range(60):
            write_scrape(bench.storage, scrape, marks=scrape > 0)
            for labels, value in zip(series_of(scrape), values_of(scrape), strict=True):
                sent.setdefault(str(labels), []).append((time_of(scrape), value))
            await clock.advance(60)
            assert len(one._parts.series) < len(STEADY) + 9
        assert bench.storage.departures.count > 50
        await clock.advance(6)
        got: dict[str, list[tuple[int, float]]] = {}
        for series in bench.peer.taken:
            text = str(Labels.from_map(dict(series.labels)))
            samples = [(one.t_ms, one.value) for one in series.samples if not is_stale(one.value)]
            got.setdefault(text, []).extend(samples)
        assert got == sent


async def test_series_that_left_memory_are_still_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A destination far behind meets samples of series that are silent by now."""
    monkeypatch.setattr(log_reader, "MAX_WAITING_SAMPLES", 3)
    clock = ManualClock()
    small = {"max_samples_per_send": 2, "capacity": 2, "max_shards": 1}
    async with running(tmp_path, destination(queue_config=small), clock=clock) as bench:
        bench.peer.gate.clear()
        gone, stays = (Target(bench.storage, named(name)) for name in ("gone", "stays"))
        for at in range(20):
            gone.scrape([at], NOW_MS + at)
            await settle()
        late = Target(bench.storage, named("late"))
        late.scrape([7], NOW_MS + 100)
        stays.scrape([1], NOW_MS + 5000)
        await bench.storage.truncate(NOW_MS + 1000)
        assert bench.storage.statistics().active_series == 1
        bench.peer.gate.set()
        while len(bench.peer.taken) < 22:
            await clock.advance(1)
            await asyncio.sleep(0.001)
        assert bench.peer.samples()["gone"] == [(NOW_MS + at, at) for at in range(20)]
        assert bench.peer.samples()["late"] == [(NOW_MS + 100, 7)]
        lost = bench.metric("samples_dropped_total", reason="unintentionally_dropped_series")
        assert lost == 0


async def test_a_sample_whose_series_nobody_knows_is_counted_and_said(tmp_path: Path) -> None:
    """T20, 4.2."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock):
        pass
    async with open_storage(tmp_path, clock=clock) as storage:
        storage._parts.writer.append([encode_samples([99], [NOW_MS], array("d", [1.0]))])
        Target(storage, named("a")).scrape([1], NOW_MS)
    with capture_logs() as said:
        async with running(tmp_path, destination(), clock=clock) as bench:
            await until(lambda: bench.metric("samples_pending") == 1)
            reason = "unintentionally_dropped_series"
            assert bench.metric("samples_dropped_total", reason=reason) == 1
            await clock.advance(6)
            assert bench.peer.samples() == {"a": [(NOW_MS, 1)]}
    assert [line["log_level"] for line in said if line.get("ref") == 99] == ["info"]


async def test_the_position_is_on_disk_soon(tmp_path: Path) -> None:
    """8.6: whole, under its own name, and at the end of what the peer took."""
    clock = ManualClock()
    async with running(tmp_path, destination(), clock=clock) as bench:
        Target(bench.storage, named("a")).scrape([1], NOW_MS)
        end = bench.storage.tail.end
        await clock.advance(6)
        (path,) = (tmp_path / "remote").glob("*.json")
        file = PositionFile(path)

        def is_stored() -> bool:
            stored = file.load()
            return stored is not None and stored.position == end

        while not is_stored():  # in a thread, which the clock does not wait for
            await clock.advance(1)
            await asyncio.sleep(0.001)
        path.write_bytes(b"{")
        assert file.load() is None
