"""One scrape's transaction: an open appender, and what all of its batches carry."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

from promscrape.errors import PromscrapeError
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.model.sample import STALE_NAN
from promscrape.scrape.samples import Samples
from promscrape.storage.interface import Appendable, Appended, Appender, Batch


@final
@dataclass(slots=True)  # not frozen, for the reason given at `Columns`
class Transaction:
    """`t_ms` is the time of every sample that brings none of its own.

    generation: that of the storage's handles. No await stands between the opening and the end,
    so it cannot change meanwhile.
    """

    appender: Appender
    t_ms: int
    generation: int

    @classmethod
    def open(cls, storage: Appendable, t_ms: int) -> Self:
        return cls(storage.appender(), t_ms, storage.generation)

    def append(
        self,
        refs: "array[int]",
        labels: Sequence[Labels],
        values: "array[float]",
        metadata: Sequence[Metadata | None] | None = None,
    ) -> Appended:
        """Append float samples of this transaction's time; see `Batch` for the columns."""
        return self.appender.append(
            Batch(refs, labels, values, self.t_ms, self.generation, metadata=metadata)
        )

    def append_samples(self, samples: Samples) -> Appended:
        """Append what a body brought."""
        return self.appender.append(
            Batch(
                samples.plan.refs,
                samples.plan.labels,
                samples.values,
                self.t_ms,
                self.generation,
                samples.times,
                samples.exemplars,
                samples.histograms,
                samples.starts,
                samples.metadata,
            )
        )

    def append_markers(
        self, refs: "array[int]", labels: Sequence[Labels]
    ) -> PromscrapeError | None:
        """Append a stale marker to each series.

        A marker that comes too late is no loss: the series lives on elsewhere (L31).
        """
        values = array("d", [STALE_NAN]) * len(refs)
        batch = Batch(refs, labels, values, self.t_ms, self.generation, reject_out_of_order=True)
        return self.appender.append(batch).error if refs else None
