"""Gets one batch to the peer: attempts, waits, and what is counted for them (sections 5 and 6)."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, final

import msgspec
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.storage.remote.alarm import news_or
from promscrape.storage.remote.backoff import Backoff
from promscrape.storage.remote.batch import Batch, columns_of
from promscrape.storage.remote.config import RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.encode import Encoder
from promscrape.storage.remote.metrics import QueueMetrics
from promscrape.storage.remote.outcome import NOTHING, Counts, Outcome, Sender, Verdict
from promscrape.storage.remote.rate import Rate
from promscrape.storage.remote.refusal import ACCEPTED, SPLIT_STATUSES, Splitter
from promscrape.storage.remote.request_body import BodyWriter
from promscrape.storage.remote.series import RemoteSeries
from promscrape.storage.remote.status import RefusedSeries

_KEPT_REFUSALS: Final = 20
_FALLBACK_S: Final = 3600.0
_SUSPECTED_S: Final = 600.0
_MAX_SUSPECTS: Final = 1000


@final
@dataclass(slots=True)
class Rates:
    """What leaves the shards, what never gets there, and the time that sending takes (7.7)."""

    out: Rate
    dropped: Rate
    sending: Rate


@final
class QueueParts(msgspec.Struct, frozen=True):
    """What the parts of one destination's queue share."""

    config: RemoteWriteConfig
    series: RemoteSeries
    metrics: QueueMetrics
    rates: Rates
    clock: Clock
    log: FilteringBoundLogger

    def now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000


@final
class _Request(msgspec.Struct):
    """A batch, and what is sent of it."""

    batch: Batch
    body: bytes
    counts: Counts


