"""Series that left memory while the log still has samples of them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import final

from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.ref_runs import RefRuns


@final
class DeletedSeries:
    """Refs, by the last segment that may use them: a few segments, with many refs each.

    Checkpoints keep the series record of a ref until they have replaced that segment. Label sets
    are kept only where checkpoints are built from memory. Source: Prometheus tsdb/agent/db.go.
    """

    def __init__(self, *, keeps_labels: bool) -> None:
        self._keeps_labels = keeps_labels
        self._wires: dict[int, dict[int, bytes]] = {}  # by segment, then by ref
        self._runs: dict[int, RefRuns] = {}  # of whole crowds, without labels; also by segment

    def __len__(self) -> int:
        return sum(map(len, self._wires.values())) + sum(map(len, self._runs.values()))

    @property
    def has_single(self) -> bool:
        """Whether there are any that were added by themselves."""
        return bool(self._wires)

    def __contains__(self, ref: int) -> bool:
        return self.is_single(ref) or any(ref in refs for refs in self._runs.values())

    def is_single(self, ref: int) -> bool:
        """Whether it was added by itself."""
        return any(ref in refs for refs in self._wires.values())

    def add(self, series: LoggedSeries, segment: int) -> None:
        """Take a series that `segment` may use; of two such segments the later one counts."""
        if self.is_single(series.ref):
            self.use(series.ref, segment)
        else:
            wire = series.wire if self._keeps_labels else b""
            self._wires.setdefault(segment, {})[series.ref] = wire

    def add_all(self, series: Sequence[LoggedSeries], segment: int) -> None:
        """Take series that left memory, and that `segment` was the last to use."""
        if self._keeps_labels:
            self._wires.setdefault(segment, {}).update((one.ref, one.wire) for one in series)
        elif series:
            runs = self._runs.setdefault(segment, RefRuns())
            runs.add(one.ref for one in series)

    def use(self, ref: int, segment: int) -> None:
        """Take note that `segment` has samples of `ref`, where it was added by itself."""
        for last, refs in self._wires.items():
            if ref in refs:
                if last < segment:
                    self._wires.setdefault(segment, {})[ref] = refs.pop(ref)
                return

    def use_all(self, refs: Iterable[int], segment: int) -> int:
        """Take note that `segment` has samples of these, and return how many are of these."""
        runs = self._runs.get(segment, RefRuns())
        known, found = 0, list[int]()
        for ref in refs:
            if ref in runs:
                known += 1
            elif ref in self:
                self.use(ref, segment)
                found.append(ref)
        if found:
            runs.add(ref for ref in found if not self.is_single(ref))
            self._runs[segment] = runs
        return known + len(found)

    def refs_used_after(self, segment: int) -> RefRuns:
        """Return the refs that segments after this one may use, as a set that stays as it is."""
        found = RefRuns()
        for last, runs in self._runs.items():
            if last > segment:
                found.add_runs(runs)
        for last, refs in self._wires.items():
            if last > segment:
                found.add(refs)
        return found

    def used_after(self, segment: int) -> Iterator[LoggedSeries]:
        """Yield the series that segments after this one may use, with their labels if kept."""
        for last, refs in self._wires.items():
            if last > segment:
                yield from (LoggedSeries(ref, wire) for ref, wire in refs.items())

    def forget(self, segment: int) -> None:
        """Drop what no segment after this one uses."""
        for by_segment in (self._wires, self._runs):
            for last in [last for last in by_segment if last <= segment]:
                del by_segment[last]
