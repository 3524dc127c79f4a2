"""The label sets of a process, each kept once and in small room, for all who name series by them.

A label set is a row: the symbols of its names and values, by turns. A symbol is a number for a
text that is kept once, however many label sets have it. A million series of a target mostly share
all but one of their texts, and a row of them takes a third of what their `wire` takes.

    symbols   "", "__name__", "up", "job", "node", ...
    rows      (), (1 2 3 4), (1 9 3 4), ...

Who holds a row counts: the scrape that brings it, the log that has it, a destination that is sent
it. What nobody holds any longer goes, and its number is given out again.

This is the reference twin: it defines the behavior of the compiled one.
"""

from array import array
from collections import deque
from threading import Lock
from typing import final

from promscrape.model.row_index import RowIndex
from promscrape.model.varint import uvarint

_EMPTY = 0
_HELD_FOREVER = 0xFFFF
"""A row that is held so often is never let go: nobody counts so far."""


@final
class LabelStore:
    """Label sets by row. Row 0 is the empty set, which needs no holding.

    Any thread may ask and change. What a row says is sure for as long as somebody holds it.
    """

    def __init__(self) -> None:
        self._texts: list[bytes] = [b""]
        self._users = array("I", (1,))
        self._by_text = RowIndex(self._texts)
        self._free_symbols: list[int] = []
        self._sets: list[bytes] = [b""]  # each an array of symbols
        self._holds = array("H", (0,))
        self._by_symbols = RowIndex(self._sets)
        self._free_rows: deque[int] = deque()
        # Finalizers let go of rows too, and run in the middle of anything.
        self._left: deque[array[int]] = deque()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return how many label sets are kept, without the empty one."""
        self._settle()
        return len(self._by_symbols)

    @property
    def size_bytes(self) -> int:
        """The memory that is taken by texts and symbols, the tables left out."""
        return sum(map(len, self._texts)) + sum(map(len, self._sets))

    def find(self, wire: bytes) -> int:
        """Return the row of this label set, 0 where it is not kept. Raises ValueError as `keep`."""
        texts = _texts_of(wire)
        with self._lock:
            symbols = [self._by_text.find(text) if text else _EMPTY for text in texts]
            if not texts or any(text and not at for at, text in zip(symbols, texts, strict=True)):
                return _EMPTY
            return self._by_symbols.find(array("I", symbols).tobytes())

    def keep(self, wire: bytes) -> int:
        """Return the row of this label set, which the caller holds once more from now on.

        Raises ValueError where it is cut short.
        """
        texts = _texts_of(wire)
        if not texts:
            return _EMPTY
        self._settle()
        with self._lock:
            symbols = array("I", map(self._kept, texts)).tobytes()
            row = self._by_symbols.find(symbols)
            if row:
                self._drop(symbols)
            else:
                row = self._add(symbols)
            self._hold(row)
        return row

    def _add(self, symbols: bytes) -> int:
        """Give symbols a row. Those are given out again first that were let go first."""
        if self._free_rows:
            row = self._free_rows.popleft()
            self._sets[row] = symbols
        else:
            row = len(self._sets)
            self._sets.append(symbols)
            self._holds.append(0)
        self._by_symbols.add(row)
        return row

    def hold(self, row: int) -> None:
        """Hold a row once more. Raises IndexError where nobody holds it."""
        with self._lock:
            self._check(row)
            self._hold(row)

    def _hold(self, row: int) -> None:
        if row != _EMPTY and self._holds[row] != _HELD_FOREVER:
            self._holds[row] += 1

    def let_go(self, row: int) -> None:
        """Hold a row once less. Raises IndexError where nobody holds it."""
        self.let_go_all(array("I", (row,)))

    def let_go_all(self, rows: "array[int]") -> None:
        """As `let_go` of each. For finalizers, too."""
        for row in rows:
            self._check(row)
        self._left.append(rows[:])
        self._settle()

    def _settle(self) -> None:
        """Let go of what is left, unless someone is at work here: that one will, or the next."""
        if self._left and self._lock.acquire(blocking=False):
            try:
                while self._left:
                    for row in self._left.popleft():
                        self._let_go(row)
            finally:
                self._lock.release()

    def _let_go(self, row: int) -> None:
        if row == _EMPTY or self._holds[row] == _HELD_FOREVER:
            return
        self._holds[row] -= 1
        if self._holds[row] == 0:
            self._by_symbols.remove(row)
            symbols, self._sets[row] = self._sets[row], b""
            self._drop(symbols)
            self._free_rows.append(row)

    def _check(self, row: int) -> None:
        if row != _EMPTY and self._holds[row] == 0:
            raise IndexError("no such row")

    def wire(self, row: int) -> bytes:
        """Return the label set in the encoding of `Labels`, the empty one where nobody holds it.

        Raises IndexError for a row that never was.
        """
        texts = [self._texts[symbol] for symbol in array("I", self._sets[row])]
        sized = [part for text in texts for part in (uvarint(len(text)), text)]
        return b"".join((uvarint(len(texts) // 2), *sized))

    def repeats_name(self, row: int) -> bool:
        """Whether the label set has one name twice, where its names ascend."""
        names = self.symbols(row)[::2]
        return any(map(int.__eq__, names, names[1:]))

    def symbols(self, row: int) -> "array[int]":
        """Return the symbols of names and values by turns. Raises IndexError as `hold`."""
        self._check(row)
        return array("I", self._sets[row])

    def text(self, symbol: int) -> bytes:
        """Return what a symbol stands for. Raises IndexError where nobody has it."""
        if self._users[symbol] == 0:
            raise IndexError("no such symbol")
        return self._texts[symbol]

    def find_text(self, text: bytes) -> int:
        """Return the symbol of a text; 0 where it has none, and of the empty one."""
        with self._lock:
            return self._by_text.find(text) if text else _EMPTY

    def keep_text(self, text: bytes) -> int:
        """Return the symbol of a text that is in no label set, or not for sure; see `let_go_text`."""
        with self._lock:
            return self._kept(text) if text else _EMPTY

    def let_go_text(self, symbol: int) -> None:
        """Undo a `keep_text`. Raises IndexError where nobody has the symbol."""
        with self._lock:
            self.text(symbol)
            if symbol != _EMPTY:
                self._drop(array("I", (symbol,)).tobytes())

    def _kept(self, text: bytes) -> int:
        symbol = self._by_text.find(text) if text else _EMPTY
        if symbol == _EMPTY and text:
            symbol = self._new_symbol(text)
        self._users[symbol] += 1
        return symbol

    def _new_symbol(self, text: bytes) -> int:
        if self._free_symbols:
            symbol = self._free_symbols.pop()
            self._texts[symbol] = text
        else:
            symbol = len(self._texts)
            self._texts.append(text)
            self._users.append(0)
        self._by_text.add(symbol)
        return symbol

    def _drop(self, symbols: bytes) -> None:
        """Take one user from each symbol; without any it goes."""
        for symbol in array("I", symbols):
            self._users[symbol] -= 1
            if self._users[symbol] == 0:
                self._by_text.remove(symbol)
                self._texts[symbol] = b""
                self._free_symbols.append(symbol)


def _texts_of(wire: bytes) -> list[bytes]:
    """Return names and values by turns."""
    count, at = _read_size(wire, 0)
    texts = []
    for _ in range(2 * count):
        size, begin = _read_size(wire, at)
        at = begin + size
        if at > len(wire):
            raise ValueError("a label set that is cut short")
        texts.append(wire[begin:at])
    return texts


def _read_size(wire: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    for place in range(at, len(wire)):
        byte = wire[place]
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size, place + 1
        shift += 7
    raise ValueError("a label set that is cut short")
