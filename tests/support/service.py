"""A daemon as the HTTP service sees it, whose state a test sets."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from aiohttp import ClientSession, TCPConnector
from prometheus_client import CollectorRegistry
from yarl import URL

from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import PromscrapeError
from promscrape.flags.command_line import parse
from promscrape.flags.flags import Flags
from promscrape.model.labels import Labels
from promscrape.runtime import Limits, Source
from promscrape.scrape.target import Target, build_target, discovered_labels
from promscrape.storage.remote.status import DestinationStatus
from promscrape.web.options import WebOptions
from promscrape.web.server import WebServer
from promscrape.web.state import Phase


@dataclass(slots=True)
class FakePool:
    """A job whose targets are made as a real pool makes them, and never scraped."""

    config: ScrapeConfig
    targets: list[Target] = field(default_factory=list)
    dropped: list[Labels] = field(default_factory=list)
    dropped_count: int = 0

    def active_targets(self) -> Sequence[Target]:
        return sorted(self.targets, key=lambda target: target.public_labels.wire)

    def dropped_targets(self) -> Sequence[Labels]:
        return self.dropped


def make_pool(config: ScrapeConfig, targets: Iterable[Mapping[str, str]]) -> FakePool:
    """Make a pool of what discovery found: labels with an `__address__`, a mapping a target."""
    pool = FakePool(config)
    group = TargetGroup((), {}, "test")
    for own in targets:
        discovered = discovered_labels(group, own, config)
        target = build_target(discovered, config)
        if target is not None:
            pool.targets.append(target)
            continue
        pool.dropped_count += 1
        limit = config.keep_dropped_targets
        if not limit or len(pool.dropped) < limit:
            pool.dropped.append(Labels.from_map(discovered))
    return pool


@dataclass(slots=True)
class FakeService:
    """Implements `promscrape.web.state.Service`.

    reload_error: what the next reload fails with. may_reload: reloads wait for it.
    """

    phase: Phase = Phase.READY
    started_ns: int = 1_767_323_045_123_456_789
    config: Config = field(default_factory=Config)
    pools: dict[str, FakePool] = field(default_factory=dict)
    last_reload_ok: bool = True
    last_reload_s: float = 1_767_323_050.75
    limits: Limits = field(default_factory=lambda: Limits(4, 1 << 30, Source.SYSTEM, Source.SYSTEM))
    corruption_count: int = 0
    statuses: list[DestinationStatus] = field(default_factory=list)
    flag_values: Flags | None = None
    reload_error: PromscrapeError | None = None
    may_reload: asyncio.Event | None = None
    reloads: int = 0
    is_quitting: bool = False

    def destinations(self) -> Sequence[DestinationStatus]:
        return self.statuses

    def flags(self) -> Mapping[str, str]:
        return (self.flag_values or flags()).effective()

    async def reload(self) -> None:
        if self.may_reload is not None:
            await self.may_reload.wait()
        self.reloads += 1
        if self.reload_error is not None:
            raise self.reload_error

    def quit(self) -> bool:
        was_quitting, self.is_quitting = self.is_quitting, True
        return not was_quitting


def flags(*arguments: str) -> Flags:
    """Return the flags of a command line; it listens on a free port of the loopback address."""
    given = [argument.partition("=")[0] for argument in arguments]
    own = [] if "--web.listen-address" in given else ["--web.listen-address=127.0.0.1:0"]
    parsed = parse([*own, *arguments], version="", width=80)
    assert isinstance(parsed, Flags), parsed
    return parsed


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has been read; redirects are not followed, bodies not unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def data(self) -> object:
        """The `data` of an API answer that succeeded."""
        assert self.body.startswith(b'{"status":"success","data":'), self.text
        return json.loads(self.body)["data"]

    @property
    def error(self) -> tuple[int, str, str]:
        """Status, type and text of an API answer that failed."""
        failure = json.loads(self.body)
        assert list(failure) == ["status", "errorType", "error"]
        assert failure["status"] == "error"
        return self.status, failure["errorType"], failure["error"]


@dataclass(frozen=True, slots=True)
class Client:
    """Asks a server that listens on `address`."""

    address: str
    session: ClientSession
    server: WebServer

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.ask("GET", path, headers)

    async def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        url = URL(f"http://{self.address}{path}", encoded=True)
        async with self.session.request(
            method, url, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.headers, await response.read())


@asynccontextmanager
async def serving(
    service: FakeService, *arguments: str, registry: CollectorRegistry | None = None
) -> AsyncIterator[Client]:
    """Serve with these flags; yield a client of the first listener."""
    service.flag_values = flags(*arguments)
    options = WebOptions.from_flags(service.flag_values)
    server = WebServer(service, options, registry or CollectorRegistry(), structlog.get_logger())
    async with (
        server,
        ClientSession(
            auto_decompress=False,
            connector=TCPConnector(limit=0),
            skip_auto_headers=("Accept-Encoding",),
        ) as session,
    ):
        yield Client(server.addresses[0], session, server)
