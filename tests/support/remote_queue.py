"""A log, a destination and a peer in one process, with no network in between."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import structlog
import yaml
from prometheus_client import CollectorRegistry

from promscrape.clock import Clock
from promscrape.config.dump import dump_destination
from promscrape.config.load import parse
from promscrape.errors import ConfigError
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.metadata import MetadataSource
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from promscrape.storage.remote.remote_storage import Entry, RemoteOptions, RemoteStorage
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from tests.support.remote_write.message import WireRequest, WireSeries, decoded, unpacked
from tests.support.wal import open_storage

ACCEPTED = Outcome(Verdict.ACCEPTED)


def retry(status: int = 503, after_s: float = 0.0) -> Outcome:
    return Outcome(Verdict.RETRY, after_s, status, f"server returned HTTP status {status}: busy")


def refused(status: int = 400, said: str = "bad", written: Counts | None = None) -> Outcome:
    error = f"server returned HTTP status {status}: {said}"
    return Outcome(Verdict.REFUSED, 0.0, status, error, written or Counts(), written is not None)


@final
@dataclass(slots=True)
class Attempt:
    """One request as the peer saw it."""

    at_s: float
    attempt: int
    version: WriteMessage
    counts: Counts
    request: WireRequest
    body: bytes
    outcome: Outcome


@final
class FakePeer:
    """Implements `ClosableSender`: answers by the script, then by `judge`.

    gate: closed, it holds requests back until it is opened or the sender gives up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.script: deque[Outcome] = deque()
        self.attempts: list[Attempt] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.bad: set[str] = set()  # metrics that it refuses
        self.always: Outcome | None = None
        self.under_way = self.closed = 0
        self.delays_s: deque[float] = deque()

    async def send(
        self, body: bytes, *, version: WriteMessage, attempt: int, counts: Counts
    ) -> Outcome:
        request = decoded(unpacked(body), 2 if version == WriteMessage.V2 else 1)
        assert not request.faults
        at_s = self._clock.monotonic_s()
        self.under_way += 1
        try:
            await self.gate.wait()
            if self.delays_s:
                delay_s = self.delays_s.popleft()
                await self._clock.sleep_until(self._clock.monotonic_s() + delay_s)
        finally:
            self.under_way -= 1
        outcome = self._outcome(request)
        self.attempts.append(Attempt(at_s, attempt, version, counts, request, body, outcome))
        return outcome

    def _outcome(self, request: WireRequest) -> Outcome:
        if self.script:
            return self.script.popleft()
        if self.always is not None:
            return self.always
        names = {one.name for one in request.series}
        if found := names & self.bad:
            return refused(400, f"bad series {sorted(found)}")
        return ACCEPTED

    async def close(self) -> None:
        self.closed += 1

    @property
    def taken(self) -> list[WireSeries]:
        """All that was accepted, in the order of its arrival."""
        return [
            one
            for attempt in self.attempts
            if attempt.outcome.verdict is Verdict.ACCEPTED
            for one in attempt.request.series
        ]

    def samples(self) -> Mapping[str, list[tuple[int, float]]]:
        """Return the accepted float samples by the name of their metric."""
        found: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for one in self.taken:
            found[one.name] += [(sample.t_ms, sample.value) for sample in one.samples]
        return found


def destination(**settings: Any) -> RemoteWriteConfig:
    """Return an entry of `remote_write` as the configuration reads it."""
    return destinations({"url": "http://peer/write", **settings})[0]


def destinations(*sections: Mapping[str, object]) -> Sequence[RemoteWriteConfig]:
    source = yaml.safe_dump({"remote_write": list(sections)}).encode()
    return parse(source, "prometheus.yml", {}).remote_write


@final
@dataclass(slots=True)
class Bench:
    """All parts of a running remote write."""

    storage: AgentStorage
    remote: RemoteStorage
    registry: CollectorRegistry
    clock: Clock
    peers: list[FakePeer] = field(default_factory=list)

    @property
    def peer(self) -> FakePeer:
        return self.peers[0]

    async def apply(
        self, *configs: RemoteWriteConfig, external: Mapping[str, str] | None = None
    ) -> None:
        entries = [Entry(config, dump_destination(config)) for config in configs]
        await self.remote.apply(entries, external or {}, ValidationScheme.UTF8)

    def metric(self, name: str, **labels: str) -> float:
        """Return a metric of remote write, summed over the labels that are not given."""
        return sum(
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name in (name, f"prometheus_remote_storage_{name}")
            and labels.items() <= sample.labels.items()
        )


@asynccontextmanager
async def running(
    directory: Path,
    *configs: RemoteWriteConfig,
    clock: Clock,
    flush_deadline_s: float = 60.0,
    metadata: MetadataSource = tuple,
    external: Mapping[str, str] | None = None,
    peers: Sequence[FakePeer] = (),
) -> AsyncIterator[Bench]:
    """Run a log with destinations; each gets a peer of its own, in the order of their making."""
    registry, wal_metrics = CollectorRegistry(), WalMetrics(CollectorRegistry())
    made: list[FakePeer] = []
    ready = deque(peers)

    def make_sender(config: RemoteWriteConfig) -> FakePeer:
        if "unusable" in str(config.url):
            raise ConfigError("the section cannot be obeyed")
        made.append(ready.popleft() if ready else FakePeer(clock))
        return made[-1]

    async with (
        open_storage(directory, clock=clock, metrics=wal_metrics) as storage,
        RemoteStorage(
            storage,
            wal_metrics,
            RemoteOptions(directory, make_sender, metadata, flush_deadline_s),
            registry=registry,
            clock=clock,
            log=structlog.get_logger(),
        ) as remote,
    ):
        bench = Bench(storage, remote, registry, clock, made)
        await bench.apply(*configs, external=external)
        yield bench


def named(*names: str) -> list[Labels]:
    return [Labels.from_map({"__name__": name}) for name in names]
