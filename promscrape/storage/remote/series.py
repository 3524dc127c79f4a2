"""The series of one destination, as it gets them: worked out once each, a million in small room.

A series is a row, found by the ref that the log has it under: the row of its label set in the store
of label sets. What the destination gets of it, after external labels and `write_relabel_configs`,
mostly is the very label set that the log has, and lies in the store only once. The destination
holds each of its rows until it forgets the series.

Row 0 stands for series that the destination does not get.
"""

import asyncio
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import final

from promscrape.model.label_columns import hold_all, keep_with
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.pieces import has_zero, largest, picked, put_each, zeros
from promscrape.relabel import RelabelConfig, relabel
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.ref_index import RefIndex
from promscrape.storage.wal.tail import SeriesNames

DROPPED = 0
_TYPES = tuple(MetricType)  # the protocol numbers them in the order in which they are declared
_FORGOTTEN_A_TURN = 2000
_MAX_METADATA = 50_000


@final
@dataclass(frozen=True, slots=True)
class LabelPipeline:
    """What becomes of a series' labels on their way to a destination (4.1)."""

    external: Mapping[str, str]
    rules: Sequence[RelabelConfig]
    scheme: ValidationScheme

    @property
    def added(self) -> "Sequence[tuple[bytes, bytes]] | None":
        """What is added to labels, as `keep_with` wants it; None where rules have a say, too."""
        if self.rules:
            return None
        labels = Labels.from_map(self.external)
        return [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in labels]

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

    labels: the store of label sets, the log's own where the two are to share them. refs: by row, a
    ref that the log has the series under; 0 where the row is not one of these. metadata: what is known of the series with a ref. metadata_changes: a number that changes
    with it.
    """

    def __init__(
        self,
        pipeline: LabelPipeline,
        *,
        labels: LabelStore | None = None,
        metadata: Callable[[int], Metadata | None] = lambda _: None,
        metadata_changes: Callable[[], int] = lambda: 0,
    ) -> None:
        self.label_sets = LabelStore() if labels is None else labels
        self._pipeline, self._added = pipeline, pipeline.added
        self._metadata, self._metadata_changes = metadata, metadata_changes
        self.refs = array("Q", (0,))
        self._by_ref = RefIndex()  # of series that are sent; `_dropped` are the others
        self._dropped = RefIndex()
        self._others: dict[int, int] = {}  # how many refs a row has besides the one in `refs`
        self._count = 0
        # By row, as far as asked for: which entry of `metadata_entries`, and as of which change.
        self.metadata_of, self._metadata_as_of = array("I", (0,)), array("Q", (0,))
        self.metadata_entries: list[tuple[int, int, int]] = [(0, 0, 0)]  # type, help, unit
        self._metadata_ids: dict[Metadata | None, int] = {None: 0}
        self.layout = 0
        """Changes whenever a row or a symbol may stand for something else than before."""

    def __del__(self) -> None:
        # A destination that was taken out of the configuration: nobody tells it so.
        self._let_go_of_metadata()
        self.label_sets.let_go_all(array("I", [row for row, ref in enumerate(self.refs) if ref]))

    def __len__(self) -> int:
        return self._count

    def rows(self, refs: "array[int]", source: SeriesNames) -> Rows:
        """Return the row of each ref, DROPPED for those that are not sent."""
        rows = self._by_ref.rows(refs)
        if not has_zero(rows):
            return Rows(rows, 0)
        if self._added is not None:
            self._add_all(refs, rows, source)
        unknown: list[int] = []
        for position in zeros(rows):
            if not self._dropped[ref := refs[position]]:
                if series := source.named(ref):
                    # One that stands twice here, each time with another timestamp, is known by now.
                    rows[position] = self._by_ref[ref] or self._add(ref, series)
                else:
                    unknown.append(ref)
        return Rows(rows, rows.count(DROPPED) - len(unknown), unknown)

    def _add_all(self, refs: "array[int]", rows: "array[int]", source: SeriesNames) -> None:
        """Add the series that are at hand in the store, and that no rule has a say in."""
        places = zeros(rows)
        own = picked(refs, places, "Q")
        found = source.rows_in(self.label_sets, own)
        if DROPPED in found:
            places, own = array("I", compress(places, found)), array("Q", compress(own, found))
            found = array("I", filter(None, found))
        if not found:
            return
        if self._added:
            found = keep_with(self.label_sets, found, self._added)
        else:
            hold_all(self.label_sets, found)
        self._make_room(max(found))
        put_each(rows, places, found)
        if len(set(found)) < len(found) or largest(picked(self.refs, found, "Q")):
            self._name_one_by_one(found, own)
            return
        put_each(self.refs, found, own)
        self._by_ref.put_all(own, found)
        self._count += len(found)
        self._forget_metadata_of(found)

    def _name_one_by_one(self, rows: "array[int]", refs: "array[int]") -> None:
        """Let refs stand for rows that are held once for each of them."""
        for row, ref in zip(rows, refs, strict=True):
            if self.refs[row]:
                # The ref stands twice here, or labels have made two series one: it is held once.
                self.label_sets.let_go(row)
            if self._by_ref[ref] != row:
                self._name(row, ref)

    def _forget_metadata_of(self, rows: "array[int]") -> None:
        """Let the metadata of rows that stand for others now be looked up again."""
        end = len(self.metadata_of)
        for row in rows if min(rows, default=end) < end else ():
            if row < end:
                self.metadata_of[row] = self._metadata_as_of[row] = 0

    def _add(self, ref: int, series: LoggedSeries) -> int:
        if series.ref != ref and (row := self._by_ref[series.ref]):
            # The log has the series under two refs: they are one series to the destination.
            self._name(row, ref)
            return row
        wire = self._pipeline.apply(series.wire)
        if wire is None:
            self._dropped[ref] = 1
            return DROPPED
        row = self.label_sets.keep(wire)
        if row < len(self.refs) and self.refs[row]:
            # Rules have made two series one: the row is held once.
            self.label_sets.let_go(row)
        self._name(row, series.ref)
        if series.ref != ref:
            self._name(row, ref)
        return row

    def _name(self, row: int, ref: int) -> None:
        """Let a ref stand for a row. The row is held from the first one on."""
        self._by_ref[ref] = row
        self._make_room(row)
        if self.refs[row]:
            self._others[row] = self._others.get(row, 0) + 1
        else:
            self.refs[row] = ref
            self._count += 1
            self._forget_metadata_of(array("I", (row,)))

    def _make_room(self, row: int) -> None:
        """Have a place for this row."""
        missing = row + 1 - len(self.refs)
        if missing > 0:
            self.refs.frombytes(bytes(8 * missing))

    def labels(self, row: int) -> dict[str, str]:
        """Return the labels of a row as they are sent, for people."""
        texts = [
            self.label_sets.text(symbol).decode("utf-8", "replace")
            for symbol in self.label_sets.symbols(row)
        ]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    def refresh_metadata(self, rows: "array[int]") -> None:
        """Let `metadata_of` these rows be what is known now."""
        missing = max(rows, default=0) + 1 - len(self.metadata_of)
        if missing > 0:
            self.metadata_of.frombytes(bytes(4 * missing))
            self._metadata_as_of.frombytes(bytes(8 * missing))
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
            self._let_go_of_metadata()
            self.metadata_entries, self._metadata_ids = [(0, 0, 0)], {None: 0}
            self._metadata_as_of = array("Q", bytes(8 * len(self._metadata_as_of)))
            self.metadata_of = array("I", bytes(4 * len(self.metadata_of)))
        entry = (
            _TYPES.index(metadata.type),
            self.label_sets.keep_text(metadata.help.encode("utf-8", "replace")),
            self.label_sets.keep_text(metadata.unit.encode("utf-8", "replace")),
        )
        self._metadata_ids[metadata] = len(self.metadata_entries)
        self.metadata_entries.append(entry)
        return len(self.metadata_entries) - 1

    def _let_go_of_metadata(self) -> None:
        for _, help_, unit in self.metadata_entries:
            self.label_sets.let_go_text(help_)
            self.label_sets.let_go_text(unit)

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

    async def forget_refs(self, refs: Sequence[int]) -> list[int]:
        """Let go of these series, see `forget`; return the refs that have to be given once more."""
        for start in range(0, len(refs), _FORGOTTEN_A_TURN):
            for ref in refs[start : start + _FORGOTTEN_A_TURN]:
                for index in (self._dropped, self._by_ref):
                    if index[ref]:
                        self._forget(index, ref)
            await asyncio.sleep(0)
        return [ref for ref in refs if self._by_ref[ref]]

    def _forget(self, index: RefIndex, ref: int) -> None:
        row = index[ref]
        if index is self._dropped:
            index.remove(ref)
        elif others := self._others.pop(row, 0):
            if self.refs[row] == ref:
                # It tells who is on their way: it goes last.
                self._others[row] = others
                return
            index.remove(ref)
            if others > 1:
                self._others[row] = others - 1
        else:
            index.remove(ref)
            self._release(row)

    def _release(self, row: int) -> None:
        self.refs[row] = 0
        self._count -= 1
        self.label_sets.let_go(row)
        self.layout += 1
