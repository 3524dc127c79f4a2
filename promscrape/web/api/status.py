"""What the process is, how it was started, and how it is."""

import asyncio
import socket
import time
from pathlib import Path
from typing import final

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.config.dump import dump
from promscrape.config.root import Config
from promscrape.rfc3339 import utc_time
from promscrape.runtime import UNLIMITED_BYTES
from promscrape.twins import CORE
from promscrape.version import Version
from promscrape.web.api.envelope import api_route
from promscrape.web.options import WebOptions
from promscrape.web.router import Route
from promscrape.web.state import Service


class BuildInfo(msgspec.Struct, frozen=True, rename="camel"):
    version: str
    revision: str
    branch: str
    build_user: str
    build_date: str
    go_version: str


class Yaml(msgspec.Struct, frozen=True):
    """A configuration, or a part of it, secrets masked."""

    yaml: str


class WalReplay(msgspec.Struct, frozen=True):
    """How far the log was replayed, in segments. An agent always says 0."""

    min: int = 0
    max: int = 0
    current: int = 0


class RuntimeInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The process as it is; `goroutine_count` is its asyncio tasks, `core` the twin that it runs."""

    start_time: str
    cwd: str = msgspec.field(name="CWD")
    hostname: str
    server_time: str
    reload_config_success: bool
    last_config_time: str
    corruption_count: int
    goroutine_count: int
    gomaxprocs: int = msgspec.field(name="GOMAXPROCS")
    gomemlimit: int = msgspec.field(name="GOMEMLIMIT")
    gogc: str = msgspec.field(name="GOGC", default="")
    godebug: str = msgspec.field(name="GODEBUG", default="")
    storage_retention: str
    core: str = CORE


def status_routes(service: Service, options: WebOptions) -> list[Route]:
    dumped = ConfigText()

    async def config(_: BaseRequest) -> object:
        return Yaml(await dumped.text(service.config))

    async def flags(_: BaseRequest) -> object:
        return dict(service.flags())

    async def build(_: BaseRequest) -> object:
        return build_info()

    async def runtime(_: BaseRequest) -> object:
        return runtime_info(service, options.storage_retention)

    async def wal_replay(_: BaseRequest) -> object:
        return WalReplay()

    return [
        api_route("/status/config", config),
        api_route("/status/flags", flags),
        api_route("/status/buildinfo", build),
        api_route("/status/runtimeinfo", runtime),
        api_route("/status/walreplay", wal_replay, gated=False),
    ]


@final
class ConfigText:
    """The configuration in effect as text, made once for each configuration."""

    def __init__(self) -> None:
        self._config: Config | None = None
        self._text = ""

    async def text(self, config: Config) -> str:
        if config is not self._config:
            # A configuration of thousands of jobs takes a while; it is frozen, so a thread may.
            text = await asyncio.to_thread(dump, config)
            self._config, self._text = config, text
        return self._text


def build_info() -> BuildInfo:
    version = Version.current()
    return BuildInfo(
        version=version.version,
        revision=version.revision,
        branch=version.branch,
        build_user=version.build_user,
        build_date=version.build_date,
        go_version=version.go_version,
    )


def runtime_info(service: Service, storage_retention: str) -> RuntimeInfo:
    limits = service.limits
    last_reload_ns = int(service.last_reload_s) * 1_000_000_000
    return RuntimeInfo(
        start_time=utc_time(service.started_ns),
        cwd=_working_directory(),
        hostname=socket.gethostname(),
        server_time=utc_time(time.time_ns()),
        reload_config_success=service.last_reload_ok,
        last_config_time=utc_time(last_reload_ns),
        corruption_count=service.corruption_count,
        goroutine_count=len(asyncio.all_tasks()),
        gomaxprocs=limits.cpus,
        gomemlimit=UNLIMITED_BYTES if limits.memory_bytes is None else limits.memory_bytes,
        storage_retention=storage_retention,
    )


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "<error retrieving current working directory>"
