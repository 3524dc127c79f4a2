"""From a body to the storage: one target's samples, in columns, into one transaction.

`scan` is pure work on bytes and may run in a thread; everything after it is synchronous, so that
a transaction sees no other task. Rules L7 to L11, L26 to L29, S1, S11, S14 of the scrape
specification; source: Prometheus scrape/scrape.go, scrapeLoop.append.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import (
    LabelLimitExceeded,
    PromscrapeError,
    SampleLimitExceeded,
)
from promscrape.exposition.columns import Columns
from promscrape.model.labels import Labels
from promscrape.model.sample import NO_TIMESTAMP, STALE_NAN
from promscrape.scrape.cache import Plan, SeriesCache
from promscrape.scrape.limits import SeriesRules
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.storage.interface import AppendCode, Appended, Appender, Batch

Number = TypeVar("Number", int, float)

MAX_AHEAD_MS = 10 * 60 * 1000
"""A sample further than this in the future is out of bounds."""


@dataclass(slots=True)
class Ingested:
    """What a scrape brought, as its report says it; `error` failed it.

    scraped: samples that the parser yielded, in a failed scrape up to the failure.
    relabeled: those that metric relabeling left. added: series that were new to the cache.
    """

    scraped: int = 0
    relabeled: int = 0
    added: int = 0
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

    def scan(self, body: bytes) -> Columns:
        """Read a body that is not empty."""
        return self.cache.scan(body)

    def append(
        self, appender: Appender, columns: Columns, t_ms: int, now_ms: int, generation: int
    ) -> Ingested:
        """Append a body's samples, then the stale markers of the series it no longer brings.

        On an error the transaction is the caller's to roll back, and `append_nothing` to be
        called with the next one; what was read before the error is remembered until then.
        """
        self.cache.use_generation(generation)
        self._seen = columns.series
        timestamps = columns.timestamps if self._config.honor_timestamps else None
        plan = self.cache.plan(columns.series, timestamps, self._rules)
        ingested = Ingested(plan.scraped, plan.relabeled, error=plan.error or columns.error)
        if isinstance(plan.error, LabelLimitExceeded):
            self._metrics.exceeded_label_limits.inc()
        self._append_plan(appender, plan, columns, t_ms, now_ms, generation, ingested)
        if ingested.error is None:
            ingested.error = self._append_stale(appender, t_ms, generation)
        if ingested.error is None:
            self.cache.end(self._seen, good=True)
        return ingested

    def append_nothing(
        self, appender: Appender, t_ms: int, generation: int
    ) -> PromscrapeError | None:
        """Append the stale markers that a failed or empty scrape owes, and end it."""
        self.cache.use_generation(generation)
        error = self._append_stale(appender, t_ms, generation)
        if error is None and self.cache.end(self._seen, good=False):
            self._metrics.cache_flush_forced.inc()
        self._seen = array("I")
        return error

    def append_end_of_run(
        self, appender: Appender, t_ms: int, generation: int
    ) -> PromscrapeError | None:
        """Append stale markers for all series of the last scrape: the target is gone."""
        self.cache.use_generation(generation)
        return self._append_markers(appender, self.cache.tracked(), t_ms, generation)

    def _append_plan(
        self,
        appender: Appender,
        plan: Plan,
        columns: Columns,
        t_ms: int,
        now_ms: int,
        generation: int,
        ingested: Ingested,
    ) -> None:
        timestamps = columns.timestamps if self._config.honor_timestamps else None
        values = _select(columns.values, plan)
        times = None if timestamps is None else _select(timestamps, plan)
        limit = self._config.sample_limit
        over_limit = bool(limit) and len(plan.ids) > limit
        if over_limit:
            self._metrics.exceeded_sample_limit.inc()
            ingested.error = ingested.error or SampleLimitExceeded()
            plan = _first(plan, limit)
            values, times = values[:limit], times and times[:limit]
        ahead = 0
        if times is not None and max(times, default=0) > now_ms + MAX_AHEAD_MS:
            before = len(plan.ids)
            plan, values, times = _drop_ahead(plan, values, times, now_ms + MAX_AHEAD_MS)
            ahead = before - len(plan.ids)
        batch = Batch(plan.refs, plan.labels, values, t_ms, generation, times)
        appended = appender.append(batch)
        ingested.added = self.cache.note_appended(plan, batch.refs, appended)
        self.cache.track(self._to_track(plan, appended, times))
        if appended.error is not None:
            ingested.error = appended.error
            ingested.scraped, ingested.relabeled = _position(plan, appended.count)
        self._count_refused(appended.codes, plan.repeated, ahead)

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

    def _append_stale(
        self, appender: Appender, t_ms: int, generation: int
    ) -> PromscrapeError | None:
        return self._append_markers(appender, self.cache.stale(), t_ms, generation)

    def _append_markers(
        self, appender: Appender, ids: "array[int]", t_ms: int, generation: int
    ) -> PromscrapeError | None:
        if not ids:
            return None
        cache = self.cache
        values = array("d", [STALE_NAN]) * len(ids)
        batch = Batch(
            cache.refs_of(ids),
            cache.labels_of(ids),
            values,
            t_ms,
            generation,
            reject_out_of_order=True,
        )
        # A marker that comes too late is no loss: the series lives on elsewhere (L31).
        return appender.append(batch).error

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


def _first(plan: Plan, count: int) -> Plan:
    return replace(plan, ids=plan.ids[:count], labels=plan.labels[:count], refs=plan.refs[:count])


def _drop_ahead(
    plan: Plan, values: "array[float]", times: "array[int]", latest_ms: int
) -> tuple[Plan, "array[float]", "array[int]"]:
    near = bytes(t_ms <= latest_ms for t_ms in times)
    plan = replace(
        plan,
        ids=array("I", compress(plan.ids, near)),
        labels=list(compress(plan.labels, near)),
        refs=array("Q", compress(plan.refs, near)),
    )
    return plan, array("d", compress(values, near)), array("q", compress(times, near))


def _position(plan: Plan, appended: int) -> tuple[int, int]:
    """Return how many samples were looked at, and left by relabeling, before a refused one."""
    if plan.keep is None:
        return appended + 1, appended
    places: Sequence[int] = [i for i, kept in enumerate(plan.keep) if kept]
    return places[appended] + 1, appended
