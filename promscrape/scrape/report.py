"""The series that a scrape writes about itself: `up` and its kin (rules L13 to L25)."""

from array import array
from typing import final

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import PromscrapeError
from promscrape.model.labels import METRIC_NAME, Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.scrape.ingest import Ingested
from promscrape.scrape.transaction import Transaction

BODY_TOO_LARGE = -1
"""What `scrape_body_size_bytes` says of a body over its limit."""


def _gauge(help_: str, unit: str) -> Metadata:
    return Metadata(MetricType.GAUGE, help_, unit)


_SERIES = {
    "up": _gauge("Whether the last scrape succeeded.", "targets"),
    "scrape_duration_seconds": _gauge("How long the last scrape took.", "seconds"),
    "scrape_samples_scraped": _gauge("Samples that the target exposed.", "samples"),
    "scrape_samples_post_metric_relabeling": _gauge(
        "Samples that metric relabeling left.", "samples"
    ),
    "scrape_series_added": _gauge("Series that were new in the last scrape.", "series"),
}
_EXTRA_SERIES = {
    "scrape_timeout_seconds": _gauge("The target's scrape_timeout.", "seconds"),
    "scrape_sample_limit": _gauge("The job's sample_limit; 0 is none.", "samples"),
    "scrape_body_size_bytes": _gauge(
        "The unpacked size of the last body; -1 if it was over its limit.", "bytes"
    ),
}


@final
class ReportSeries:
    """One target's report series.

    refs: the storage's handles for them, 0 where they are unknown.
    """

    def __init__(
        self,
        config: ScrapeConfig,
        target_labels: Labels,
        timeout_s: float,
    ) -> None:
        self._extra = config.extra_scrape_metrics
        self._fixed = (timeout_s, float(config.sample_limit))
        series = {**_SERIES, **_EXTRA_SERIES} if self._extra else _SERIES
        self._names = tuple(series)
        self._metadata = tuple(series.values())
        self._target_labels = target_labels
        # Made at the first scrape: the scrapes of thousands of targets that are loaded at once
        # are spread over the interval, and so is this work.
        self._labels: list[Labels] = []
        self.refs = array("Q", [0]) * len(self._names)
        self._generation = 0

    def append(
        self, transaction: Transaction, ingested: Ingested, duration_s: float, body_bytes: int
    ) -> PromscrapeError | None:
        """Append the report. Samples that come out of order are no error (L24)."""
        values = self.values(ingested, duration_s, body_bytes)
        self._prepare(transaction.generation)
        appended = transaction.append(self.refs, self._labels, values, self._metadata)
        if appended.error is None:
            self.refs = appended.refs
        return appended.error

    def values(self, ingested: Ingested, duration_s: float, body_bytes: int) -> "array[float]":
        """Return the report's samples, in the order of its series."""
        row = (
            0.0 if ingested.error else 1.0,
            duration_s,
            ingested.scraped,
            ingested.relabeled,
            ingested.added,
        )
        return array("d", (*row, *self._fixed, body_bytes) if self._extra else row)

    def append_end_of_run(self, transaction: Transaction) -> PromscrapeError | None:
        """Append a stale marker to each: the target is gone (L30)."""
        self._prepare(transaction.generation)
        return transaction.append_markers(self.refs, self._labels)

    def _prepare(self, generation: int) -> None:
        if not self._labels:
            own = list(self._target_labels)
            self._labels = [Labels.from_pairs([(METRIC_NAME, name), *own]) for name in self._names]
        if generation != self._generation:
            self._generation = generation
            self.refs = array("Q", [0]) * len(self._names)
