"""A Nomad server as far as discovery asks one: its services, in the shapes of API version 1.9."""

from collections.abc import Sequence
from typing import final

from aiohttp import web

from tests.support.faults import Faults
from tests.support.http_server import Entered, RecordingServer

Json = dict[str, object]


def registration(
    service: str,
    *,
    address: str = "10.0.0.1",
    port: int = 25123,
    tags: Sequence[str] = ("prod", "v1"),
    namespace: str = "default",
) -> Json:
    return {
        "ID": f"_nomad-task-06971ad9-{service}-{port}",
        "ServiceName": service,
        "Namespace": namespace,
        "NodeID": "d92fdc3c-9c2b-298a-e8f4-c33f3a449f09",
        "Datacenter": "dc1",
        "JobID": "example",
        "AllocID": "05e0adba-3da8-dae7-ad3a-6ffaa3c4b8a2",
        "Tags": list(tags),
        "Address": address,
        "Port": port,
        "CreateIndex": 17,
        "ModifyIndex": 17,
    }


@final
class FakeNomad(Entered):
    """A server on loopback; `registrations` are the instances of all services.

    token: what requests have to carry, "" for nothing.
    """

    def __init__(self) -> None:
        self.token = ""
        self.registrations: list[Json] = []
        self.faults = Faults(self._answer)
        self.server = RecordingServer(self.faults)

    @property
    def paths(self) -> list[str]:
        return [request.raw_path for request in self.server.requests]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=403, text="Permission denied")
        wanted = request.query.get("namespace", "default")
        visible = [one for one in self.registrations if wanted in ("*", one["Namespace"])]
        if request.path == "/v1/services":
            return web.json_response(_list(visible))
        name = request.path.removeprefix("/v1/service/")
        return web.json_response([one for one in visible if one["ServiceName"] == name])


def _list(registrations: Sequence[Json]) -> list[Json]:
    services: dict[object, dict[object, object]] = {}
    for one in registrations:
        services.setdefault(one["Namespace"], {})[one["ServiceName"]] = one["Tags"]
    return [
        {
            "Namespace": namespace,
            "Services": [{"ServiceName": name, "Tags": tags} for name, tags in named.items()],
        }
        for namespace, named in services.items()
    ]
