"""One destination of remote write: reads the log, and keeps the peer up with it."""

import asyncio
from array import array
from collections.abc import Callable, Container
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, final

from promscrape.storage.remote.alarm import news_or
from promscrape.storage.remote.batch import Part
from promscrape.storage.remote.delivery import Delivery, QueueParts
from promscrape.storage.remote.intake import Intake
from promscrape.storage.remote.lane import Lane, Lanes
from promscrape.storage.remote.metadata import MetadataSender, MetadataSource
from promscrape.storage.remote.outcome import Sender
from promscrape.storage.remote.position_file import PositionFile, StoredPosition
from promscrape.storage.remote.rate import TICK_S, Flow, Rate, desired_shards, next_shards
from promscrape.storage.remote.shard import ShardOptions
from promscrape.storage.remote.shards import Shards
from promscrape.storage.wal.departures import Departures
from promscrape.storage.wal.log_reader import LogReader
from promscrape.storage.wal.pace import run_in_thread
from promscrape.storage.wal.tail import Commit, LogTail, Position

_SAVE_INTERVAL_S: Final = 1.0
_FORGET_INTERVAL_S: Final = 5.0
_STALLED_S: Final = 10.0
_SHORTEST_DEADLINE_S: Final = 0.001


@final
@dataclass(frozen=True, slots=True)
class LogAccess:
    """What a queue reads. make_reader: one that counts for a queue's metrics, given by name."""

    tail: LogTail
    make_reader: Callable[[Position, Position | None, QueueParts], LogReader]
    incoming: Rate
    departures: Departures
    metadata: MetadataSource


