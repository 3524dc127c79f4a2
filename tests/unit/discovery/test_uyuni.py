"""Targets from the systems that Uyuni monitors, against a server that speaks XML-RPC."""

from collections.abc import AsyncIterator, Mapping
from xmlrpc.client import Fault as RpcFault
from xmlrpc.client import dumps, loads

import pytest
import pytest_asyncio
from aiohttp import web

from promscrape.discovery.uyuni import KIND
from tests.support.clock import ManualClock
from tests.support.entries import pass_until, until
from tests.support.faults import Fault
from tests.support.web_api import FakeAPI

TEXT = "server: '{url}/', username: me, password: hidden"
ANSWERS: Mapping[str, object] = {
    "auth.login": "token-1",
    "system.listSystemGroupsForSystemsWithEntitlement": [
        {"id": 10, "system_groups": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]},
        {"id": 11, "system_groups": []},
    ],
    "system.monitoring.listEndpoints": [
        {
            "system_id": 10,
            "endpoint_name": "node",
            "exporter_name": "node_exporter",
            "module": "m",
            "path": "/metrics",
            "port": 9100,
            "tls_enabled": True,
        },
        {"system_id": 11, "port": 9187},
    ],
    "system.getNetworkForSystems": [
        {"system_id": 10, "hostname": "web-1", "primary_fqdn": "web-1.example.com", "ip": "i"},
        {"system_id": 11, "hostname": "db-1"},
    ],
}


class Server:
    """The API; `calls` are the methods that were called, with their parameters."""

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.calls: list[tuple[str | None, tuple[object, ...]]] = []
        self.api = FakeAPI({"/rpc/api": self.answer})

    @property
    def logins(self) -> int:
        return sum(method == "auth.login" for method, _ in self.calls)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        parameters, method = loads(await request.read())
        self.calls.append((method, parameters))
        answer = self.answers[str(method)]
        failed = isinstance(answer, RpcFault)
        text = dumps(answer if failed else (answer,), methodresponse=not failed)  # type: ignore[arg-type]  # what a test puts there
        return web.Response(text=text, content_type="text/xml")


@pytest_asyncio.fixture(name="uyuni")
async def run_uyuni() -> AsyncIterator[Server]:
    server = Server()
    async with server.api:
        yield server


async def test_an_endpoint_has_all_its_labels(uyuni: Server) -> None:
    """5.23, test 124: the groups are joined, and not wrapped."""
    group = await uyuni.api.group(KIND, f"{TEXT}, separator: ';', entitlement: e")
    assert group.source == f"{uyuni.api.url}/rpc/api"
    full, bare = group.targets
    assert full == {
        "__address__": "web-1:9100",
        "__meta_uyuni_minion_hostname": "web-1",
        "__meta_uyuni_primary_fqdn": "web-1.example.com",
        "__meta_uyuni_system_id": "10",
        "__meta_uyuni_groups": "a;b",
        "__meta_uyuni_endpoint_name": "node",
        "__meta_uyuni_exporter": "node_exporter",
        "__meta_uyuni_proxy_module": "m",
        "__meta_uyuni_metrics_path": "/metrics",
        "__meta_uyuni_scheme": "https",
    }
    assert bare["__address__"] == "db-1:9187"
    assert (bare["__meta_uyuni_scheme"], bare["__meta_uyuni_groups"]) == ("http", "")
    assert uyuni.calls == [
        ("auth.login", ("me", "hidden", 600)),
        ("system.listSystemGroupsForSystemsWithEntitlement", ("token-1", "e")),
        ("system.monitoring.listEndpoints", ("token-1", [10, 11])),
        ("system.getNetworkForSystems", ("token-1", [10, 11])),
    ]


async def test_no_systems_are_an_update(uyuni: Server) -> None:
    """B-4: and nothing more is asked for."""
    uyuni.answers["system.listSystemGroupsForSystemsWithEntitlement"] = []
    assert await uyuni.api.targets(KIND, TEXT) == []
    assert len(uyuni.calls) == 2


async def test_a_login_lasts_for_five_minutes(uyuni: Server) -> None:
    """5.23, test 123."""
    clock = ManualClock()
    async with uyuni.api.discovering(KIND, TEXT, clock) as found:
        await pass_until(clock, lambda: len(found.published.updates) == 5, 10)
        assert (clock.monotonic_s(), uyuni.logins) == (240, 1)
        await pass_until(clock, lambda: len(found.published.updates) == 6, 10)
        assert (clock.monotonic_s(), uyuni.logins) == (300, 2)


async def test_a_failed_refresh_logs_in_again(uyuni: Server) -> None:
    """5.23, test 123: the token may be what failed."""
    clock = ManualClock()
    async with uyuni.api.discovering(KIND, TEXT, clock) as found:
        await found.published.update(1)
        uyuni.answers["system.getNetworkForSystems"] = RpcFault(1, "session expired")
        await pass_until(clock, lambda: found.refresh_failures, 10)
        assert uyuni.logins == 1
        uyuni.answers.update(ANSWERS)
        await pass_until(clock, lambda: len(found.published.updates) == 2, 10)
        assert uyuni.logins == 2
    assert str(found.logs.entries[0]["err"]) == ("system.getNetworkForSystems: session expired")


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.HANG, Fault.CUT, Fault.GARBAGE, Fault.EMPTY])
async def test_a_failure_keeps_the_targets(uyuni: Server, fault: Fault) -> None:
    """C-4, B-6."""
    await uyuni.api.check_failure(KIND, TEXT, fault)


@pytest.mark.parametrize("answer", ["<!DOCTYPE a><methodResponse/>", "<a/>", b"\xff"])
async def test_an_answer_that_is_none_is_refused(answer: object) -> None:
    """5.23: as is one of another shape; the password is not told."""
    async with FakeAPI({"/rpc/api": answer}) as api, api.discovering(KIND, TEXT) as found:
        await until(lambda: found.logs.entries)
    told = str(found.logs.entries[0]["err"])
    assert told.startswith("auth.login: unexpected answer: ")
    assert "hidden" not in told


async def test_refused_access_is_told(uyuni: Server) -> None:
    """P-22."""
    await uyuni.api.check_refused(KIND, TEXT, "hidden")
