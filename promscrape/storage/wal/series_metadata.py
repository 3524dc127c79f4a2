"""What is known of the family of each series in memory, in four bytes a row."""

from array import array
from collections.abc import Iterable
from typing import Final, final

from promscrape.model.metadata import Metadata

_NONE: Final = 0
_ENTRIES_TO_SPARE: Final = 1000


@final
class SeriesMetadata:
    """The column of numbers of entries, each of which is kept once. For one thread.

    changes: how often a row's entry has changed. is_kept: whether anything is; see `keep`.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.is_kept = True
        self._begin()

    def _begin(self) -> None:
        self._numbers = array("I")  # by row, as far as any is known
        self._entries: list[Metadata | None] = [None]
        self._number_of: dict[Metadata, int] = {}
        self._most = _ENTRIES_TO_SPARE

    def keep(self, *, is_kept: bool) -> None:
        """Let there be a use for what is known, or none, which takes no memory then."""
        self.is_kept = is_kept
        if not is_kept:
            self._begin()
            self.changes += 1

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._number_of)

    def of(self, row: int) -> Metadata | None:
        return self._entries[self._numbers[row]] if row < len(self._numbers) else None

    def note(self, rows: "array[int]", metadata: Iterable[Metadata | None]) -> None:
        """Take over what is known of the rows' families; nothing known changes nothing."""
        missing = max(rows, default=-1) + 1 - len(self._numbers)
        if missing > 0:
            self._numbers.frombytes(bytes(self._numbers.itemsize * missing))
        last, number = None, _NONE
        for row, entry in zip(rows, metadata, strict=False):
            if entry is None:
                continue
            if entry is not last:
                last, number = entry, self._number(entry)
            if self._numbers[row] != number:
                self._numbers[row] = number
                self.changes += 1

    def forget(self, row: int) -> None:
        """Let nothing be known of a row."""
        if row < len(self._numbers):
            self._numbers[row] = _NONE

    def _number(self, entry: Metadata) -> int:
        number = self._number_of.get(entry)
        if number is None:
            if len(self._entries) > self._most:
                self._forget_unused()
            number = self._number_of[entry] = len(self._entries)
            self._entries.append(entry)
        return number

    def _forget_unused(self) -> None:
        """Let go of the entries that no row has: helps may change all the time."""
        used = sorted({_NONE, *self._numbers})
        moved = {number: at for at, number in enumerate(used)}
        self._numbers = array("I", map(moved.__getitem__, self._numbers))
        self._entries = [self._entries[number] for number in used]
        self._number_of = {entry: at for at, entry in enumerate(self._entries) if entry is not None}
        self._most = 2 * len(self._entries) + _ENTRIES_TO_SPARE
