"""The series of one destination, as it gets them: worked out once each, a million in small room.

A series is a row, found by the ref that the log has it under. What the destination gets of it,
after external labels and `write_relabel_configs`, lies in one long array of symbols, names and
values by turns; a symbol is a number for a string that is kept once.

    symbols   "", "__name__", "up", "job", "node", ...
    arena     1 2 3 4 | 1 9 3 4 | ...       row 5 is arena[begins[5]:ends[5]]

Row 0 stands for series that the destination does not get.
"""

import asyncio
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, final

from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.metadata import Metadata, MetricType
from promscrape.relabel import RelabelConfig, relabel
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.ref_index import RefIndex
from promscrape.storage.wal.wire_index import WireIndex

DROPPED = 0
_TYPES = tuple(MetricType)  # the protocol numbers them in the order in which they are declared
_MIN_GARBAGE = 1 << 16
_FORGOTTEN_A_TURN = 2000
_MAX_METADATA = 50_000


class SeriesSource(Protocol):
    """Knows the series of the log."""

    def named(self, ref: int) -> LoggedSeries | None:
        """Return the series with its own ref; None where it cannot tell."""


@final
@dataclass(frozen=True, slots=True)
class LabelPipeline:
    """What becomes of a series' labels on their way to a destination (4.1)."""

    external: Mapping[str, str]
    rules: Sequence[RelabelConfig]
    scheme: ValidationScheme

    def apply(self, wire: bytes) -> bytes | None:
        """Return the label set to send, None where the series is not sent."""
        if not self.external and not self.rules:
            return wire if wire != b"\x00" else None
        labels = {**self.external, **Labels(wire).to_map()}
        relabeled = relabel(labels, self.rules, self.scheme)
        return Labels.from_map(relabeled).wire if relabeled else None


