"""The metadata of all targets, sent by themselves in the first version (4.6)."""

from collections.abc import Callable, Iterable
from typing import TypeAlias, final

import cramjam

from promscrape.model.metadata import Metadata, MetricType
from promscrape.storage.remote._encode_py import encode_metadata_v1
from promscrape.storage.remote.backoff import Backoff
from promscrape.storage.remote.config import WriteMessage
from promscrape.storage.remote.delivery import Delivery, QueueParts
from promscrape.storage.remote.outcome import Counts, Verdict

MetadataSource: TypeAlias = Callable[[], Iterable[tuple[str, Metadata]]]
"""Yields the family and the metadata of what active targets expose, in any order, repeated or not."""

_TYPES = tuple(MetricType)


@final
class MetadataSender:
    """Sends what there is, as often as the destination asks for it."""

    def __init__(self, parts: QueueParts, delivery: Delivery, source: MetadataSource) -> None:
        self._parts, self._delivery, self._source = parts, delivery, source

    async def run(self) -> None:
        """Send until cancelled; return at once where there is nothing to send (T26)."""
        config, clock = self._parts.config, self._parts.clock
        if not config.metadata_config.send:
            return
        if config.protobuf_message != WriteMessage.V1:
            self._parts.log.warning(
                "usage of 'metadata_config.send' is redundant when using remote write v2 (or "
                "higher) as metadata will always be gathered from the WAL and included for every "
                "series within each write request"
            )
            return
        while True:
            interval_s = config.metadata_config.send_interval.seconds
            await clock.sleep_until(clock.monotonic_s() + interval_s)
            entries = list(dict.fromkeys(self._source()))
            size = config.metadata_config.max_samples_per_send
            for start in range(0, len(entries), size):
                await self._send(entries[start : start + size])

    async def _send(self, entries: list[tuple[str, Metadata]]) -> None:
        metrics, queue, clock = (
            self._parts.metrics,
            self._parts.config.queue_config,
            self._parts.clock,
        )
        message = encode_metadata_v1(
            (family, _TYPES.index(known.type), known.help, known.unit) for family, known in entries
        )
        body = bytes(cramjam.snappy.compress_raw(message))
        backoff = Backoff(queue.min_backoff.seconds, queue.max_backoff.seconds)
        counts, attempt = Counts(metadata=len(entries)), 0
        while True:
            outcome = await self._delivery.sender.send(
                body, version=WriteMessage.V1, attempt=attempt, counts=counts
            )
            if outcome.verdict is not Verdict.RETRY:
                break
            await clock.sleep_until(clock.monotonic_s() + backoff.next_s(outcome.retry_after_s))
            attempt += 1
            metrics.count(metrics.retried, counts)
        metrics.metadata_bytes += len(body)
        if outcome.verdict is Verdict.ACCEPTED:
            metrics.count(metrics.sent, counts)
        else:
            metrics.count(metrics.failed, counts)
            self._parts.log.error(
                "non-recoverable error while sending metadata",
                count=len(entries),
                err=outcome.error,
            )
