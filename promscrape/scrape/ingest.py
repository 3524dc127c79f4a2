"""From a body to the storage: one target's samples, in columns, into one transaction.

`scan` is pure work on bytes and may run in a thread; everything after it is synchronous, so that
a transaction sees no other task. Rules L7 to L11, L26 to L29, S1, S11, S14 of the scrape
specification; source: Prometheus scrape/scrape.go, scrapeLoop.append.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.config.scrape import ScrapeConfig
from promscrape.config.tolerance import OnBadLine, OnSampleLimit
from promscrape.errors import LabelLimitExceeded, PromscrapeError
from promscrape.exposition.body_format import BodyFormat
from promscrape.exposition.columns import Columns
from promscrape.model.buckets import max_schema
from promscrape.model.labels import Labels
from promscrape.model.pieces import largest
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.limits import SeriesRules
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.plan import Plan
from promscrape.scrape.samples import Samples
from promscrape.scrape.transaction import Transaction
from promscrape.storage.interface import AppendCode, Appended

MAX_AHEAD_MS = 10 * 60 * 1000
"""A sample further than this in the future is out of bounds."""


@dataclass(slots=True)
class Ingested:
    """What a scrape brought, as its report says it; `error` failed it.

    scraped: samples that the parser yielded, in a failed scrape up to the failure.
    relabeled: those that metric relabeling left. added: series that were new to the cache.
    cut: samples that were left out for `sample_limit` without failing the scrape.
    """

    scraped: int = 0
    relabeled: int = 0
    added: int = 0
    cut: int = 0
    error: PromscrapeError | None = None


@final
class Ingest:
    """The samples of one target on their way through its cache into a storage."""

    def __init__(
        self,
        config: ScrapeConfig,
        target_labels: Labels,
        cache: SeriesCache,
        metrics: ScrapeMetrics,
        log: FilteringBoundLogger,
    ) -> None:
        self.cache = cache
        self._config, self._metrics, self._log = config, metrics, log
        self._rules = SeriesRules(config, target_labels)
        self._seen: array[int] = array("I")
        self._skips_bad_lines = config.on_bad_line is OnBadLine.SKIP
        keeps_known = config.on_sample_limit is OnSampleLimit.KEEP_KNOWN
        self._room = config.sample_limit if keeps_known else 0
        self._max_schema = max_schema(config.native_histogram_min_bucket_factor)

    def scan(self, body: bytes, body_format: BodyFormat) -> Columns:
        """Read a body that is not empty."""
        return self.cache.scan(body, body_format, skip_bad_lines=self._skips_bad_lines)

    def append(self, transaction: Transaction, columns: Columns, now_ms: int) -> Ingested:
        """Append a body's samples, then the stale markers of the series it no longer brings.

        On an error the transaction is the caller's to roll back, and `append_nothing` to be
        called with the next one; what was read before the error is remembered until then.
        """
        self.cache.use_generation(transaction.generation)
        self._seen = columns.series
        ingested, samples = self._begin(columns, now_ms)
        self.cache.track(self.append_part(transaction, samples, ingested))
        if ingested.error is None:
            ingested.error = self._append_stale(transaction)
        if ingested.error is None:
            self.cache.end(self._seen, good=True)
        return ingested

    def _begin(self, columns: Columns, now_ms: int) -> tuple[Ingested, Samples]:
        """Work out what to append, and what is wrong with the body."""
        times = columns.timestamps if self._config.honor_timestamps else None
        plan = self.cache.plan(columns.series, times, self._rules, self._room)
        error = plan.error or columns.error
        ingested = Ingested(plan.scraped, plan.relabeled, cut=plan.cut, error=error)
        if isinstance(plan.error, LabelLimitExceeded):
            self._metrics.exceeded_label_limits.inc()
        return ingested, self._samples(plan, columns, times, now_ms)

    def resolve_in_steps(self) -> Iterator[None]:
        """Resolve the series that are new, a few a step."""
        return self.cache.resolve_in_steps(self._rules)

    def begin_parts(self, columns: Columns, now_ms: int) -> tuple[Ingested, Iterable[Samples]]:
        """As `append` begins, with the samples cut up. Any thread, while the loop waits for it."""
        ingested, samples = self._begin(columns, now_ms)
        ingested.error = ingested.error or samples.error
        if ingested.error is not None:
            return ingested, []
        return ingested, samples.parts(self.cache.parts_of(samples.plan))

    def track(self, ids: "array[int]") -> "array[int]":
        """Note what a body in parts brought; return whose markers are due."""
        self.cache.track(ids)
        return self.cache.stale()

    def end(self, columns: Columns, *, good: bool) -> None:
        """End the scrape of a body in parts."""
        if self.cache.end(columns.series, good=good) and not good:
            self._metrics.cache_flush_forced.inc()

    def append_markers(self, transaction: Transaction, ids: "array[int]") -> PromscrapeError | None:
        """Append the stale markers of these series."""
        self.cache.use_generation(transaction.generation)
        return transaction.append_markers(self.cache.refs_of(ids), self.cache.labels_of(ids))

    def append_nothing(self, transaction: Transaction) -> PromscrapeError | None:
        """Append the stale markers that a failed or empty scrape owes, and end it."""
        self.cache.use_generation(transaction.generation)
        error = self._append_stale(transaction)
        if error is None and self.cache.end(self._seen, good=False):
            self._metrics.cache_flush_forced.inc()
        self._seen = array("I")
        return error

    def append_end_of_run(self, transaction: Transaction) -> PromscrapeError | None:
        """Append stale markers for all series of the last scrape: the target is gone."""
        return self.append_markers(transaction, self.cache.tracked())

    def _append_stale(self, transaction: Transaction) -> PromscrapeError | None:
        gone = self.cache.stale()
        return self.append_markers(transaction, gone) if gone else None

    def _samples(
        self, plan: Plan, columns: Columns, times: "array[int] | None", now_ms: int
    ) -> Samples:
        """Return what the job's limits leave of a planned body, in the order of S11."""
        config = self._config
        samples = Samples.of(columns, plan, times, self.cache.metadata_of(plan, columns))
        samples = samples.with_buckets(self._max_schema, config.native_histogram_bucket_limit)
        if samples.error is not None:
            self._metrics.exceeded_bucket_limit.inc()
        limit = config.sample_limit
        if limit and len(samples.values) > limit:
            self._metrics.exceeded_sample_limit.inc()
            samples = samples.first(limit)
        latest_ms = now_ms + MAX_AHEAD_MS
        if samples.times is not None and largest(samples.times) > latest_ms:
            samples = samples.until(latest_ms)
        return samples

    def append_part(
        self, transaction: Transaction, samples: Samples, ingested: Ingested
    ) -> "array[int]":
        """Append samples, add to what is reported, and return the ids to track."""
        if self.cache.use_generation(transaction.generation):
            samples.plan.refs = array("Q", bytes(8 * len(samples.plan.refs)))
        plan = samples.plan
        sent = plan.refs
        appended = transaction.append_samples(samples)
        ingested.added += self.cache.note_appended(plan, sent, appended, samples.refused_at)
        ingested.error = ingested.error or samples.error
        if appended.error is not None:
            ingested.error = appended.error
            ingested.scraped, ingested.relabeled = _position(plan, appended.count)
        self._count_refused(appended.codes, plan.repeated, samples.ahead)
        if appended.exemplars_out_of_order:
            self._note_late_exemplars(appended.exemplars_out_of_order)
        return self._to_track(plan, appended, samples.times)

    def _to_track(self, plan: Plan, appended: Appended, times: "array[int] | None") -> "array[int]":
        """Return the ids of the accepted samples whose disappearance will be marked (C8)."""
        by_time = times is not None and not self._config.track_timestamps_staleness
        whole = appended.codes is None and appended.error is None and not plan.unknown
        if whole and not by_time:
            return plan.ids
        codes = appended.codes or bytes(appended.count)
        return array(
            "I",
            (
                series_id
                for position, (series_id, ref, code) in enumerate(
                    zip(plan.ids, appended.refs, codes, strict=False)
                )
                if ref
                and code == AppendCode.ACCEPTED
                and (times is None or not by_time or times[position] == NO_TIMESTAMP)
            ),
        )

    def _note_late_exemplars(self, count: int) -> None:
        self._metrics.exemplar_out_of_order.inc(count)
        self._log.warning("Error on ingesting out-of-order exemplars", num_dropped=count)

    def _count_refused(self, codes: bytes | None, repeated: int, ahead: int) -> None:
        """Count the samples that were left out, with one log line a kind (L26)."""
        refused = codes or b""
        out_of_order = refused.count(AppendCode.OUT_OF_ORDER)
        duplicates = refused.count(AppendCode.DUPLICATE) + repeated
        out_of_bounds = refused.count(AppendCode.OUT_OF_BOUNDS) + ahead
        if out_of_order:
            self._metrics.sample_out_of_order.inc(out_of_order)
            self._log.warning("Error on ingesting out-of-order samples", num_dropped=out_of_order)
        if duplicates:
            self._metrics.sample_duplicate.inc(duplicates)
            self._log.warning(
                "Error on ingesting samples with different value but same timestamp",
                num_dropped=duplicates,
            )
        if out_of_bounds:
            self._metrics.sample_out_of_bounds.inc(out_of_bounds)
            self._log.warning(
                "Error on ingesting samples that are too old or are too far into the future",
                num_dropped=out_of_bounds,
            )


def _position(plan: Plan, appended: int) -> tuple[int, int]:
    """Return how many samples were looked at, and left by relabeling, before a refused one."""
    if plan.keep is None:
        return appended + 1, appended
    places: Sequence[int] = [i for i, kept in enumerate(plan.keep) if kept]
    return places[appended] + 1, appended
