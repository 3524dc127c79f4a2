"""A Consul agent as far as discovery asks one: blocking queries over a catalog that tests change.

    async with FakeConsul() as consul:
        consul.register("web", instance("web-1", address="10.0.0.1"))

Shapes and rules are those of Consul's HTTP API, version 1.20.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from aiohttp import web

from tests.support.faults import Faults
from tests.support.http_server import Entered, RecordingServer

Json = Mapping[str, object]

_HEALTH = "/v1/health/service/"


def instance(
    name: str,
    *,
    address: str = "",
    port: int = 8080,
    tags: Sequence[str] = ("http", "v1"),
    node_meta: Mapping[str, str] = {"rack_name": "2304"},
    checks: Sequence[tuple[str, str]] = (("serfHealth", "passing"),),
) -> dict[str, dict[str, object] | list[dict[str, object]]]:
    """Return an entry of the health API, as an agent of the Enterprise edition writes it."""
    return {
        "Node": {
            "ID": "40e4a748-2192-161a-0510-9bf59fe950b5",
            "Node": "node-1",
            "Address": "192.0.2.1",
            "Datacenter": "dc1",
            "TaggedAddresses": {"lan": "192.0.2.1", "wan-v4": "198.51.100.1"},
            "Meta": dict(node_meta),
            "CreateIndex": 12,
            "ModifyIndex": 13,
        },
        "Service": {
            "ID": name,
            "Service": name.partition("-")[0],
            "Tags": list(tags),
            "Address": address,
            "TaggedAddresses": {"lan": {"address": "203.0.113.1", "port": 1}},
            "Meta": {"version": "4", "a.b": "c"},
            "Port": port,
            "Weights": {"Passing": 1, "Warning": 1},
            "EnableTagOverride": False,
            "Proxy": {"Mode": "", "MeshGateway": {}, "Expose": {}},
            "Connect": {},
            "Namespace": "ns1",
            "Partition": "default",
            "CreateIndex": 14,
            "ModifyIndex": 14,
        },
        "Checks": [
            {
                "Node": "node-1",
                "CheckID": check,
                "Name": f"Check {check}",
                "Status": status,
                "Notes": "",
                "Output": "",
                "ServiceID": name,
                "Definition": {"Interval": "0s"},
            }
            for check, status in checks
        ],
    }


@final
class FakeConsul(Entered):
    """An agent on loopback.

    token: what requests have to carry, "" for nothing. has_index: whether answers have
    `X-Consul-Index`. open_queries: the paths of queries that wait for a change.
    """

    def __init__(self, unix_socket: Path | None = None) -> None:
        self.token, self.has_index = "", True
        self.datacenter = "dc1"
        self.index = 100
        self.open_queries: list[str] = []
        self.faults = Faults(self._answer)
        self.server = RecordingServer(self.faults, unix_socket=unix_socket)
        self._services: dict[str, list[Mapping[str, object]]] = {}
        self._indexes: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._turn = 0

    @property
    def address(self) -> str:
        return self.server.url.removeprefix("http://")

    @property
    def paths(self) -> list[str]:
        """What was asked, with its query as it was encoded."""
        return [request.raw_path for request in self.server.requests]

    async def register(self, service: str, *instances: Mapping[str, object]) -> None:
        """Put these instances in the place of those that a service has."""
        if service not in self._services:
            self._indexes[""] = self.index + 1
        self._services[service] = list(instances)
        await self._change(service)

    async def deregister(self, service: str) -> None:
        del self._services[service]
        self._indexes[""] = self.index + 1
        await self._change(service)

    async def roll_back(self, index: int) -> None:
        """Answer every query at once, and with an index that may be lower, as after a restore."""
        self.index = index
        self._indexes = dict.fromkeys(self._indexes, index)
        async with self._changed:
            self._changed.notify_all()

    async def time_out(self) -> None:
        """End the queries that wait, with nothing changed, as after their time."""
        self._turn += 1
        async with self._changed:
            self._changed.notify_all()

    async def _change(self, service: str) -> None:
        self.index += 1
        self._indexes[service] = self.index
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.token and request.headers.get("X-Consul-Token") != self.token:
            return web.Response(status=403, text="Permission denied: token is not found")
        if request.path == "/v1/agent/self":
            return web.json_response(
                {"Config": {"Datacenter": self.datacenter, "NodeName": "node-1", "Server": True}}
            )
        service = request.path.removeprefix(_HEALTH) if _HEALTH in request.path else ""
        await self._block(request, service)
        body = self._health(service, request) if service else self._catalog()
        headers = {"X-Consul-Index": str(self._index_of(service))} if self.has_index else {}
        return web.json_response(body, headers=headers)

    def _index_of(self, service: str) -> int:
        return self._indexes.get(service, self.index)

    async def _block(self, request: web.Request, service: str) -> None:
        """Wait while a query knows the newest; an index of the future counts as none."""
        known = int(request.query.get("index", "0"))
        if not known or not self.has_index or known != self._index_of(service):
            return
        self.open_queries.append(request.path)
        try:
            async with self._changed:
                turn = self._turn
                await self._changed.wait_for(
                    lambda: self._index_of(service) != known or self._turn != turn
                )
        finally:
            self.open_queries.remove(request.path)

    def _catalog(self) -> Mapping[str, Sequence[str]]:
        return {
            name: sorted({tag for entry in entries for tag in _tags(entry)})
            for name, entries in self._services.items()
        }

    def _health(self, service: str, request: web.Request) -> Sequence[Json]:
        wanted = set(request.query.getall("tag", []))
        return [entry for entry in self._services.get(service, []) if wanted.issubset(_tags(entry))]


def _tags(entry: Json) -> list[str]:
    service = entry["Service"]
    assert isinstance(service, dict)
    tags = service["Tags"] or []
    return [str(tag) for tag in tags]
