"""What is done to the label sets of many new series at once, in columns of rows of a store.

The first scrape of a target brings all of its series, and a rollout brings thousands: one call for
all of them costs a tenth of a call for each.

This is the reference twin: it defines the behavior of the compiled one.
"""

from array import array
from collections.abc import Sequence
from operator import itemgetter
from typing import TypeAlias

from promscrape.model.label_store import LabelStore
from promscrape.model.varint import uvarint

Rows: TypeAlias = "array[int]"
Pairs: TypeAlias = Sequence[tuple[bytes, bytes]]

_EMPTY = 0


def keep_all(store: LabelStore, wires: Sequence[bytes]) -> Rows:
    """Return the row of each label set, which the caller holds once more from now on.

    Raises ValueError where one is cut short; then none is held for it.
    """
    rows = array("I")
    try:
        for wire in wires:
            rows.append(store.keep(wire))
    except ValueError:
        store.let_go_all(rows)
        raise
    return rows


def hold_all(store: LabelStore, rows: Rows) -> None:
    """Hold each row once more. Raises IndexError where nobody holds one; then none is."""
    for row in rows:
        store.symbols(row)
    for row in rows:
        store.hold(row)


def repeats_any_name(store: LabelStore, rows: Rows) -> bool:
    """Whether one of these label sets has a name twice. Raises IndexError as `hold_all`."""
    return sum(map(store.repeats_name, rows)) > 0


def values_of(store: LabelStore, rows: Rows, name: bytes) -> "array[int]":
    """Return the symbol of the value that each label set has under a name, 0 where it lacks it.

    Of a name that stands twice the first value counts. Raises IndexError as `hold_all`.
    """
    wanted = store.find_text(name)
    found = array("I")
    for row in rows:
        # Where the store lacks the name, 0 stands for it, which is the empty name as well.
        symbols = store.symbols(row)
        pairs = zip(symbols[::2], symbols[1::2], strict=True)
        found.append(next((value for own, value in pairs if own == wanted != _EMPTY), _EMPTY))
    return found


def keep_with(store: LabelStore, rows: Rows, added: Pairs) -> Rows:
    """Return the rows of these label sets with labels added under the names that they lack.

    added: in ascending order of their names, of which none stands twice.

    The caller holds each row that is returned once more. Raises IndexError as `hold_all`.
    """
    wires = [_with(store, row, added) for row in rows]
    return keep_all(store, wires)


def _with(store: LabelStore, row: int, added: Pairs) -> bytes:
    texts = iter([store.text(symbol) for symbol in store.symbols(row)])
    own = list(zip(texts, texts, strict=True))
    names = {name for name, _ in own}
    lacking = [pair for pair in added if pair[0] not in names]
    merged = sorted((*own, *lacking), key=itemgetter(0))
    sized = [part for pair in merged for text in pair for part in (uvarint(len(text)), text)]
    return b"".join((uvarint(len(merged)), *sized))
