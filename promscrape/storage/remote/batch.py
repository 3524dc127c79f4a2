"""Items on their way to a destination: parts of commits, and the batches made of them.

An item is a sample, a histogram or an exemplar (7.4). Nothing is made for a single float sample:
a part is a slice of the columns of its commit.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import compress
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NoReturn, TypeVar, final

import msgspec

from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import Histogram
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.outcome import Counts
from promscrape.storage.remote.progress import Ticket

T = TypeVar("T")
Exemplars = Mapping[int, Sequence[Exemplar]]


_NOTHING: Final[Mapping[int, NoReturn]] = MappingProxyType({})


@final
class Part(msgspec.Struct, eq=False):  # made without a line of Python
    """Consecutive items of one commit, in columns as `Columns` has them. Not to be changed.

    commit: the ticket of that commit. timestamps: None where all are at `t_ms`. source: an array
    that comes with each commit of the same series, of which `rows` is a copy from `place` on; None
    where there is none. exemplar_count: how many there are in `exemplars`.
    """

    commit: Ticket
    rows: "array[int]"
    values: "array[float]"
    t_ms: int
    timestamps: "array[int] | None" = None
    starts: "array[int] | None" = None
    histograms: Mapping[int, Histogram] = _NOTHING
    exemplars: Exemplars = _NOTHING
    exemplar_count: int = 0
    source: "array[int] | None" = None
    place: int = 0

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self.rows) + self.exemplar_count

    @property
    def counts(self) -> Counts:
        return Counts(
            len(self.rows) - len(self.histograms), len(self.histograms), self.exemplar_count
        )

    @property
    def oldest_ms(self) -> int:
        return self.t_ms if self.timestamps is None else min(self.timestamps)

    @property
    def newest_ms(self) -> int:
        return self.t_ms if self.timestamps is None else max(self.timestamps)

    def times(self) -> "array[int]":
        """Return the timestamp of each row."""
        if self.timestamps is not None:
            return self.timestamps
        return array("q", (self.t_ms,)) * len(self.rows)

    def between(self, start: int, end: int) -> "Part":
        """Return the rows from `start` to before `end`, with what belongs to them."""
        if start == 0 and end >= len(self.rows):
            return self
        exemplars = _shifted(self.exemplars, start, end) if self.exemplars else _NOTHING
        return Part(
            self.commit,
            self.rows[start:end],
            self.values[start:end],
            self.t_ms,
            None if self.timestamps is None else self.timestamps[start:end],
            None if self.starts is None else self.starts[start:end],
            _shifted(self.histograms, start, end) if self.histograms else _NOTHING,
            exemplars,
            count_of(exemplars) if exemplars else 0,
            self.source,
            self.place + start,
        )

    def every(self, step: int, start: int) -> "Part":
        """Return each `step`th row from the `start`th on; for parts without sparse columns."""
        return Part(
            self.commit,
            self.rows[start::step],
            self.values[start::step],
            self.t_ms,
            None if self.timestamps is None else self.timestamps[start::step],
            None if self.starts is None else self.starts[start::step],
        )

    def picked(self, places: Sequence[int]) -> "Part":
        """Return the rows at these places, ascending."""
        if len(places) == len(self.rows):
            return self
        moved = {place: at for at, place in enumerate(places)}
        exemplars = {moved[at]: found for at, found in self.exemplars.items() if at in moved}
        return Part(
            self.commit,
            taken(self.rows, places),
            taken_values(self.values, places),
            self.t_ms,
            None if self.timestamps is None else taken(self.timestamps, places),
            None if self.starts is None else taken(self.starts, places),
            {moved[at]: found for at, found in self.histograms.items() if at in moved},
            exemplars,
            count_of(exemplars),
        )

    def fitting(self, items: int) -> int:
        """Return how many of the first rows have no more than `items` items together.

        A row and its exemplars are sent together: one that has more than `items` fits where it
        is the first.
        """
        if not self.exemplars:
            return min(items, len(self.rows))
        left = items
        for at in range(len(self.rows)):
            left -= 1 + len(self.exemplars.get(at, ()))
            if left < 0:
                return at
        return len(self.rows)


def count_of(exemplars: Exemplars) -> int:
    return sum(map(len, exemplars.values()))


def _shifted(sparse: Mapping[int, T], start: int, end: int) -> Mapping[int, T]:
    return {at - start: found for at, found in sparse.items() if start <= at < end}


def taken(column: "array[int]", places: Sequence[int]) -> "array[int]":
    """Return what a column has at these places."""
    if len(places) < 2:
        return array(column.typecode, [column[at] for at in places])
    return array(column.typecode, itemgetter(*places)(column))


def taken_values(values: "array[float]", places: Sequence[int]) -> "array[float]":
    """Return the values at these places."""
    # As integers, because a NaN's payload is not sure to outlive a float register.
    return array("d", taken(array("Q", values.tobytes()), places).tobytes())


@final
class Batch:
    """What becomes one request: parts in their order.

    size: how many items there are. rows: how many samples and histograms, each of which is a
    TimeSeries. histograms: how many of these are histograms. newest_ms: the newest timestamp.
    """

    __slots__ = ("histograms", "newest_ms", "parts", "rows", "size")

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.parts: list[Part] = []
        self.size = self.rows = self.histograms = self.newest_ms = 0
        for part in parts:
            self.append(part)

    def append(self, part: Part) -> None:
        self.parts.append(part)
        rows = len(part.rows)
        self.size += rows + part.exemplar_count
        self.rows += rows
        self.histograms += len(part.histograms)
        self.newest_ms = max(
            self.newest_ms, part.t_ms if part.timestamps is None else max(part.timestamps)
        )

    @property
    def counts(self) -> Counts:
        return Counts(self.rows - self.histograms, self.histograms, self.size - self.rows)

    @property
    def oldest_ms(self) -> int:
        return min(part.oldest_ms for part in self.parts)

    def since(self, limit_ms: int) -> "Batch":
        """Return what is not before `limit_ms` (6.3)."""
        kept = []
        for part in self.parts:
            young = part_since(part, limit_ms)
            if young.rows:
                kept.append(young)
        return Batch(kept)

    def without_custom_bounds(self) -> "Batch":
        """Return what the first version can say (4.9); the batch itself where that is all."""
        if not self.histograms or not any(map(_places_with_custom_bounds, self.parts)):
            return self
        kept = []
        for part in self.parts:
            lost = _places_with_custom_bounds(part)
            rest = part.picked([at for at in range(len(part.rows)) if at not in lost])
            if rest.rows:
                kept.append(rest)
        return Batch(kept)

    def apart(self, rows: AbstractSet[int]) -> "tuple[Batch, Batch]":
        """Return the items of all other rows, and the items of these."""
        others, these = Batch(), Batch()
        for part in self.parts:
            if rows.isdisjoint(part.rows):
                others.append(part)
                continue
            is_one = [row in rows for row in part.rows]
            places = range(len(is_one))
            these.append(part.picked(list(compress(places, is_one))))
            if rest := [place for place in places if not is_one[place]]:
                others.append(part.picked(rest))
        return others, these

    def halves(self) -> "tuple[Batch, Batch]":
        """Return the first and the second half of two rows or more."""
        left = self.rows // 2
        first, second = Batch(), Batch()
        for part in self.parts:
            count = len(part.rows)
            if left > 0:
                first.append(part.between(0, left))
            if left < count:
                second.append(part.between(max(left, 0), count))
            left -= count
        return first, second


def _places_with_custom_bounds(part: Part) -> set[int]:
    return {at for at, histogram in part.histograms.items() if histogram.has_custom_bounds}


def part_since(part: Part, limit_ms: int) -> Part:
    """Return the rows that are not before `limit_ms`."""
    if part.oldest_ms >= limit_ms:
        return part
    is_young = [t_ms >= limit_ms for t_ms in part.times()]
    return part.picked(list(compress(range(len(is_young)), is_young)))


def columns_of(parts: Sequence[Part]) -> Columns:
    """Return all parts as one."""
    rows, values, times = array("I"), array("d"), array("q")
    starts = array("q") if any(part.starts is not None for part in parts) else None
    histograms: dict[int, Histogram] = {}
    exemplars: dict[int, Sequence[Exemplar]] = {}
    for part in parts:
        base = len(rows)
        rows.extend(part.rows)
        values.extend(part.values)
        times.extend(part.times())
        if starts is not None:
            starts.extend(part.starts or array("q", bytes(8 * len(part.rows))))
        if part.histograms or part.exemplars:
            histograms |= {base + at: found for at, found in part.histograms.items()}
            exemplars |= {base + at: found for at, found in part.exemplars.items()}
    return Columns(rows, times, values, starts, histograms, exemplars)


def settle(parts: Iterable[Part]) -> None:
    """Take note that the destination has these parts, or shall not get them."""
    lanes = set()
    for part in parts:
        part.commit.items -= len(part.rows) + part.exemplar_count
        lanes.add(part.commit.lane)
    for lane in lanes:
        lane.advance()
