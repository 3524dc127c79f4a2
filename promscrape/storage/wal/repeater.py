"""The same series again: a transaction of which nothing has to be worked out but the values."""

from array import array
from typing import final

from promscrape.errors import StorageError
from promscrape.model.sample import is_stale
from promscrape.storage.wal.appender import WalParts
from promscrape.storage.wal.layout import BatchLayout
from promscrape.storage.wal.series import Handles
from promscrape.storage.wal.tail import Commit, Floats


@final
class WalRepeater:
    """Implements `storage.interface.Repeater`. Good for one generation of the table."""

    __slots__ = ("_generation", "_layout", "_parts")

    def __init__(self, parts: WalParts, handles: Handles) -> None:
        self._parts, self._generation = parts, parts.table.generation
        self._layout = BatchLayout(parts.table, handles)

    def append(self, values: "array[float]", t_ms: int) -> bool:
        """See `storage.interface.Repeater`: what `WalAppender` makes of such a batch, at once."""
        parts, layout = self._parts, self._layout
        table = parts.table
        if (
            table.generation != self._generation
            or table.has_unlogged
            # The markers of histograms are histograms.
            or (table.histogram_kinds and is_stale(values[0]))
            or not layout.advance(table, t_ms)
        ):
            return False
        try:
            parts.writer.append_one(layout.record(table, values, t_ms))
        except StorageError:
            layout.step_back(table)
            raise
        parts.metrics.floats_appended.value += len(values)
        parts.on_logged()
        block = Floats(layout.shared_refs(table), values, t_ms)
        parts.tail.move(Commit(parts.writer.position, (block,)))
        return True
