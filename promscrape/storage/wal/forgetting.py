"""Lets go of series minutes after they ended, where a truncation would do so hours later.

In a cluster that starts and ends pods all day most series in memory would otherwise be of pods
that are gone. A series may go as soon as nothing can come that its last timestamp is needed for:

    sample ... stale marker | silence | gone: its row is empty, a checkpoint still keeps its record
                            while the log has samples of it; if it comes back, it gets a new ref

Prometheus's agent keeps such series until the next truncation; it gives them new refs after that.
"""

import asyncio
from array import array
from bisect import insort
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple, final

from promscrape.clock import Clock
from promscrape.storage.wal.appender import WalParts
from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.departures import Departures
from promscrape.storage.wal.ended import SILENCE_S, Ended
from promscrape.storage.wal.holder import Holder
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.tail import Position

_STEP_S: Final = 10.0
_DROPS_A_TURN: Final = 1000

_due_s, _silence_s = attrgetter("due_s"), attrgetter("silence_s")


class Silent(NamedTuple):
    """Rows that are to be dropped, unless they got a sample from `before_ms` on. 0 is no row."""

    rows: Sequence[int]
    before_ms: int


class _Crowd(NamedTuple):
    """Series that ended in one step: when they are due, and where the log ended after them."""

    due_s: float
    end: Position
    ended: Sequence[Ended]


@final
class Forgetter:
    """Drops series from memory, and keeps the books about it. All calls are the event loop's.

    holders: those who read the log. deleted: the series that left memory, as far as the log has
    samples of them. is_held: nothing is forgotten while it is set.
    """

    def __init__(
        self,
        parts: WalParts,
        deleted: DeletedSeries,
        departures: Departures,
        clock: Clock,
    ) -> None:
        self._parts, self._departures, self._clock = parts, departures, clock
        self.deleted = deleted
        self.holders: list[Holder] = []
        self._crowds: list[_Crowd] = []  # by when they are due
        self._next_turn_s = clock.monotonic_s() + SILENCE_S
        self.is_held = False

    async def run(self) -> None:
        """Forget what is due, again and again, until cancelled."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic_s() + _STEP_S)
            self._take_noted()
            while not self.is_held and self._is_due():
                await self._forget(self._crowds.pop(0))

    def _take_noted(self) -> None:
        now_s = self._clock.monotonic_s()
        noted, end = self._parts.ended.take(), self._parts.tail.end
        for silence_s, some in groupby(sorted(noted, key=_silence_s), key=_silence_s):
            insort(self._crowds, _Crowd(now_s + silence_s, end, list(some)), key=_due_s)
        if now_s >= self._next_turn_s:
            self._next_turn_s = now_s + SILENCE_S
            self._parts.ended.turn()

    def _is_due(self) -> bool:
        """Whether the oldest crowd was silent for long enough, and every holder is past it.

        One that is behind would have to look for the series in the log.
        """
        if not self._crowds or self._crowds[0].due_s > self._clock.monotonic_s():
            return False
        end = self._crowds[0].end
        return all(holder.needed >= end for holder in self.holders)

    async def _forget(self, crowd: _Crowd) -> None:
        """Drop what is left of a crowd, some series a turn of the event loop."""
        table, metrics = self._parts.table, self._parts.metrics
        turn: list[Silent] = []
        for ended in crowd.ended:
            # A series that came back has a later timestamp, and stays.
            turn.append(Silent(table.handles_of(ended.refs), ended.t_ms + 1))
            if sum(len(silent.rows) for silent in turn) >= _DROPS_A_TURN:
                metrics.series_forgotten.value += self.drop(turn, crowd.end.segment)
                turn = []
                await asyncio.sleep(0)
        metrics.series_forgotten.value += self.drop(turn, crowd.end.segment)

    def drop(self, silent: Iterable[Silent], segment: int) -> int:
        """Drop those series that are silent, and return how many.

        segment: the last one that may have samples of them.
        """
        table, layouts, metrics = self._parts.table, self._parts.layouts, self._parts.metrics
        is_refused = self._parts.ended.is_refused
        dropped: list[LoggedSeries] = []
        rows: list[int] = []
        for some in silent:
            wanted = [row for row in some.rows if row and not is_refused(row)]
            dropped += table.drop(wanted, some.before_ms)
            rows += wanted
        if not dropped:
            return 0
        layouts.forget_rows(rows)
        self.deleted.add_all(dropped, segment)
        refs = [series.ref for series in dropped]
        self._departures.add(array("Q", table.take_aliases(refs) + refs))
        metrics.active_series.value = len(table)
        metrics.deleted_series.value = len(self.deleted)
        return len(dropped)