@final
class Delivery:
    """The way of all batches of one destination to its peer; its shards share it.

    sender: may be replaced at any time. on_wait: told how long a shard waits before it tries
    again (6.5). is_ending: whether this is the flush before the end.
    """

    def __init__(self, parts: QueueParts, sender: Sender, on_wait: Callable[[float], None]) -> None:
        self.sender = sender
        self._config, self._series = parts.config.queue_config, parts.series
        self._version = WriteMessage(parts.config.protobuf_message)
        self._may_fall_back = parts.config.protobuf_message_fallback
        self._v1_until_s = float("-inf")
        self._encoder = Encoder(parts.series)
        self._bodies = BodyWriter(parts.series, self._encoder)
        self._metrics, self._rates, self._on_wait = parts.metrics, parts.rates, on_wait
        self._clock, self._log, self._now_ms = parts.clock, parts.log, parts.now_ms
        self._has_accepted = False
        self._suspects: dict[int, float] = {}  # rows that were refused, and until when they count
        self._ending = asyncio.Event()
        self.last_error, self.last_error_ms = "", 0
        self.last_success_ms = 0
        self.last_done_s = self._clock.monotonic_s()
        self.refused: deque[RefusedSeries] = deque(maxlen=_KEPT_REFUSALS)

    @property
    def version(self) -> WriteMessage:
        """The version that requests have now; a peer may have taught us to use the first (5.4)."""
        is_fallen_back = self._clock.monotonic_s() < self._v1_until_s
        return WriteMessage.V1 if is_fallen_back else self._version

    def end(self) -> None:
        """Begin nothing any more that takes long; batches are still sent."""
        self._ending.set()

    async def deliver(self, batch: Batch) -> bool:
        """Return when nothing more is to be done for the batch: it was taken, or given up.

        False where that could not be found out before the end. A cancellation ends a request
        that is under way.
        """
        is_settled = True
        for piece in self._pieces(batch):
            outcome = await self._send(piece)
            if outcome.verdict is not Verdict.REFUSED:
                self._clear(piece)
            elif piece.rows > 1 and outcome.status in SPLIT_STATUSES:
                is_settled = await self._split(piece, outcome) and is_settled
            else:
                self._give_up(piece, outcome)
        newest_s = batch.newest_ms // 1000
        metrics = self._metrics
        metrics.queue_highest_sent_timestamp_seconds = max(
            metrics.queue_highest_sent_timestamp_seconds, newest_s
        )
        return is_settled

    async def _split(self, batch: Batch, refusal: Outcome) -> bool:
        """Let all but what the peer refuses get there.

        A peer that never took anything most likely refuses all there is. It gets no second
        request at once, but one after the longest wait, as if the first had failed for a while.
        """
        if not self._has_accepted:
            self._log.error("Destination refused the first batch", err=refusal.error)
            wait_s = self._config.max_backoff.seconds
            self._on_wait(wait_s)
            await news_or(self._clock.monotonic_s() + wait_s, self._ending, self._clock)
            if self._ending.is_set():
                self._metrics.count(self._metrics.failed, batch.counts)
                return False
        splitter = Splitter(self._send, self._give_up)
        await splitter.split(batch, refusal)
        self._suspect(splitter.refused)
        return True

    def _suspect(self, rows: Iterable[int]) -> None:
        """Send these apart for a while, so that they cost others no more than a request."""
        until_s = self._clock.monotonic_s() + _SUSPECTED_S
        for row in rows:
            if len(self._suspects) < _MAX_SUSPECTS or row in self._suspects:
                self._suspects[row] = until_s

    def _clear(self, piece: Batch) -> None:
        """Suspect nothing any more that the peer took."""
        if self._suspects:
            for row in self._suspects.keys() & {row for part in piece.parts for row in part.rows}:
                del self._suspects[row]

    def _pieces(self, batch: Batch) -> list[Batch]:
        """Return what is to be sent, one after the other; usually that is the batch."""
        if not self._suspects:
            return [batch]
        now_s = self._clock.monotonic_s()
        for row in [row for row, until_s in self._suspects.items() if until_s <= now_s]:
            del self._suspects[row]
        return [piece for piece in batch.apart(self._suspects.keys()) if piece.size]

    async def _send(self, batch: Batch) -> Outcome:
        """Make attempts until the peer takes the batch or refuses it, and count them."""
        backoff = Backoff(self._config.min_backoff.seconds, self._config.max_backoff.seconds)
        request = self._built(batch)
        attempt, written = 0, NOTHING
        while request.batch.size:
            outcome = await self._attempt(request, attempt)
            if outcome.is_confirmed:
                written = written.plus(outcome.written)
            if outcome.wants_v1 and self._may_fall_back and self.version == WriteMessage.V2:
                self._fall_back(outcome)
                request = self._built(request.batch)
                continue
            if outcome.verdict is not Verdict.RETRY:
                self._finish(request, outcome, written)
                return outcome
            wait_s = backoff.next_s(outcome.retry_after_s)
            self._log.warning(
                "Failed to send batch, retrying", err=outcome.error, backoff=f"{wait_s:g}s"
            )
            await self._wait(wait_s)
            attempt += 1
            self._metrics.count(self._metrics.retried, request.counts)
            request = self._built(request.batch, request)
        return ACCEPTED

    def _built(self, batch: Batch, before: _Request | None = None) -> _Request:
        """Return the request of a batch without what has become too old (6.3).

        before: one of this batch, which is still good where nothing has become too old.
        """
        limit_ms = self._config.sample_age_limit.ms
        if limit_ms:
            before_ms = self._clock.now_ns() // 1_000_000 - limit_ms
            if batch.oldest_ms < before_ms:
                young = batch.since(before_ms)
                self._metrics.drop(batch.counts.less(young.counts), "too_old")
                batch, before = young, None
        if before is not None:
            return before
        if self.version == WriteMessage.V1:
            # What was taken in for the second version, before the peer refused that.
            sayable = batch.without_custom_bounds()
            if sayable is not batch:
                lost = batch.counts.less(sayable.counts)
                self._metrics.drop(lost, "nhcb_in_rw1_not_supported")
                batch = sayable
        return self._encoded(batch) if batch.size else _Request(batch, b"", batch.counts)

    def _encoded(self, batch: Batch) -> _Request:
        """Return a request; in the second version each item that has metadata carries them."""
        if self.version == WriteMessage.V1:
            return _Request(batch, self._bodies.body(batch.parts), batch.counts)
        body = self._encoder.pack(columns_of(batch.parts), is_v2=True)
        return _Request(batch, body, batch.counts._replace(metadata=self._encoder.described))

    async def _attempt(self, request: _Request, attempt: int) -> Outcome:
        self._metrics.count(self._metrics.sent, request.counts)
        started_s = self._clock.monotonic_s()
        try:
            outcome = await self.sender.send(
                request.body, version=self.version, attempt=attempt, counts=request.counts
            )
        finally:
            took_s = self._clock.monotonic_s() - started_s
            self._metrics.observe(took_s)
            self._rates.sending.add(took_s)
        if outcome.error:
            self.last_error, self.last_error_ms = outcome.error, self._now_ms()
        return outcome

    async def _wait(self, wait_s: float) -> None:
        self._on_wait(wait_s)
        await self._clock.sleep_until(self._clock.monotonic_s() + wait_s)

    def _finish(self, request: _Request, outcome: Outcome, written: Counts) -> None:
        """Account for a batch that was taken, or refused and not to be split here."""
        self._metrics.bytes += len(request.body)
        self._rates.out.add(request.batch.size)
        self.last_done_s = self._clock.monotonic_s()
        if outcome.verdict is not Verdict.ACCEPTED:
            return
        self._has_accepted = True
        self.last_success_ms = self._now_ms()
        if not outcome.is_confirmed:
            return
        missing = request.batch.counts.less(written)
        if missing.items:
            self._metrics.count(self._metrics.failed, missing)
            self._log.error(
                "Destination wrote less than it was sent",
                samples=missing.samples,
                histograms=missing.histograms,
                exemplars=missing.exemplars,
            )

    def _give_up(self, batch: Batch, outcome: Outcome) -> None:
        """Count what was refused for good, and keep the peer's words for people to see."""
        counts = batch.counts.less(outcome.written)
        self._metrics.count(self._metrics.failed, counts)
        self._metrics.refused += counts.items
        self._log.error("non-recoverable error", count=counts.items, err=outcome.error)
        rows = list(dict.fromkeys(row for part in batch.parts for row in part.rows))
        for row in rows[-_KEPT_REFUSALS:]:
            self.refused.appendleft(
                RefusedSeries(
                    self._series.labels(row), outcome.status, outcome.error, self._now_ms()
                )
            )

    def _fall_back(self, outcome: Outcome) -> None:
        self._v1_until_s = self._clock.monotonic_s() + _FALLBACK_S
        self._log.warning(
            "Destination does not know this version of remote write, going on with the first",
            err=outcome.error,
        )
