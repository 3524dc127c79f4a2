"""All destinations of remote write: they read the log, and hold it for what they need yet."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.errors import ConfigError
from promscrape.model.labels import ValidationScheme
from promscrape.model.metadata import Metadata
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.delivery import QueueParts, Rates
from promscrape.storage.remote.destination import ClosableSender, Destination
from promscrape.storage.remote.identity import (
    entry_hash,
    position_identities,
    queue_name,
    shared_identity,
)
from promscrape.storage.remote.metadata import MetadataSource
from promscrape.storage.remote.metrics import QueueMetrics, RemoteMetrics
from promscrape.storage.remote.outcome import Counts
from promscrape.storage.remote.position_file import PositionFile, StoredPosition
from promscrape.storage.remote.queue import LogAccess, RemoteQueue
from promscrape.storage.remote.rate import TICK_S, Rate
from promscrape.storage.remote.series import LabelPipeline, RemoteSeries
from promscrape.storage.remote.status import DestinationStatus
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.log_reader import LogReader
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.pace import run_in_thread
from promscrape.storage.wal.tail import Position

_FOLDER: Final = "remote"


MakeSender = Callable[[RemoteWriteConfig], ClosableSender]
"""Makes the sender of an entry. Raises ConfigError where the entry cannot be obeyed."""


@final
@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of `remote_write`, and its text with secrets masked."""

    config: RemoteWriteConfig
    dump: str


@final
@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """What the daemon chooses for all destinations.

    directory: the data directory. flush_deadline_s: how long a queue may send at its end.
    make_sender, metadata: see their types.
    """

    directory: Path
    make_sender: MakeSender
    metadata: MetadataSource = tuple
    flush_deadline_s: float = 60.0


