"""Series that left memory while the log still has samples of them."""

from collections.abc import Iterator
from typing import final

from promscrape.storage.wal.record_types import LoggedSeries


@final
class DeletedSeries:
    """Refs, by the last segment that may use them: a few segments, with many refs each.

    Checkpoints keep the series record of a ref until they have replaced that segment. Label sets
    are kept only where checkpoints are built from memory. Source: Prometheus tsdb/agent/db.go.
    """

    def __init__(self, *, keeps_labels: bool) -> None:
        self._keeps_labels = keeps_labels
        self._wires: dict[int, dict[int, bytes]] = {}  # by segment, then by ref

    def __len__(self) -> int:
        return sum(map(len, self._wires.values()))

    def __contains__(self, ref: int) -> bool:
        return any(ref in refs for refs in self._wires.values())

    def add(self, series: LoggedSeries, segment: int) -> None:
        """Take a series that `segment` may use; of two such segments the later one counts."""
        if series.ref in self:
            self.use(series.ref, segment)
        else:
            wire = series.wire if self._keeps_labels else b""
            self._wires.setdefault(segment, {})[series.ref] = wire

    def use(self, ref: int, segment: int) -> None:
        """Take note that `segment` has samples of `ref`, where it is one of these."""
        for last, refs in self._wires.items():
            if ref in refs:
                if last < segment:
                    self._wires.setdefault(segment, {})[ref] = refs.pop(ref)
                return

    def is_used_after(self, ref: int, segment: int) -> bool:
        return any(ref in refs for last, refs in self._wires.items() if last > segment)

    def used_after(self, segment: int) -> Iterator[LoggedSeries]:
        """Yield the series that segments after this one may use, with their labels if kept."""
        for last, refs in self._wires.items():
            if last > segment:
                yield from (LoggedSeries(ref, wire) for ref, wire in refs.items())

    def forget(self, segment: int) -> None:
        """Drop what no segment after this one uses."""
        for last in [last for last in self._wires if last <= segment]:
            del self._wires[last]
