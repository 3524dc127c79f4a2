"""Label sets of which a store has the texts, in a sequence like any other."""

from array import array
from collections.abc import Iterator, Sequence
from typing import Protocol, final, overload

from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels


class Numbered(Protocol):
    """Knows which row of the store each of its numbers stands for."""

    def __getitem__(self, number: int, /) -> int: ...


@final
class KeptLabels(Sequence[Labels]):
    """The label sets of some numbers, each made when it is asked for.

    store: where they lie. Who knows that store asks for rows, for which nothing is made. places: of
    the numbers that count, None for all.

    Good for as long as each of the numbers stands for what it stood for.
    """

    __slots__ = ("_numbers", "_places", "_rows", "store")

    def __init__(
        self,
        store: LabelStore,
        rows: Numbered,
        numbers: "array[int]",
        places: range | None = None,
    ) -> None:
        self.store, self._rows, self._numbers = store, rows, numbers
        self._places = range(len(numbers)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Labels: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Labels]: ...

    def __getitem__(self, at: int | slice) -> Labels | Sequence[Labels]:
        if isinstance(at, slice):
            return KeptLabels(self.store, self._rows, self._numbers, self._places[at])
        return Labels(self.store.wire(self.row(at)))

    def __iter__(self) -> Iterator[Labels]:
        return map(Labels, map(self.store.wire, self.rows()))

    def row(self, at: int) -> int:
        """Return the row of the label set at this place."""
        return self._rows[self._numbers[self._places[at]]]

    def rows(self) -> "array[int]":
        """Return the row of each label set."""
        numbers = map(self._numbers.__getitem__, self._places)
        return array("I", map(self._rows.__getitem__, numbers))