@final
class RemoteStorage:
    """Runs a queue for each destination, for as long as it is entered.

    The log must be entered before and left after.
    """

    def __init__(
        self,
        storage: AgentStorage,
        wal_metrics: WalMetrics,
        options: RemoteOptions,
        *,
        registry: CollectorRegistry,
        clock: Clock,
        log: FilteringBoundLogger,
    ) -> None:
        self._storage, self._wal_metrics, self._options = storage, wal_metrics, options
        self._clock, self._log = clock, log
        self._metrics = RemoteMetrics(registry, self._taken)
        self._incoming = Rate()
        self._access = LogAccess(
            storage.tail, self._reader, self._incoming, storage.departures, options.metadata
        )
        self._destinations: dict[str, Destination] = {}  # by the hash of the entry
        self._order: list[str] = []
        self._applied: object = None
        self._tasks = asyncio.TaskGroup()
        self._ticking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._ticking = self._tasks.create_task(self._tick(), name="remote-write:rate")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Flush all queues at the same time, each within the deadline."""
        try:
            await self._stop(list(self._destinations))
        finally:
            if self._ticking is not None:
                self._ticking.cancel()
            await self._tasks.__aexit__(kind, exc, traceback)

    def _taken(self) -> tuple[Counts, int]:
        metrics = self._wal_metrics
        taken = Counts(
            int(metrics.floats_appended.value),
            int(metrics.histograms_appended.value),
            int(metrics.exemplars_appended.value),
        )
        return taken, self._storage.tail.newest_ms // 1000

    async def _tick(self) -> None:
        before = self._taken()[0].items
        while True:
            await self._clock.sleep_until(self._clock.monotonic_s() + TICK_S)
            now = self._taken()[0].items
            self._incoming.add(now - before)
            self._incoming.tick()
            before = now

    async def apply(
        self, entries: Sequence[Entry], external: Mapping[str, str], scheme: ValidationScheme
    ) -> None:
        """Take over a configuration: queues of equal entries go on, with new credentials (7.13).

        Raises ConfigError where two entries have one name, or one cannot be obeyed; nothing has
        changed then.
        """
        hashes = [entry_hash(entry.dump) for entry in entries]
        self._check_names(entries)
        senders = await self._senders(entries)
        labels = external, scheme
        # Only the second version sends it with the samples.
        versions = {entry.config.protobuf_message for entry in entries}
        self._storage.keep_metadata(is_kept=WriteMessage.V2 in versions)
        kept = set(hashes) & set(self._destinations) if labels == self._applied else set()
        self._applied = labels
        await self._stop([key for key in self._destinations if key not in kept])
        identities = position_identities(
            [entry.config for entry in entries], [entry.dump for entry in entries]
        )
        for key, entry, identity, sender in zip(hashes, entries, identities, senders, strict=True):
            if key in kept:
                await self._destinations[key].replace_sender(sender)
            else:
                await self._start(
                    key, entry, identity, sender, LabelPipeline(external, _rules(entry), scheme)
                )
        self._order = hashes

    def _check_names(self, entries: Sequence[Entry]) -> None:
        names: set[str] = set()
        for entry in entries:
            name = queue_name(entry.config, entry.dump)
            if name in names:
                raise ConfigError(
                    f'duplicate remote write configs are not allowed, found two with name "{name}"'
                )
            names.add(name)

    async def _senders(self, entries: Sequence[Entry]) -> list[ClosableSender]:
        senders: list[ClosableSender] = []
        try:
            for entry in entries:
                senders.append(self._options.make_sender(entry.config))  # noqa: PERF401 - those made are closed
        except ConfigError:
            for sender in senders:
                await sender.close()
            raise
        return senders

    async def _start(
        self, key: str, entry: Entry, identity: str, sender: ClosableSender, pipeline: LabelPipeline
    ) -> None:
        config = entry.config
        name, url = queue_name(config, entry.dump), str(config.url)
        series = RemoteSeries(
            pipeline,
            labels=self._storage.labels,
            metadata=self._metadata_of,
            metadata_changes=lambda: self._storage.metadata_changes,
        )
        parts = QueueParts(
            config,
            series,
            QueueMetrics(name, url),
            Rates(Rate(), Rate(), Rate()),
            self._clock,
            self._log.bind(remote_name=name, url=url),
        )
        file = PositionFile(self._options.directory / _FOLDER / f"{identity}.json")
        start = await run_in_thread(lambda: self._start_of(file, config))
        queue = RemoteQueue(
            parts, sender, self._access, file, start, self._options.flush_deadline_s
        )
        destination = Destination(parts, queue, sender, self._access, self._storage.wal_directory)
        self._metrics.add(parts.metrics)
        self._destinations[key] = destination
        self._tasks.create_task(self._run(destination), name=f"remote-write:{name}")

    async def _run(self, destination: Destination) -> None:
        with self._storage.hold(destination):
            await destination.run()

    def _start_of(self, file: PositionFile, config: RemoteWriteConfig) -> StoredPosition:
        """Return where to go on: the end of the log for a destination that is new.

        For a thread; scrapes may go on meanwhile, and are then before the destination's begin.
        """
        end = self._storage.tail.end
        shared = file.path.with_name(f"{shared_identity(config)}.json")
        stored = file.load() or PositionFile(shared).load()
        if stored is None or stored.position > end:
            # A log that was cut by a repair, or made anew, has other records there.
            stored = StoredPosition(*end, self._clock.now_ns() // 1_000_000)
        try:
            # Before the first sample: a process that is killed early must not begin anew.
            file.store(stored)
        except OSError as exc:
            self._log.error("Storing the position in the log failed", err=str(exc))
        return stored

    def _metadata_of(self, ref: int) -> Metadata | None:
        return self._storage.metadata_at(ref)

    def _reader(self, start: Position, stop: Position | None, parts: QueueParts) -> LogReader:
        return LogReader(
            self._storage.tail,
            self._storage.wal_directory,
            start,
            clock=self._clock,
            log=parts.log,
            stop=stop,
            counts=parts.metrics.reads,
        )

    async def _stop(self, keys: Sequence[str]) -> None:
        """Let these queues flush, and forget them."""
        stopping = [self._destinations.pop(key) for key in keys]
        for destination in stopping:
            destination.stop()
        for destination in stopping:
            await destination.ended.wait()
            self._metrics.remove(destination.metrics)

    def statuses(self) -> list[DestinationStatus]:
        """Return how each destination stands, in the order of the configuration."""
        return [
            self._destinations[key].status() for key in self._order if key in self._destinations
        ]


def _rules(entry: Entry) -> list[RelabelConfig]:
    return [rule for rule in entry.config.write_relabel_configs if rule is not None]
