"""The samples of a body that go into a transaction, and what a job's limits leave of them.

Rules S11 to S14 and the guard of section 3.4 of the scrape specification.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TypeAlias, TypeVar, final

from promscrape.errors import BucketLimitExceeded, LimitExceeded, SampleLimitExceeded
from promscrape.exposition.columns import Columns
from promscrape.model.buckets import TooManyBucketsError, within_limit, within_schema
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import MAX_SCHEMA, Histogram
from promscrape.model.metadata import Metadata
from promscrape.model.pieces import compressed
from promscrape.scrape.plan import Plan

Exemplars: TypeAlias = Mapping[int, Sequence[Exemplar]]
"""By the place of their sample; most samples have none."""

MetadataColumn: TypeAlias = Sequence[Metadata | None]

Number = TypeVar("Number", int, float)
Sparse = TypeVar("Sparse")


@final
@dataclass(slots=True)  # not frozen, for the reason given at `Columns`
class Samples:
    """What is to be appended of a body; `plan` has the series, the columns are as long.

    ahead: samples that were left out since they are too far in the future.
    error: the limit that a sample is over, which fails the scrape; the samples' own before the
        buckets' (L27). refused_at: the place of the first such sample.
    """

    plan: Plan
    values: "array[float]"
    times: "array[int] | None" = None
    exemplars: Exemplars = field(default_factory=dict)
    histograms: Mapping[int, Histogram] = field(default_factory=dict)
    starts: "array[int] | None" = None
    metadata: MetadataColumn | None = None
    ahead: int = 0
    error: LimitExceeded | None = None
    refused_at: int | None = None

    @classmethod
    def of(
        cls,
        columns: Columns,
        plan: Plan,
        times: "array[int] | None",
        metadata: MetadataColumn | None,
    ) -> "Samples":
        """Return the part of a body that the plan appends; `metadata` is the plan's already."""
        return cls(
            plan,
            select(columns.values, plan),
            times and select(times, plan),
            _select_sparse(columns.exemplars, plan),
            _select_sparse(columns.histograms, plan),
            columns.starts and select(columns.starts, plan),
            metadata,
        )

    def parts(self, plans: Iterable[Plan]) -> Iterator["Samples"]:
        """Yield the samples cut up like their plan."""
        start = 0
        exemplars = sorted(self.exemplars.items(), key=_place)
        histograms = sorted(self.histograms.items(), key=_place)
        for plan in plans:
            end = start + len(plan.ids)
            yield Samples(
                plan,
                self.values[start:end],
                self.times and self.times[start:end],
                _taken(exemplars, start, end),
                _taken(histograms, start, end),
                self.starts and self.starts[start:end],
                self.metadata and self.metadata[start:end],
                0 if start else self.ahead,
            )
            start = end

    def first(self, count: int) -> "Samples":
        """Return the first samples, up to the limit."""
        plan, ids = self.plan, self.plan.ids[:count]
        labels, refs = plan.labels[:count], plan.refs[:count]
        return replace(
            self,
            plan=replace(plan, ids=ids, labels=labels, refs=refs, parts=()),
            values=self.values[:count],
            times=self.times and self.times[:count],
            starts=self.starts and self.starts[:count],
            exemplars={at: found for at, found in self.exemplars.items() if at < count},
            histograms={at: found for at, found in self.histograms.items() if at < count},
            metadata=self.metadata and self.metadata[:count],
            error=SampleLimitExceeded(),
            refused_at=count if self.refused_at is None else min(self.refused_at, count),
        )

    def until(self, latest_ms: int) -> "Samples":
        """Return the samples that are not later than that."""
        near = bytes(t_ms <= latest_ms for t_ms in self.times or ())
        return replace(self.those(near), ahead=near.count(0))

    def with_buckets(self, schema: int, limit: int) -> "Samples":
        """Return the samples with histograms of this schema at most, and so many buckets.

        limit: 0 is none. Histograms that cannot be made to fit it are left out.
        """
        if not self.histograms or (schema == MAX_SCHEMA and not limit):
            return self
        fitting: dict[int, Histogram] = {}
        refused: list[int] = []
        for place, histogram in self.histograms.items():
            try:
                reduced = within_schema(histogram, schema)
                fitting[place] = within_limit(reduced, limit) if limit else reduced
            except TooManyBucketsError:
                refused.append(place)
        fitted = replace(self, histograms=fitting)
        if not refused:
            return fitted
        near = bytearray(b"\x01") * len(self.values)
        for place in refused:
            near[place] = 0
        error = BucketLimitExceeded()
        return replace(fitted.those(bytes(near)), error=error, refused_at=min(refused))

    def those(self, near: bytes) -> "Samples":
        """Return the samples whose place has a 1."""
        plan = self.plan
        return replace(
            self,
            plan=replace(
                plan,
                ids=compressed(plan.ids, near),
                labels=plan.labels.those(near),
                refs=compressed(plan.refs, near),
                parts=(),
            ),
            values=compressed(self.values, near),
            times=self.times and compressed(self.times, near),
            starts=self.starts and compressed(self.starts, near),
            exemplars=_kept(self.exemplars, near),
            histograms=_kept(self.histograms, near),
            metadata=self.metadata and list(compress(self.metadata, near)),
        )


def select(column: "array[Number]", plan: Plan) -> "array[Number]":
    """Return the part of a body's column that the plan appends."""
    if plan.keep is None:
        return column if len(column) == len(plan.ids) else column[: len(plan.ids)]
    return compressed(column, plan.keep)


def _select_sparse(sparse: Mapping[int, Sparse], plan: Plan) -> Mapping[int, Sparse]:
    """Return the entries of the samples that the plan appends, by their places in it."""
    if not sparse:
        return {}
    if plan.keep is None:
        return {at: found for at, found in sparse.items() if at < len(plan.ids)}
    return _kept(sparse, plan.keep)


def _kept(sparse: Mapping[int, Sparse], keep: bytes) -> dict[int, Sparse]:
    """Return the entries of the samples whose place has a 1, by their places among those."""
    kept: dict[int, Sparse] = {}
    counted_to = moved = 0
    for at in sorted(sparse):
        if at >= len(keep):
            break
        moved += keep.count(1, counted_to, at)
        counted_to = at
        if keep[at]:
            kept[moved] = sparse[at]
    return kept


def _taken(entries: list[tuple[int, Sparse]], start: int, end: int) -> Mapping[int, Sparse]:
    """Return the entries of a part by their places in it; the entries ascend by place."""
    first = bisect_left(entries, start, key=_place)
    return {
        at - start: entry for at, entry in entries[first : bisect_left(entries, end, key=_place)]
    }


def _place(entry: tuple[int, object]) -> int:
    return entry[0]
