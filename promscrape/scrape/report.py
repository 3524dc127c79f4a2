"""The series that a scrape writes about itself: `up` and its kin (rules L13 to L25)."""

from array import array
from typing import final

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import PromscrapeError
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.scrape.ingest import Ingested
from promscrape.scrape.transaction import Transaction

BODY_TOO_LARGE = -1
"""What `scrape_body_size_bytes` says of a body over its limit."""

_NAMES = (
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
)
_EXTRA_NAMES = ("scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes")


@final
class ReportSeries:
    """One target's report series, and the storage's handles for them."""

    def __init__(self, config: ScrapeConfig, target_labels: Labels, timeout_s: float) -> None:
        self._extra = config.extra_scrape_metrics
        self._fixed = (timeout_s, float(config.sample_limit))
        self._names = _NAMES + _EXTRA_NAMES if self._extra else _NAMES
        self._target_labels = target_labels
        # Made at the first scrape: the scrapes of thousands of targets that are loaded at once
        # are spread over the interval, and so is this work.
        self._labels: list[Labels] = []
        self._refs = array("Q", [0]) * len(self._names)
        self._generation = 0

    def append(
        self, transaction: Transaction, ingested: Ingested, duration_s: float, body_bytes: int
    ) -> PromscrapeError | None:
        """Append the report. Samples that come out of order are no error (L24)."""
        values = [
            0.0 if ingested.error else 1.0,
            duration_s,
            float(ingested.scraped),
            float(ingested.relabeled),
            float(ingested.added),
        ]
        if self._extra:
            values += [*self._fixed, float(body_bytes)]
        self._prepare(transaction.generation)
        appended = transaction.append(self._refs, self._labels, array("d", values))
        if appended.error is None:
            self._refs = appended.refs
        return appended.error

    def append_end_of_run(self, transaction: Transaction) -> PromscrapeError | None:
        """Append a stale marker to each: the target is gone (L30)."""
        self._prepare(transaction.generation)
        return transaction.append_markers(self._refs, self._labels)

    def _prepare(self, generation: int) -> None:
        if not self._labels:
            own = list(self._target_labels)
            self._labels = [Labels.from_pairs([(METRIC_NAME, name), *own]) for name in self._names]
        if generation != self._generation:
            self._generation = generation
            self._refs = array("Q", [0]) * len(self._names)
