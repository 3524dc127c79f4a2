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
    """Implements `storage.interface.Repeater`, as long as none of the series is dropped."""

    __slots__ = ("_count", "_entries", "_handles", "_layout", "_parts", "_refs")

    def __init__(self, parts: WalParts, handles: Handles) -> None:
        self._parts, self._count = parts, len(handles)
        # The cache of layouts, which hears of drops, keeps this one no longer than the array.
        self._handles, self._layout = handles, BatchLayout(parts.table, handles)
        parts.layouts.keep(handles, self._layout)
        self._refs = refs = self._layout.shared_refs(parts.table)
        self._entries = self._layout.entries(parts.table, refs[0])

    def append(self, values: "array[float]", t_ms: int) -> bool:
        """See `storage.interface.Repeater`: what `WalAppender` makes of such a batch, at once."""
        parts, layout = self._parts, self._layout
        table = parts.table
        if (
            not layout.is_kept
            or table.has_unlogged
            # The markers of histograms are histograms.
            or (table.histogram_kinds and is_stale(values[0]))
            or not layout.advance(table, t_ms)
        ):
            return False
        try:
            parts.writer.append_one(self._entries.record(t_ms, values))
        except StorageError:
            layout.step_back(table)
            raise
        count = self._count
        parts.metrics.floats_appended.value += count
        parts.on_logged()
        block = Floats(self._refs, values, t_ms)
        parts.tail.move(Commit(parts.writer.position, (block,), (), (), count, t_ms))
        return True
