"""What a storage takes, in columns, and what it owes for them.

A scrape opens one appender, hands it batches (its samples, its stale markers, its report) and
ends it with exactly one commit or rollback. All of it becomes visible, or none.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

from promscrape.errors import StorageError
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.model.sample import NO_START, NO_TIMESTAMP

__all__ = [
    "NO_START",
    "NO_TIMESTAMP",
    "AppendCode",
    "Appendable",
    "Appended",
    "Appender",
    "Batch",
    "Repeater",
]


class AppendCode(IntEnum):
    """What became of one sample. Refusals are counted, not raised: the others go on."""

    ACCEPTED = 0
    OUT_OF_ORDER = 1
    DUPLICATE = 2
    OUT_OF_BOUNDS = 3


@dataclass(slots=True)
class Batch:
    """Samples of one transaction, a column for each property, in the order of their appends.

    refs: array("Q"), the storage's own handles as an earlier `Appended` gave them, 0 where
        unknown; they are below 2**32. Handles are only good while the storage's `generation` is the one given here;
        otherwise the storage resolves each series by its labels again.
    labels: the series' label sets, as long as `refs`; shared, never copied. Where they are
        `KeptLabels` of the storage's own store, none of them is made.
    values: array("d"). NaN keeps its bits: a stale marker is a value like any other.
    t_ms: the timestamp of every sample that has none of its own.
    timestamps: array("q"), or None where no sample has its own; NO_TIMESTAMP where one lacks it.
    exemplars, histograms: sparse, by position. At the position of a histogram the value is 0.
        A histogram is valid: see `model.histogram_check`. The stale marker of a series of
        histograms may be given as a float.
    starts: array("q"), when each sample's counter started, NO_START where that is unknown; None
        where it is unknown of all. What becomes of them is the storage's business, and none of
        them fails its sample.
    metadata: what is known of each series' family, None where nothing is; None as a whole where
        metadata is not asked for. It is the very object of the batch before while nothing of it
        changed, so that a storage need look at it only once.
    reject_out_of_order: refuse old samples even where the storage has an out-of-order window.

    The storage keeps none of the columns past the commit except the label sets, and changes
    none of them.
    """

    refs: "array[int]"
    labels: Sequence[Labels]
    values: "array[float]"
    t_ms: int
    generation: int
    timestamps: "array[int] | None" = None
    exemplars: Mapping[int, Sequence[Exemplar]] = field(default_factory=dict)
    histograms: Mapping[int, Histogram] = field(default_factory=dict)
    starts: "array[int] | None" = None
    metadata: Sequence[Metadata | None] | None = None
    reject_out_of_order: bool = False


@dataclass(slots=True)  # not frozen, for the reason given at `Columns`
class Appended:
    """What became of a batch.

    refs: the batch's own array where nothing was learnt, else a new one; good for `generation`.
        A refused sample of a known series has its handle; of an unknown one, 0.
    codes: None where every sample was accepted, else an AppendCode a sample.
    exemplars_out_of_order: how many exemplars were refused as too old, of samples whose every
        exemplar was; no refused exemplar fails its sample.
    error: the first sample that no storage can take (InvalidSeries) ends the batch: samples
        before it stand, `count` of them, and it and those after it were not looked at.
    """

    refs: "array[int]"
    generation: int
    count: int
    codes: bytes | None = None
    exemplars_out_of_order: int = 0
    error: StorageError | None = None


class Appender(Protocol):
    """One transaction. Not to be shared between tasks; no await stands between its calls.

    Ordering: samples of one series keep the order of the calls. A sample at or before the last
    *committed* timestamp of its series is out of order; within the transaction there is no such
    check, so the caller drops duplicates first. Source: Prometheus tsdb/agent/db.go.
    """

    def append(self, batch: Batch) -> Appended:
        """Take the batch into the transaction; see `Appended` for refusals."""

    def commit(self) -> None:
        """Make the transaction durable against the end of this process, and visible.

        Raises StorageError where the log cannot be written; the transaction is then gone.
        """

    def rollback(self) -> None:
        """Drop the transaction's samples. Series it created stay known."""


class Repeater(Protocol):
    """Appends to the same series again and again, with none of the work that they need but once."""

    def append(self, values: "array[float]", t_ms: int) -> bool:
        """Append a sample at `t_ms` to each series, and commit, as a transaction of its own.

        The array is the storage's from then on. Returns False where anything about it would be
        out of the ordinary (a sample out of order, a series that the storage forgot, ...): nothing
        has happened then, and an appender is needed. Raises StorageError as `commit` does.
        """


class Appendable(Protocol):
    """A storage that can be appended to."""

    def repeater(self, refs: "array[int]") -> Repeater | None:
        """Return a repeater for the series with these handles, which are all of this generation.

        None where the storage has none, or it would save nothing.
        """

    @property
    def labels(self) -> LabelStore:
        """The store of label sets; callers that keep theirs there have them in common with it."""

    @property
    def generation(self) -> int:
        """Changes whenever handles were taken back; never repeats in one process."""

    @property
    def keeps_metadata(self) -> bool:
        """Whether batches need bring metadata. This may change between two of them."""

    def appender(self) -> Appender:
        """Open a transaction. Several may be open at a time; each is independent."""
