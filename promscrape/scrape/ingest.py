"""From a body to the storage: one target's samples, in columns, into one transaction.

`scan` is pure work on bytes and may run in a thread; everything after it is synchronous, so that
a transaction sees no other task. Rules L7 to L11, L26 to L29, S1, S11, S14 of the scrape
specification; source: Prometheus scrape/scrape.go, scrapeLoop.append.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, compress
from typing import TypeAlias, TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.config.scrape import ScrapeConfig
from promscrape.config.tolerance import OnBadLine, OnSampleLimit
from promscrape.errors import (
    LabelLimitExceeded,
    PromscrapeError,
    SampleLimitExceeded,
)
from promscrape.exposition.columns import Columns
from promscrape.exposition.text_format import TextFormat
from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.scrape.cache import Plan, SeriesCache
from promscrape.scrape.limits import SeriesRules
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.transaction import Transaction
from promscrape.storage.interface import AppendCode, Appended

Exemplars: TypeAlias = Mapping[int, Sequence[Exemplar]]
"""By the place of their sample; most samples have none."""

Number = TypeVar("Number", int, float)

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


@dataclass(frozen=True, slots=True)
class _Samples:
    """What is to be appended of a body; `plan` has the series, the columns are as long.

    over_limit: the sample limit cut the rest off, and fails the scrape.
    ahead: samples that were left out since they are too far in the future.
    """

    plan: Plan
    values: "array[float]"
    times: "array[int] | None"
    exemplars: Exemplars
    over_limit: bool = False
    ahead: int = 0

    def first(self, count: int) -> "_Samples":
        """Return the first samples, up to the limit."""
        plan = self.plan
        kept = replace(
            plan, ids=plan.ids[:count], labels=plan.labels[:count], refs=plan.refs[:count]
        )
        times = self.times and self.times[:count]
        exemplars = {at: found for at, found in self.exemplars.items() if at < count}
        return _Samples(kept, self.values[:count], times, exemplars, over_limit=True)

    def until(self, latest_ms: int) -> "_Samples":
        """Return the samples that are not later than that."""
        plan, times = self.plan, self.times or array("q")
        near = bytes(t_ms <= latest_ms for t_ms in times)
        kept = replace(
            plan,
            ids=array("I", compress(plan.ids, near)),
            labels=list(compress(plan.labels, near)),
            refs=array("Q", compress(plan.refs, near)),
        )
        values = array("d", compress(self.values, near))
        moved = _renumbered(near)
        return replace(
            self,
            plan=kept,
            values=values,
            times=array("q", compress(times, near)),
            exemplars={moved[at]: found for at, found in self.exemplars.items() if near[at]},
            ahead=len(near) - len(values),
        )


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

    def scan(self, body: bytes, text_format: TextFormat) -> Columns:
        """Read a body that is not empty."""
        return self.cache.scan(body, text_format, skip_bad_lines=self._skips_bad_lines)

    def append(self, transaction: Transaction, columns: Columns, now_ms: int) -> Ingested:
        """Append a body's samples, then the stale markers of the series it no longer brings.

        On an error the transaction is the caller's to roll back, and `append_nothing` to be
        called with the next one; what was read before the error is remembered until then.
        """
        self.cache.use_generation(transaction.generation)
        self._seen = columns.series
        times = columns.timestamps if self._config.honor_timestamps else None
        plan = self.cache.plan(columns.series, times, self._rules, self._room)
        error = plan.error or columns.error
        ingested = Ingested(plan.scraped, plan.relabeled, cut=plan.cut, error=error)
        if isinstance(plan.error, LabelLimitExceeded):
            self._metrics.exceeded_label_limits.inc()
        self._append_samples(transaction, self._samples(plan, columns, times, now_ms), ingested)
        if ingested.error is None:
            ingested.error = self._append_stale(transaction)
        if ingested.error is None:
            self.cache.end(self._seen, good=True)
        return ingested

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
        self.cache.use_generation(transaction.generation)
        ids = self.cache.tracked()
        return transaction.append_markers(self.cache.refs_of(ids), self.cache.labels_of(ids))

    def _append_stale(self, transaction: Transaction) -> PromscrapeError | None:
        ids = self.cache.stale()
        return transaction.append_markers(self.cache.refs_of(ids), self.cache.labels_of(ids))

    def _samples(
        self, plan: Plan, columns: Columns, times: "array[int] | None", now_ms: int
    ) -> "_Samples":
        """Return what the job's limits leave of a planned body, in the order of S11."""
        samples = _Samples(
            plan,
            _select(columns.values, plan),
            times and _select(times, plan),
            _select_exemplars(columns.exemplars, plan),
        )
        limit = self._config.sample_limit
        if limit and len(plan.ids) > limit:
            self._metrics.exceeded_sample_limit.inc()
            samples = samples.first(limit)
        latest_ms = now_ms + MAX_AHEAD_MS
        if samples.times is not None and max(samples.times, default=0) > latest_ms:
            samples = samples.until(latest_ms)
        return samples

    def _append_samples(
        self, transaction: Transaction, samples: "_Samples", ingested: Ingested
    ) -> None:
        plan = samples.plan
        sent = plan.refs
        appended = transaction.append(
            sent, plan.labels, samples.values, samples.times, samples.exemplars
        )
        ingested.added = self.cache.note_appended(plan, sent, appended)
        self.cache.track(self._to_track(plan, appended, samples.times))
        if samples.over_limit:
            ingested.error = ingested.error or SampleLimitExceeded()
        if appended.error is not None:
            ingested.error = appended.error
            ingested.scraped, ingested.relabeled = _position(plan, appended.count)
        self._count_refused(appended.codes, plan.repeated, samples.ahead)

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


def _select(column: "array[Number]", plan: Plan) -> "array[Number]":
    """Return the part of a body's column that the plan appends."""
    if plan.keep is None:
        return column if len(column) == len(plan.ids) else column[: len(plan.ids)]
    selected = column[:0]
    selected.extend(compress(column, plan.keep))
    return selected


def _select_exemplars(exemplars: Exemplars, plan: Plan) -> Exemplars:
    """Return the exemplars of the samples that the plan appends, by their places in it."""
    if not exemplars:
        return {}
    if plan.keep is None:
        return {at: found for at, found in exemplars.items() if at < len(plan.ids)}
    keep, moved = plan.keep, _renumbered(plan.keep)
    return {moved[at]: found for at, found in exemplars.items() if at < len(keep) and keep[at]}


def _renumbered(keep: bytes) -> list[int]:
    """Return, for each place, how many of the places before it are kept."""
    return list(accumulate(keep, initial=0))


def _position(plan: Plan, appended: int) -> tuple[int, int]:
    """Return how many samples were looked at, and left by relabeling, before a refused one."""
    if plan.keep is None:
        return appended + 1, appended
    places: Sequence[int] = [i for i, kept in enumerate(plan.keep) if kept]
    return places[appended] + 1, appended
