"""A Consul provider against an agent on loopback that speaks blocking queries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio

from promscrape.discovery.consul.provider import KIND
from tests.support.clock import ManualClock
from tests.support.consul_server import FakeConsul, instance
from tests.support.discovery import Discovered, discovering
from tests.support.entries import entry_of, pass_until, until
from tests.support.faults import Fault

FAILURES = "consul_rpc_failures_total"


@pytest_asyncio.fixture(name="consul")
async def run_consul() -> AsyncIterator[FakeConsul]:
    async with FakeConsul() as consul:
        yield consul


@asynccontextmanager
async def discovering_at(
    consul: FakeConsul, text: str = "", clock: ManualClock | None = None
) -> AsyncIterator[Discovered]:
    entry = entry_of(KIND, f"server: '{consul.address}'{text and ', '}{text}")
    async with discovering(KIND, entry, clock or ManualClock()) as found:
        yield found


async def test_all_services_are_found_and_watched(consul: FakeConsul) -> None:
    """Test 93, C-11 to C-14: the agent first, then the catalog, then the health of each."""
    await consul.register("test", instance("test-1", address="10.0.0.1"))
    async with discovering_at(consul) as found:
        await until(lambda: found.published.groups)
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2)
        for call in ("services", "service"):
            calls = found.counted(
                "consul_rpc_duration_seconds_count", endpoint="catalog", call=call
            )
            assert calls == 1
    assert consul.paths[:3] == [
        "/v1/agent/self",
        "/v1/catalog/services?stale=&wait=120000ms",
        "/v1/health/service/test?stale=&wait=120000ms",
    ]
    assert set(consul.paths[3:]) == {
        "/v1/catalog/services?index=101&stale=&wait=120000ms",
        "/v1/health/service/test?index=101&stale=&wait=120000ms",
    }
    assert found.published.sources == [["test"]]
    assert found.published.groups["test"].labels["__meta_consul_dc"] == "dc1"
    assert found.counted(FAILURES) == 0


async def test_a_change_is_published_when_it_happens(consul: FakeConsul) -> None:
    """C-14, C-15: the blocking query ends with it; no interval passes."""
    await consul.register("web", instance("web-1", address="10.0.0.1"))
    async with discovering_at(consul) as found:
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2, 30)
        await consul.register("web", instance("web-1", address="10.0.0.2"))
        await until(lambda: found.published.addresses == ["10.0.0.2:8080"])
        await consul.register("db", instance("db-1", address="10.0.0.3", port=9))
        await pass_until(_clock(found), lambda: len(found.published.groups) == 2, 30)
    assert found.published.addresses == ["10.0.0.2:8080", "10.0.0.3:9"]


async def test_listed_services_need_no_catalog(consul: FakeConsul) -> None:
    """Test 94, C-12: each is watched directly, one that does not exist with an empty group."""
    await consul.register("web", instance("web-1", address="10.0.0.1"))
    text = "services: [web, 'a/b c', web], datacenter: dc2"
    async with discovering_at(consul, text) as found:
        await until(lambda: len(found.published.updates) == 2)
    assert sorted(consul.paths) == [
        "/v1/health/service/a%2Fb%20c?dc=dc2&stale=&wait=120000ms",
        "/v1/health/service/web?dc=dc2&stale=&wait=120000ms",
    ]
    assert sorted(found.published.sources) == [["-a/b c"], ["web"]]
    assert found.published.groups["web"].labels["__meta_consul_dc"] == "dc2"


async def test_tags_and_node_metadata_go_through_the_catalog(consul: FakeConsul) -> None:
    """Test 94, C-12 to C-14."""
    await consul.register("test", instance("test-1", tags=["tag1"]))
    text = "services: [test], tags: [tag1], node_meta: {rack_name: '2304', a: b}"
    async with discovering_at(consul, text) as found:
        await until(lambda: found.published.groups)
    metadata = "node-meta=a%3Ab&node-meta=rack_name%3A2304"
    assert consul.paths[1:] == [
        f"/v1/catalog/services?{metadata}&stale=&wait=120000ms",
        f"/v1/health/service/test?{metadata}&stale=&tag=tag1&wait=120000ms",
    ]


async def test_each_filter_goes_where_it_belongs(consul: FakeConsul) -> None:
    """Test 95, C-13, C-14; an entry without `allow_stale` asks the leader."""
    await consul.register("test", instance("test-1"))
    text = "filter: 'NodeMeta.os == linux', health_filter: 'Service.Port == 1', allow_stale: false"
    async with discovering_at(consul, text) as found:
        await until(lambda: found.published.groups)
    assert consul.paths[1:] == [
        "/v1/catalog/services?filter=NodeMeta.os+%3D%3D+linux&wait=120000ms",
        "/v1/health/service/test?filter=Service.Port+%3D%3D+1&wait=120000ms",
    ]


async def test_a_service_needs_all_tags(consul: FakeConsul) -> None:
    """Test 96, C-13: those of its instances taken together."""
    await consul.register("one", instance("one-1", tags=["http"]))
    await consul.register("two", instance("two-1", tags=["http", "v1", "x"]))
    async with discovering_at(consul, "tags: [http, v1]") as found:
        await until(lambda: found.published.groups)
    assert found.published.sources == [["two"]]
    assert consul.paths[2:] == ["/v1/health/service/two?stale=&tag=http&tag=v1&wait=120000ms"]


async def test_tags_that_no_longer_fit_leave_the_watch(consul: FakeConsul) -> None:
    """C-13: the health of the service just goes empty."""
    await consul.register("web", instance("web-1", tags=["a"]))
    async with discovering_at(consul, "tags: [a]") as found:
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2, 30)
        await consul.register("web", instance("web-1", tags=["b"]))
        await until(lambda: len(found.published.updates) == 2)
        await pass_until(_clock(found), lambda: "/v1/health/service/web" in consul.open_queries)
    assert found.published.sources == [["web"], ["-web"]]


async def test_a_service_that_leaves_is_cleared_once(consul: FakeConsul) -> None:
    """Test 99, C-13, C-17: its blocked query is cut off, and nothing comes after."""
    for name in ("web", "db"):
        await consul.register(name, instance(f"{name}-1"))
    async with discovering_at(consul) as found:
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 3, 30)
        # What happens to the service itself at this moment must not be the last word.
        consul.faults.active, consul.faults.where = Fault.HANG, "/health/service/web"
        await consul.deregister("web")
        await until(lambda: ["-web"] in found.published.sources)
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2, 30)
        assert sorted(consul.open_queries) == ["/v1/catalog/services", "/v1/health/service/db"]
        await consul.register("web", instance("web-1"))
        consul.faults.active = None
        await pass_until(_clock(found), lambda: "web" in found.published.groups, 30)
    updates = [update for update in found.published.sources if update != ["db"]]
    assert updates[-2:] == [["-web"], ["web"]]


async def test_nothing_to_watch_is_an_update(consul: FakeConsul) -> None:
    """Test 101, C-13: so that whoever waits for targets learns that there are none."""
    async with discovering_at(consul) as found:
        (group,) = await found.published.update(1)
    assert (group.source, group.targets, group.labels) == ("", (), {})


async def test_the_same_index_is_no_news(consul: FakeConsul) -> None:
    """Test 100, C-15: a query that timed out says what was said before."""
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul, "services: [web]") as found:
        await pass_until(_clock(found), lambda: consul.open_queries, 30)
        await consul.time_out()
        asked = len(consul.paths)
        await pass_until(_clock(found), lambda: len(consul.paths) > asked, 30)
        await until(lambda: consul.open_queries)
    assert found.published.sources == [["web"]]


async def test_an_index_that_goes_back_starts_over(consul: FakeConsul) -> None:
    """Test 100, C-15 (DEV): the answer counts, and the next call has no index."""
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul, "services: [web], datacenter: a") as found:
        await pass_until(_clock(found), lambda: consul.open_queries, 30)
        await consul.roll_back(7)
        await pass_until(_clock(found), lambda: len(consul.paths) == 4, 30)
        await until(lambda: consul.open_queries)
    indexes = [request.query.get("index") for request in consul.server.requests]
    assert indexes == [None, "101", None, "7"]
    assert found.published.sources == [["web"]] * 3


async def test_an_answer_without_an_index_counts(consul: FakeConsul) -> None:
    """Test 100, C-15 (DEV): and so does the next; such a server is polled at the interval."""
    consul.has_index = False
    await consul.register("web", instance("web-1", address="10.0.0.1"))
    async with discovering_at(consul, "services: [web], datacenter: a") as found:
        await until(lambda: found.published.groups)
        await consul.register("web", instance("web-1", address="10.0.0.2"))
        await pass_until(_clock(found), lambda: len(found.published.updates) == 2, 10)
    assert found.published.addresses == ["10.0.0.2:8080"]
    assert [request.query.get("index") for request in consul.server.requests] == [None, "1"]
    assert found.context.clock.monotonic_s() >= 30


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.CUT, Fault.GARBAGE, Fault.WRONG_SHAPE])
async def test_a_failure_keeps_the_targets_and_waits(consul: FakeConsul, fault: Fault) -> None:
    """Test 102, C-16: counted and logged; the next call comes 15 s later at the earliest."""
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul, "services: [web], refresh_interval: 1s") as found:
        clock = _clock(found)
        await pass_until(clock, lambda: consul.open_queries)
        consul.faults.active, consul.faults.where = fault, "/health"
        await consul.time_out()
        await pass_until(clock, lambda: found.counted(FAILURES) == 1, 0.5)
        failed_s, asked = clock.monotonic_s(), len(consul.paths)
        consul.faults.active = None
        await pass_until(clock, lambda: len(consul.paths) > asked, 0.5)
        assert clock.monotonic_s() >= failed_s + 14.5
        await until(lambda: consul.open_queries)
    assert found.published.sources == [["web"]]
    (entry,) = found.logs.entries
    assert (entry["log_level"], entry["service"]) == ("error", "web")


async def test_failures_in_a_row_are_told_once(consul: FakeConsul) -> None:
    """C-16: each is counted; a server that is down would fill the log otherwise."""
    await consul.register("web", instance("web-1"))
    consul.faults.active, consul.faults.where = Fault.ERROR, "/health"
    async with discovering_at(consul, "services: [web]") as found:
        await pass_until(_clock(found), lambda: found.counted(FAILURES) == 3, 5)
        consul.faults.active = None
        await pass_until(_clock(found), lambda: found.published.groups, 5)
    assert [entry["log_level"] for entry in found.logs.entries] == ["error", "debug", "debug"]


async def test_a_waiting_provider_ends_at_once(consul: FakeConsul) -> None:
    """Test 102, C-16, C-17: in a blocking query, and in the wait after a failure."""
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul) as found:
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2, 30)
        consul.faults.active, consul.faults.where = Fault.ERROR, "/health"
        await consul.time_out()
        await pass_until(_clock(found), lambda: found.counted(FAILURES) == 1, 1)
    await until(lambda: not consul.open_queries)


async def test_nothing_begins_before_the_datacenter_is_known(consul: FakeConsul) -> None:
    """C-10: a failure counts, a field that is missing is logged alone; 15 s in between."""
    consul.datacenter = ""
    consul.faults.active = Fault.ERROR
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul) as found:
        clock = _clock(found)
        await until(lambda: found.counted(FAILURES) == 1)
        consul.faults.active = None
        await pass_until(clock, lambda: len(consul.paths) == 2)
        assert clock.monotonic_s() == 15
        await until(lambda: len(found.logs.entries) == 2)
        consul.datacenter = "dc9"
        await pass_until(clock, lambda: found.published.groups)
    assert found.counted(FAILURES) == 1
    assert consul.paths[:3] == ["/v1/agent/self"] * 3
    assert found.published.groups["web"].labels["__meta_consul_dc"] == "dc9"


async def test_a_service_that_hangs_holds_up_no_other(consul: FakeConsul) -> None:
    """C-13: each has a call of its own."""
    for name in ("web", "db"):
        await consul.register(name, instance(f"{name}-1"))
    consul.faults.active, consul.faults.where = Fault.HANG, "/health/service/web"
    async with discovering_at(consul) as found:
        await until(lambda: found.published.groups)
    assert found.published.sources == [["db"]]


async def test_calls_that_wait_for_nothing_are_not_all_made_at_once(consul: FakeConsul) -> None:
    """C-13: the first call of each of 100 services; those that block are not bounded."""
    names = [f"s{number}" for number in range(100)]
    for name in names:
        await consul.register(name, instance(f"{name}-1"))
    consul.faults.active, consul.faults.where = Fault.HANG, "/health"
    async with discovering_at(consul) as found:
        await until(lambda: len(consul.paths) == 2 + 64)
        assert len(consul.paths) == 2 + 64
    consul.faults.active = None
    async with discovering_at(consul) as found:
        await until(lambda: len(found.published.groups) == 100)
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 101, 30)


async def test_a_restarted_server_is_found_again(consul: FakeConsul) -> None:
    """C-15, C-16: connections are gone, and its indexes begin anew."""
    await consul.register("web", instance("web-1", address="10.0.0.1"))
    async with discovering_at(consul) as found:
        await pass_until(_clock(found), lambda: len(consul.open_queries) == 2, 30)
        await consul.server.stop()
        await pass_until(_clock(found), lambda: found.counted(FAILURES) == 2, 5)
        assert found.published.addresses == ["10.0.0.1:8080"]
        await consul.roll_back(3)
        await consul.server.start()
        await consul.register("web", instance("web-1", address="10.0.0.2"))
        await pass_until(_clock(found), lambda: found.published.addresses == ["10.0.0.2:8080"], 5)


async def test_a_token_and_the_scope_go_with_every_call(consul: FakeConsul) -> None:
    """C-11: the agent's included."""
    consul.token = "hidden"
    await consul.register("web", instance("web-1"))
    async with discovering_at(consul, "token: hidden, namespace: n, partition: p") as found:
        await until(lambda: found.published.groups)
    assert consul.paths == [
        "/v1/agent/self?ns=n&partition=p",
        "/v1/catalog/services?ns=n&partition=p&stale=&wait=120000ms",
        "/v1/health/service/web?ns=n&partition=p&stale=&wait=120000ms",
    ]


async def test_a_refused_token_is_told_without_being_shown(consul: FakeConsul) -> None:
    """C-16, config 14."""
    consul.token = "other"
    async with discovering_at(consul, "token: hidden") as found:
        await until(lambda: found.logs.entries)
    (entry,) = found.logs.entries
    assert "Permission denied" in str(entry["err"])
    assert "hidden" not in str(found.logs.entries)


def _clock(found: Discovered) -> ManualClock:
    clock = found.context.clock
    assert isinstance(clock, ManualClock)
    return clock
