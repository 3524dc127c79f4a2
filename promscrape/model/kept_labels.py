"""Label sets of which a store has the texts, in a sequence like any other."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import NamedTuple, final, overload

from promscrape.model.label_columns import values_of
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.pieces import picked


class Values(NamedTuple):
    """The values of some label sets under one name, "" where it is not among them.

    numbers: one for each label set. texts: what each number stands for.
    """

    numbers: "array[int]"
    texts: Mapping[int, str]

    def between(self, start: int, end: int) -> "Values":
        return Values(self.numbers[start:end], self.texts)


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
        rows: "array[int]",
        numbers: "array[int]",
        places: "range | array[int] | None" = None,
    ) -> None:
        self.store, self._rows, self._numbers = store, rows, numbers
        self._places: range | array[int] = range(len(numbers)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, at: int) -> Labels: ...

    @overload
    def __getitem__(self, at: slice) -> "KeptLabels": ...

    def __getitem__(self, at: int | slice) -> "Labels | KeptLabels":
        if isinstance(at, slice):
            return KeptLabels(self.store, self._rows, self._numbers, self._places[at])
        return Labels(self.store.wire(self.row(at)))

    def __iter__(self) -> Iterator[Labels]:
        return map(Labels, map(self.store.wire, self.rows()))

    def those(self, near: bytes) -> "KeptLabels":
        """Return the label sets whose place has a 1."""
        places = array("I", compress(self._places, near))
        return KeptLabels(self.store, self._rows, self._numbers, places)

    def row(self, at: int) -> int:
        """Return the row of the label set at this place."""
        return self._rows[self._numbers[self._places[at]]]

    def rows(self) -> "array[int]":
        """Return the row of each label set."""
        return picked(self._rows, self._own_numbers(), "I")

    def rows_at(self, places: "array[int]") -> "array[int]":
        """Return the row of the label set at each of these places."""
        return picked(self._rows, picked(self._own_numbers(), places, "I"), "I")

    def _own_numbers(self) -> "array[int]":
        places = self._places
        if not isinstance(places, range):
            return picked(self._numbers, places, "I")
        if places.step == 1:
            return self._numbers[places.start : places.stop]
        return picked(self._numbers, array("I", places), "I")

    def values_of(self, name: str) -> Values:
        """Return what each label set has under a name."""
        symbols = values_of(self.store, self.rows(), name.encode("utf-8", "surrogateescape"))
        text = self.store.text
        return Values(
            symbols, {at: text(at).decode("utf-8", "surrogateescape") for at in set(symbols)}
        )
