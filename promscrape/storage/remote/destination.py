"""One destination for as long as its entry stands: its queue, its hold on the log, its status."""

import asyncio
from pathlib import Path
from typing import Protocol, final

from promscrape.storage.remote.delivery import QueueParts
from promscrape.storage.remote.outcome import Sender
from promscrape.storage.remote.queue import LogAccess, RemoteQueue
from promscrape.storage.remote.status import DestinationStatus
from promscrape.storage.wal.directory import segment_path
from promscrape.storage.wal.holder import GivenUp
from promscrape.storage.wal.tail import Position


class ClosableSender(Sender, Protocol):
    """A sender with connections."""

    async def close(self) -> None:
        """Close them; requests under way fail as if the network did."""


@final
class Destination:
    """Implements `storage.wal.holder.Holder`. ended: set when the queue has flushed."""

    def __init__(
        self,
        parts: QueueParts,
        queue: RemoteQueue,
        sender: ClosableSender,
        access: LogAccess,
        wal_directory: Path,
    ) -> None:
        self._parts, self._queue, self._sender = parts, queue, sender
        self._access, self._wal_directory = access, wal_directory
        self.metrics = parts.metrics
        self.ended = asyncio.Event()
        self._has_given_up = False

    async def run(self) -> None:
        """Run the queue, and close the connections after it."""
        try:
            await self._queue.run()
        finally:
            self.ended.set()
            await self._sender.close()

    def stop(self) -> None:
        """Let `run` flush and return."""
        self._queue.stop()

    async def replace_sender(self, sender: ClosableSender) -> None:
        """Send with other credentials from now on; what is under way is tried again with them."""
        old, self._sender = self._sender, sender
        self._queue.delivery.sender = sender
        await old.close()

    @property
    def needed(self) -> Position:
        """See `Holder.needed`."""
        return self._queue.lanes.needed

    @property
    def done_ms(self) -> int:
        """See `Holder.done_ms`."""
        return self._queue.lanes.fresh.progress.done_ms

    def give_up(self, part: GivenUp) -> None:
        """See `Holder.give_up`. It is said once in the log, until the destination has caught up."""
        self.metrics.given_up_bytes += part.size
        self._queue.lanes.give_up_before(part.position)
        if not self._has_given_up:
            self._has_given_up = True
            self._parts.log.error(
                "Samples dropped from the WAL before the destination had them",
                bytes=part.size,
                hint="raise --storage.agent.retention.max-time and .max-bytes for longer outages",
            )

    def status(self) -> DestinationStatus:
        """Return how the destination stands now."""
        queue, metrics, parts = self._queue, self.metrics, self._parts
        delivery, position, rates = queue.delivery, self.needed, parts.rates
        newest_ms, done_ms = self._access.tail.newest_ms, self.done_ms
        lag_bytes = self._lag_bytes(position)
        return DestinationStatus(
            name=metrics.name,
            url=metrics.url,
            message=delivery.version,
            segment=position.segment,
            offset=position.offset,
            lag_s=max(newest_ms - done_ms, 0) / 1000 if lag_bytes and newest_ms else 0.0,
            lag_bytes=lag_bytes,
            shards=metrics.shards,
            shards_min=metrics.shards_min,
            shards_max=metrics.shards_max,
            shards_desired=metrics.shards_desired,
            pending=metrics.pending().items,
            in_rate=self._access.incoming.value,
            out_rate=rates.out.value,
            sent=_items(metrics.sent),
            failed=_items(metrics.failed),
            retried=_items(metrics.retried),
            dropped=sum(sum(reasons.values()) for reasons in metrics.dropped.values()),
            last_error=delivery.last_error,
            last_error_ms=delivery.last_error_ms or None,
            last_success_ms=delivery.last_success_ms or None,
            refused_count=metrics.refused,
            refused=tuple(delivery.refused),
            given_up_bytes=metrics.given_up_bytes,
        )

    def _lag_bytes(self, position: Position) -> int:
        end = self._access.tail.end
        if position.segment >= end.segment:
            return max(end.offset - position.offset, 0)
        total = end.offset - position.offset
        for number in range(position.segment, end.segment):
            try:
                total += segment_path(self._wal_directory, number).stat().st_size
            except FileNotFoundError:
                continue
        return max(total, 0)


def _items(counter: dict[str, int]) -> int:
    return counter["samples"] + counter["histograms"] + counter["exemplars"]