@final
@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of an array of refs. `unknown` are those that nobody can name (4.2)."""

    rows: "array[int]"
    dropped: int
    unknown: Sequence[int] = ()


@final
class RemoteSeries:
    """Rows are added as their samples come, and let go with the log.

    metadata: what is known of the series with a ref. metadata_changes: a number that changes
    with it.
    """

    def __init__(
        self,
        pipeline: LabelPipeline,
        *,
        metadata: Callable[[int], Metadata | None] = lambda _: None,
        metadata_changes: Callable[[], int] = lambda: 0,
    ) -> None:
        self._pipeline = pipeline
        self._metadata, self._metadata_changes = metadata, metadata_changes
        self.symbols: list[bytes] = [b""]
        self._by_text = WireIndex(self.symbols)
        self.arena = array("I")
        self.begins, self.ends = array("Q", (0,)), array("Q", (0,))
        self.refs = array("Q", (0,))
        self._by_ref = RefIndex()  # of series that are sent; `_dropped` are the others
        self._dropped = RefIndex()
        self._free: deque[int] = deque()
        self._garbage = 0
        # By row: which entry of `metadata_entries`, and as of which change.
        self.metadata_of, self._metadata_as_of = array("I", (0,)), array("Q", (0,))
        self.metadata_entries: list[tuple[int, int, int]] = [(0, 0, 0)]  # type, help, unit
        self._metadata_ids: dict[Metadata | None, int] = {None: 0}
        self.layout = 0
        """Changes whenever a row or a symbol may stand for something else than before."""

    def __len__(self) -> int:
        return len(self.begins) - 1 - len(self._free)

    def rows(self, refs: "array[int]", source: SeriesSource) -> Rows:
        """Return the row of each ref, DROPPED for those that are not sent."""
        rows = self._by_ref.rows(refs)
        if rows.count(DROPPED) == 0:
            return Rows(rows, 0)
        unknown: list[int] = []
        for position, row in enumerate(rows):
            if row == DROPPED and not self._dropped[ref := refs[position]]:
                series = source.named(ref)
                if series is None:
                    unknown.append(ref)
                else:
                    rows[position] = self._add(ref, series)
        return Rows(rows, rows.count(DROPPED) - len(unknown), unknown)

    def _add(self, ref: int, series: LoggedSeries) -> int:
        if series.ref != ref and (row := self._by_ref[series.ref]):
            # The log has the series under two refs: they are one series to the destination.
            self._by_ref[ref] = row
            return row
        wire = self._pipeline.apply(series.wire)
        if wire is None:
            self._dropped[ref] = 1
            return DROPPED
        row = self._row_for(self._by_text.rows_of_texts(wire))
        self.refs[row] = series.ref
        self._by_ref[ref] = row
        if series.ref != ref:
            self._by_ref[series.ref] = row
        return row

    def _row_for(self, labels: "array[int]") -> int:
        begin = len(self.arena)
        self.arena.extend(labels)
        if self._free:
            row = self._free.popleft()
        else:
            row = len(self.begins)
            for column in (self.begins, self.ends, self.refs, self._metadata_as_of):
                column.append(0)
            self.metadata_of.append(0)
        self.begins[row], self.ends[row] = begin, len(self.arena)
        self._metadata_as_of[row] = 0
        self.metadata_of[row] = 0
        return row

    def _symbol(self, text: bytes) -> int:
        if not text:
            return 0
        symbol = self._by_text.find(text)
        if not symbol:
            symbol = len(self.symbols)
            self.symbols.append(text)
            self._by_text.add(symbol)
        return symbol

    def find_symbol(self, text: bytes) -> int:
        """Return the symbol of a string, 0 where it has none."""
        return self._by_text.find(text) if text else 0

    def labels(self, row: int) -> dict[str, str]:
        """Return the labels of a row as they are sent, for people."""
        texts = [
            self.symbols[symbol].decode("utf-8", "replace")
            for symbol in self.arena[self.begins[row] : self.ends[row]]
        ]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def refresh_metadata(self, rows: "array[int]") -> None:
        """Let `metadata_of` these rows be what is known now."""
        now = self._metadata_changes() + 1
        as_of = self._metadata_as_of
        for row in [row for row in rows if as_of[row] != now]:
            self._metadata_as_of[row] = now
            self.metadata_of[row] = self._metadata_id(self._metadata(self.refs[row]))

    def _metadata_id(self, metadata: Metadata | None) -> int:
        found = self._metadata_ids.get(metadata)
        if found is not None or metadata is None:
            return found or 0
        if len(self.metadata_entries) > _MAX_METADATA:  # helps that change all the time
            self.metadata_entries, self._metadata_ids = [(0, 0, 0)], {None: 0}
            self._metadata_as_of = array("Q", bytes(8 * len(self.begins)))
            self.metadata_of = array("I", bytes(4 * len(self.begins)))
        entry = (
            _TYPES.index(metadata.type),
            self._symbol(metadata.help.encode("utf-8", "replace")),
            self._symbol(metadata.unit.encode("utf-8", "replace")),
        )
        self._metadata_ids[metadata] = len(self.metadata_entries)
        self.metadata_entries.append(entry)
        return len(self.metadata_entries) - 1

    async def forget(self, is_needed: Callable[[int], bool]) -> None:
        """Let go of the series whose ref is not needed; no item of theirs may be on its way.

        The event loop gets its turn on the way. Source: Prometheus
        storage/remote/queue_manager.go, SeriesReset.
        """
        for index in (self._dropped, self._by_ref):
            refs = index.refs()
            for start in range(0, len(refs), _FORGOTTEN_A_TURN):
                for ref in refs[start : start + _FORGOTTEN_A_TURN]:
                    if not is_needed(ref):
                        self._forget(index, ref)
                await asyncio.sleep(0)
        if self._garbage > _MIN_GARBAGE and 2 * self._garbage > len(self.arena):
            self._compact()

    def _forget(self, index: RefIndex, ref: int) -> None:
        row = index[ref]
        index.remove(ref)
        if index is self._by_ref and self.refs[row] == ref:
            self._release(row)

    def _release(self, row: int) -> None:
        self._garbage += self.ends[row] - self.begins[row]
        self.begins[row] = self.ends[row] = self.refs[row] = 0
        self._free.append(row)
        self.layout += 1

    def _compact(self) -> None:
        """Close the gaps of the arena, and let go of symbols that nothing uses."""
        symbols, entries = self.symbols, self.metadata_entries
        arena, begins, ends = self.arena, self.begins, self.ends
        self.symbols = [b""]
        self._by_text = WireIndex(self.symbols)
        self.arena = array("I")
        for row in range(1, len(begins)):
            labels = arena[begins[row] : ends[row]]
            begins[row] = len(self.arena)
            self.arena.extend(map(self._symbol, map(symbols.__getitem__, labels)))
            ends[row] = len(self.arena)
        self.metadata_entries = [
            (kind, self._symbol(symbols[help_]), self._symbol(symbols[unit]))
            for kind, help_, unit in entries
        ]
        self._garbage = 0
        self.layout += 1
