"""A Docker daemon as far as discovery asks one: the lists of the Engine API, over TCP and a socket.

Shapes are those that the Engine API 1.41 documents; what discovery does not read is there too.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import final

from aiohttp import web

from tests.support.faults import Faults
from tests.support.http_server import Entered, RecordingServer

Json = dict[str, object]

BRIDGE = "7ea29fc1412292a2d7bba362f9253545fecdfa8ce9a6e37dd10ba8bee7129812"
OVERLAY = "y4r8v4m1mzq1zq2bl1mwc0qcj"


def network(
    id_: str = BRIDGE, name: str = "bridge", *, labels: Mapping[str, str] | None = None
) -> Json:
    return {
        "Name": name,
        "Id": id_,
        "Created": "2016-10-19T06:21:00.416543526Z",
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": False,
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "IPAM": {"Driver": "default", "Config": [{"Subnet": "172.17.0.0/16"}]},
        "Options": {"com.docker.network.bridge.default_bridge": "true"},
        "Labels": dict(labels or {}),
    }


def attached(id_: str = BRIDGE, ip: str = "172.17.0.2", ipv6: str = "") -> Json:
    return {
        "NetworkID": id_,
        "EndpointID": "2cdc4edb1ded3631c81f57966563e5c8525b81121bb3706a9a9a3ae102711f3f",
        "Gateway": "172.17.0.1",
        "IPAddress": ip,
        "IPPrefixLen": 16,
        "GlobalIPv6Address": ipv6,
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "02:42:ac:11:00:02",
    }


def port(private: int, type_: str = "tcp", *, public: int = 0, ip: str = "") -> Json:
    published = {"PublicPort": public, "IP": ip} if public else {}
    return {"PrivatePort": private, "Type": type_, **published}


def container(
    id_: str,
    *,
    mode: str = "default",
    networks: Mapping[str, Json | None] | None = None,
    ports: Sequence[Json] = (),
    labels: Mapping[str, str] | None = None,
) -> Json:
    """Return an entry of `/containers/json`; by default on the bridge, with 172.17.0.2."""
    return {
        "Id": id_,
        "Names": [f"/{id_}", f"/other/{id_}"],
        "Image": "ubuntu:latest",
        "ImageID": "sha256:d74508fb6632491cea586a1fd7d748dfc5274cd6fdfedee309ecdcbc2bf5cb82",
        "Command": "echo 1",
        "Created": 1367854155,
        "State": "running",
        "Status": "Up 2 hours",
        "Ports": list(ports),
        "Labels": dict(labels or {}),
        "SizeRw": 12288,
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {
            "Networks": {"bridge": attached()} if networks is None else dict(networks)
        },
        "Mounts": [],
    }


@final
class FakeDocker(Entered):
    """A daemon on loopback; `lists` are its answers by path, without the version.

    version: the newest that it speaks, "" for a daemon that does not say. Filters by label work.
    """

    def __init__(self, unix_socket: Path | None = None) -> None:
        self.version = "1.41"
        self.lists: dict[str, Sequence[Json]] = {"/networks": [network()]}
        self.faults = Faults(self._answer)
        self.server = RecordingServer(self.faults, unix_socket=unix_socket)

    @property
    def paths(self) -> list[str]:
        return [request.raw_path for request in self.server.requests]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/_ping":
            headers = {"Api-Version": self.version} if self.version else {}
            return web.Response(text="OK", headers=headers)
        match = re.fullmatch(r"/v1\.(\d+)(/.+)", request.path)
        if match is None or match[2] not in self.lists:
            return web.json_response({"message": "page not found"}, status=404)
        newest = int(self.version.partition(".")[2] or "24")
        if int(match[1]) > newest:
            text = f"client version 1.{match[1]} is too new"
            return web.json_response({"message": text}, status=400)
        filters = json.loads(request.query.get("filters", "{}"))
        wanted = filters.get("label", {})
        return web.json_response([one for one in self.lists[match[2]] if _has(one, wanted)])


def _has(one: Json, wanted: Sequence[str]) -> bool:
    labels = one.get("Labels") or {}
    assert isinstance(labels, dict)
    return {f"{key}={value}" for key, value in labels.items()}.issuperset(wanted)