@final
class RemoteQueue:
    """Runs until it is told to stop; then it flushes, and ends.

    The destination gets each commit of the log after its stored position once, or again after a
    failure, and the position moves when it has everything before it.
    """

    def __init__(
        self,
        parts: QueueParts,
        sender: Sender,
        log: LogAccess,
        file: PositionFile,
        start: StoredPosition,
        flush_deadline_s: float,
    ) -> None:
        self._parts, self._access, self._file = parts, log, file
        self._log = parts.log
        self._flush_deadline_s = flush_deadline_s
        self.config, self.metrics = parts.config, parts.metrics
        self.delivery = Delivery(parts, sender, self._pause_resharding)
        self._intake = Intake(parts)
        self.lanes = Lanes(
            start,
            log.tail,
            lambda begin, stop: log.make_reader(begin, stop, parts),
            prefers_fresh=parts.config.prefer_fresh,
        )
        self._saved: StoredPosition | None = None
        self._departed = log.departures.count
        self._leaving = array("Q")  # refs that left the log, and could not be let go yet
        self._fixed_until_s = float("-inf")
        self._stopping = asyncio.Event()
        self._idle = asyncio.Event()  # set while all that was committed is in the shards
        self._shards: Shards | None = None
        self._metadata = MetadataSender(parts, self.delivery, log.metadata)
        self._declare()

    def _declare(self) -> None:
        options, metrics = self.config.queue_config, self.metrics
        metrics.shard_capacity = options.capacity
        metrics.shards_max, metrics.shards_min = options.max_shards, options.min_shards
        metrics.max_samples_per_send = options.max_samples_per_send
        metrics.shards_desired = metrics.shards = options.min_shards

    def stop(self) -> None:
        """Let `run` flush and return."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until `stop`, then flush within the deadline, and leave the position on disk."""
        options = self.config.queue_config
        shard_options = ShardOptions(
            options.max_samples_per_send,
            max(1, options.capacity // options.max_samples_per_send),
            max(options.batch_send_deadline.seconds, _SHORTEST_DEADLINE_S),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                self._shards = Shards(
                    shard_options,
                    self.delivery.deliver,
                    self.metrics,
                    self._parts.clock,
                    tasks,
                    options.max_backoff.seconds,
                )
                self._shards.start(options.min_shards)
                await self._serve(tasks, self._shards)
        finally:
            self.lanes.close()
            await self._save()

    async def _serve(self, tasks: asyncio.TaskGroup, shards: Shards) -> None:
        reading = tasks.create_task(self._read(shards), name="remote-write:read")
        resharding = tasks.create_task(self._reshard(shards), name="remote-write:reshard")
        others = [
            tasks.create_task(self._keep_position(), name="remote-write:position"),
            tasks.create_task(self._forget_series(shards), name="remote-write:forget"),
            tasks.create_task(self._metadata.run(), name="remote-write:metadata"),
        ]
        await self._stopping.wait()
        deadline_s = self._parts.clock.monotonic_s() + self._flush_deadline_s
        self.delivery.end()
        resharding.cancel()
        await asyncio.wait([resharding])
        # What was committed is still taken in, but for what had to be left to the disk.
        reader = self.lanes.fresh.reader
        if reader.is_at_end:
            if reader.has_waiting:
                self._idle.clear()
            await news_or(deadline_s, self._idle, self._parts.clock)
        reading.cancel()
        await self._flush(shards, deadline_s)
        for task in others:
            task.cancel()

    async def _flush(self, shards: Shards, deadline_s: float) -> None:
        """Send what is in the shards; what is left at the deadline is for the next start."""
        left = [batch for batches in await shards.stop(deadline_s) for batch in batches]
        for batch in left:
            self.metrics.count(self.metrics.failed, batch.counts)
        if left:
            self._log.error(
                "Failed to flush all samples on shutdown",
                count=sum(batch.size for batch in left),
                hint="they stay in the log, and are sent after the next start",
            )

    async def _read(self, shards: Shards) -> None:
        """Put into the shards what `_take_along` did not: all that has come by now, in one go."""
        while True:
            if self.lanes.fresh.reader.is_idle:
                self._idle.set()
            lane, commit = await self.lanes.next(self._parts.now_ms(), self._take_along)
            self._idle.clear()
            self.metrics.current_segment = commit.end.segment
            await self._pass_on(lane, commit, shards)
            while (more := lane.reader.read_along()) is not None:
                part = self._intake.plain(more, lane.progress)
                if part is None:
                    await self._pass_on(lane, more, shards)
                elif rest := self._taken(part, shards):
                    await shards.put(rest)
            self.metrics.current_segment = lane.reader.position.segment

    def _take_along(self, commit: Commit) -> bool:
        """Put a commit into the shards while it is logged, so that no task has to wake for it.

        False where there is more to do than that.
        """
        shards = self._shards
        if shards is None or not shards.has_room(commit.samples):
            return False
        part = self._intake.plain(commit, self.lanes.fresh.progress)
        if part is None:
            return False
        metrics = self.metrics
        metrics.queue_highest_timestamp_seconds = max(
            metrics.queue_highest_timestamp_seconds, commit.newest_ms // 1000
        )
        metrics.current_segment = commit.end.segment
        left = shards.take(part)
        assert not left  # there was room
        return True

    async def _pass_on(self, lane: Lane, commit: Commit, shards: Shards) -> None:
        """Put a commit into the shards, as soon as they have room for all of it."""
        ticket = lane.progress.begin(commit.end, commit.newest_ms)
        for part in await self._intake.parts(commit, ticket, lane.reader):
            ticket.send(part.size)
            if rest := self._taken(part, shards):
                await shards.put(rest)
        ticket.finish_reading()

    def _taken(self, part: Part, shards: Shards) -> list[Part]:
        """Return what the shards have no room for."""
        metrics = self.metrics
        metrics.queue_highest_timestamp_seconds = max(
            metrics.queue_highest_timestamp_seconds, part.newest_ms // 1000
        )
        return shards.take(part)

    async def _reshard(self, shards: Shards) -> None:
        clock, rates, options = self._parts.clock, self._parts.rates, self.config.queue_config
        while True:
            await clock.sleep_until(clock.monotonic_s() + TICK_S)
            for rate in (rates.out, rates.dropped, rates.sending):
                rate.tick()
            flow = self._flow()
            self.metrics.shards_desired = desired_shards(flow, len(shards))
            number = next_shards(flow, len(shards), options.min_shards, options.max_shards)
            if number != len(shards) and self._may_reshard():
                self._log.info("Remote storage resharding", shards=number)
                deadline_s = clock.monotonic_s() + self._flush_deadline_s
                await shards.change(number, deadline_s)

    def _flow(self) -> Flow:
        rates, metrics = self._parts.rates, self.metrics
        newest_s = self._access.tail.newest_ms // 1000
        return Flow(
            self._access.incoming.value,
            rates.out.value,
            rates.dropped.value,
            rates.sending.value,
            newest_s - metrics.queue_highest_sent_timestamp_seconds,
        )

    def _may_reshard(self) -> bool:
        """Whether another number of shards would be of any use now (7.9)."""
        now_s = self._parts.clock.monotonic_s()
        return now_s >= self._fixed_until_s and now_s - self.delivery.last_done_s <= _STALLED_S

    def _pause_resharding(self, wait_s: float) -> None:
        until_s = self._parts.clock.monotonic_s() + 2 * wait_s
        self._fixed_until_s = max(self._fixed_until_s, until_s)

    async def _keep_position(self) -> None:
        clock = self._parts.clock
        while True:
            await clock.sleep_until(clock.monotonic_s() + _SAVE_INTERVAL_S)
            await self._save()

    async def _save(self) -> None:
        stored = self.lanes.stored()
        if stored == self._saved:
            return
        try:
            await run_in_thread(lambda: self._file.store(stored))
            self._saved = stored
        except OSError as exc:
            self._log.error("Storing the position in the log failed", err=str(exc))

    async def _forget_series(self, shards: Shards) -> None:
        """Let go of series that left the log's memory, while nothing can name them (8.4)."""
        clock, departures = self._parts.clock, self._access.departures
        while True:
            await clock.sleep_until(clock.monotonic_s() + _FORGET_INTERVAL_S)
            if departures.count == self._departed or not self._idle.is_set():
                continue
            gone, self._departed = departures.since(self._departed), departures.count
            series = self._parts.series
            on_their_way = {series.refs[row] for row in shards.rows_waiting()}
            if gone is None or not self.lanes.are_at_end:
                # Too many to tell, or some may just be read again from the log's files.
                self._intake.forget()
                await series.forget(_needed(on_their_way, self._access.tail))
                self._intake.forget()
            else:
                await self._forget_refs(gone + self._leaving, on_their_way)

    async def _forget_refs(self, gone: "array[int]", on_their_way: AbstractSet[int]) -> None:
        """Let go of these, but for those on their way, which are tried again with the next ones."""
        leaving = array("Q", [ref for ref in gone if ref in on_their_way])
        refs = [ref for ref in gone if ref not in on_their_way]
        await self._intake.forget_refs(set(refs))
        leaving.extend(await self._parts.series.forget_refs(refs))
        self._leaving = leaving


def _needed(kept: Container[int], tail: LogTail) -> Callable[[int], bool]:
    return lambda ref: ref in kept or tail.names.named(ref) is not None
