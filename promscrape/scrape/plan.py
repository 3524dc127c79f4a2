"""What a scrape appends of a body, worked out once for a list of series."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from promscrape.errors import ScrapeError
from promscrape.model.kept_labels import KeptLabels


@dataclass(slots=True)
class Plan:
    """What to append of a body, and why not the rest.

    ids, labels, refs: of the samples to append, in order.
    keep: a selector over the body's samples, None where all of them are appended.
    scraped: how many of the body's samples were looked at; fewer than all where `error` ended it.
    relabeled: how many of those metric relabeling left, repetitions included.
    repeated: how many are left out since their series stood earlier in the body.
    cut: how many are left out since there was no `room` for them.
    unknown: whether some of `refs` are still 0.
    parts: the same cut up, once that is wanted and no handle is unknown.
    """

    series: "array[int]"
    ids: "array[int]"
    labels: KeptLabels
    refs: "array[int]"
    keep: bytes | None
    scraped: int
    relabeled: int
    repeated: int
    cut: int = 0
    room: int = 0
    error: ScrapeError | None = None
    unknown: bool = True
    parts: Sequence["Plan"] = ()

    def cut_up(self, size: int) -> "Iterator[Plan]":
        """Yield the plan in parts of so many samples."""
        for start in range(0, len(self.ids), size):
            end = start + size
            yield replace(
                self,
                ids=self.ids[start:end],
                labels=self.labels[start:end],
                refs=self.refs[start:end],
                keep=None,
                repeated=0 if start else self.repeated,
                parts=(),
            )
