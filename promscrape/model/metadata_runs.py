"""The metadata of a body's samples: those of a family follow one another, and have one entry."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from operator import is_, sub
from typing import final, overload

from promscrape.model.metadata import Metadata, MetricType


@final
class MetadataRuns(Sequence[Metadata | None]):
    """A sequence like any other that takes some bytes a family in place of eight a sample.

    families, entries, ends: of each run; where it ends in the sequence. Not changed but by `add`.
    """

    __slots__ = ("ends", "entries", "families")

    def __init__(self) -> None:
        self.families: list[str] = []
        self.entries: list[Metadata | None] = []
        self.ends = array("I")

    def add(self, family: str, entry: Metadata | None, count: int) -> None:
        """Add so many samples of a family."""
        if count > 0:
            self.ends.append(len(self) + count)
            self.families.append(family)
            self.entries.append(entry)

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __iter__(self) -> Iterator[Metadata | None]:
        counts = map(sub, self.ends, chain((0,), self.ends))
        return chain.from_iterable(map(repeat, self.entries, counts))

    @overload
    def __getitem__(self, at: int) -> Metadata | None: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Metadata | None]: ...

    def __getitem__(self, at: int | slice) -> Metadata | Sequence[Metadata | None] | None:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            return self._between(start, stop) if step == 1 else list(self)[at]
        place = at if at >= 0 else len(self) + at
        if not 0 <= place < len(self):
            raise IndexError("no such sample")
        return self.entries[bisect_right(self.ends, place)]

    def _between(self, start: int, stop: int) -> "MetadataRuns":
        found = MetadataRuns()
        for at in range(bisect_right(self.ends, start), len(self.ends)):
            if start >= stop:
                break
            end = min(self.ends[at], stop)
            found.add(self.families[at], self.entries[at], end - start)
            start = end
        return found

    def says_as(self, other: "MetadataRuns") -> bool:
        """Whether the very objects stand where they do in another one."""
        return self.ends == other.ends and all(map(is_, self.entries, other.entries))

    def places(self) -> Mapping[tuple[str, MetricType], slice]:
        """Return where the samples of each family with metadata are, by its type as well."""
        starts = chain((0,), self.ends)
        runs = zip(self.families, self.entries, starts, self.ends, strict=False)
        return {
            (family, entry.type): slice(start, end)
            for family, entry, start, end in runs
            if entry is not None
        }
