"""The store of label sets, in both twins."""

from array import array
from collections import Counter
from collections.abc import Sequence
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model import _label_store_py
from promscrape.model.labels import Labels
from promscrape.twins import COMPILED

TWINS = [pytest.param(_label_store_py, id="plain")]
if COMPILED:
    from promscrape.model import _label_store_c

    TWINS.append(pytest.param(_label_store_c, id="compiled"))

TEXTS = st.one_of(
    st.text("abé\x00", max_size=3),
    st.sampled_from(["", "a" * 127, "b" * 128, "c" * 20_000]),
)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "é", "d" * 200]), TEXTS), max_size=5)
# Few label sets, of many shapes: they come and go, and take each other's room.
SETS = [
    Labels.from_map({f"n{at}": str(number % (at + 2)) * at for at in range(number % 5)}).wire
    for number in range(60)
] + [Labels.from_map({f"n{at}": "x" for at in range(count)}).wire for count in (70, 64, 63, 150)]
# Kept where true, let go where false.
STEPS = st.lists(st.tuples(st.booleans(), st.sampled_from(SETS)), max_size=300)


def held(
    store: "_label_store_py.LabelStore", steps: Sequence[tuple[bool, bytes]]
) -> Counter[bytes]:
    """Do the steps and return how often each label set is held; what nobody holds is not let go."""
    counts = Counter[bytes]()
    for is_kept, wire in steps:
        if is_kept:
            counts[wire] += 1
            assert store.wire(store.keep(wire)) == wire
        elif counts[wire]:
            counts[wire] -= 1
            store.let_go(store.find(wire))
    return +counts


@pytest.mark.parametrize("twin", TWINS)
@given(STEPS)
def test_it_keeps_what_is_held(twin: ModuleType, steps: list[tuple[bool, bytes]]) -> None:
    """Storage 3.3: a label set is one row, through any growth and any removal."""
    store = twin.LabelStore()
    counts = held(store, steps)
    del counts[b"\x00"]
    assert len(store) == len(counts)
    rows = {wire: store.find(wire) for wire in SETS}
    assert {wire for wire, row in rows.items() if row} == set(counts)
    assert len(set(rows.values()) - {0}) == len(counts)
    assert all(store.wire(rows[wire]) == wire for wire in counts)
    # And every text goes with the last label set that has it.
    store.let_go_all(array("I", [rows[wire] for wire in counts.elements()]))
    assert len(store) == 0
    assert not any(store.find_text(b"n%d" % at) for at in range(150))


@pytest.mark.parametrize("twin", TWINS)
@given(STEPS)
def test_rows_are_numbered_alike(twin: ModuleType, steps: list[tuple[bool, bytes]]) -> None:
    """Those let go first are given out again first: a scrape's series shall lie together."""
    store, plain = twin.LabelStore(), _label_store_py.LabelStore()
    held(store, steps)
    held(plain, steps)
    assert [store.find(wire) for wire in SETS] == [plain.find(wire) for wire in SETS]


@pytest.mark.parametrize("twin", TWINS)
def test_it_grows_to_many(twin: ModuleType) -> None:
    """Each table many times, and what is let go can come again."""
    store = twin.LabelStore()
    wires = [Labels.from_map({"n": str(at), "job": "j"}).wire for at in range(30_000)]
    rows = array("I", map(store.keep, wires))
    assert list(map(store.find, wires)) == list(rows)
    size = store.size_bytes
    for _ in range(3):
        store.let_go_all(rows[::2])
        assert [store.find(wire) != 0 for wire in wires] == [at % 2 == 1 for at in range(30_000)]
        again = array("I", map(store.keep, wires[::2]))
        assert sorted(again) == list(rows[::2])
        rows[::2] = again
    assert list(map(store.wire, rows)) == wires
    assert store.size_bytes <= size * 1.01


@pytest.mark.parametrize("twin", TWINS)
@given(st.lists(PAIRS, max_size=6))
def test_texts_have_one_symbol_each(twin: ModuleType, sets: list[list[tuple[str, str]]]) -> None:
    """Names and values by turns, one symbol for all that are equal."""
    store, symbols = twin.LabelStore(), dict[bytes, int]()
    for pairs in sets:
        labels = Labels.from_pairs(pairs)
        row = store.keep(labels.wire)
        flat = [text.encode() for pair in labels for text in pair]
        assert [store.text(symbol) for symbol in store.symbols(row)] == flat
        symbols |= dict(zip(flat, store.symbols(row), strict=True))
        assert store.wire(row) == labels.wire
        names = [name for name, value in pairs if value]
        assert store.repeats_name(row) == (len(set(names)) < len(names))
    assert {text: store.find_text(text) for text in symbols} == symbols
    assert len(set(symbols.values())) == len(symbols)


@pytest.mark.parametrize("twin", TWINS)
@given(st.binary(max_size=12))
def test_bytes_that_are_no_label_set_are_refused(twin: ModuleType, wire: bytes) -> None:
    """With the same word in both twins, and the store is as it was."""

    def outcome(store: "_label_store_py.LabelStore") -> object:
        try:
            return store.wire(store.keep(wire)), store.find(wire)
        except ValueError as error:
            return str(error), len(store)

    assert outcome(twin.LabelStore()) == outcome(_label_store_py.LabelStore())


@pytest.mark.parametrize("twin", TWINS)
def test_a_text_is_kept_by_itself(twin: ModuleType) -> None:
    """As often as it was asked for, beside the label sets that have it."""
    store = twin.LabelStore()
    row = store.keep(Labels.from_map({"a": "b"}).wire)
    symbol = store.keep_text(b"b")
    assert symbol == store.symbols(row)[1]
    store.let_go(row)
    assert store.text(symbol) == b"b"
    assert store.find_text(b"a") == 0
    store.let_go_text(symbol)
    assert store.find_text(b"b") == 0
    assert store.keep_text(b"") == store.find_text(b"") == 0
    store.let_go_text(0)
    assert store.text(0) == b""


@pytest.mark.parametrize("twin", TWINS)
def test_what_nobody_holds_cannot_be_held_or_let_go(twin: ModuleType) -> None:
    """A mistake of the program is seen, before it takes the row of someone else."""
    store = twin.LabelStore()
    row = store.keep(Labels.from_map({"a": "b"}).wire)
    symbol = store.symbols(row)[0]
    store.let_go(row)
    for call in (store.hold, store.let_go, store.symbols, store.repeats_name):
        for wrong in (row, 99):
            with pytest.raises(IndexError):
                call(wrong)
    for call in (store.text, store.let_go_text):
        for wrong in (symbol, 99):
            with pytest.raises(IndexError):
                call(wrong)
    assert store.wire(row) == b"\x00"
    with pytest.raises(IndexError):
        store.wire(99)


@pytest.mark.parametrize("twin", TWINS)
def test_the_empty_set_needs_no_holding(twin: ModuleType) -> None:
    """It is row 0, whatever is done to it."""
    store = twin.LabelStore()
    assert store.keep(b"\x00") == store.find(b"\x00") == 0
    store.hold(0)
    store.let_go_all(array("I", [0, 0, 0]))
    assert store.wire(0) == b"\x00"
    assert len(store.symbols(0)) == len(store) == 0
    assert not store.repeats_name(0)


@pytest.mark.parametrize("twin", TWINS)
def test_a_row_held_beyond_counting_stays(twin: ModuleType) -> None:
    """The count has two bytes; to let it begin anew would take the row from its holders."""
    store = twin.LabelStore()
    row = store.keep(Labels.from_map({"a": "b"}).wire)
    for _ in range(70_000):
        store.hold(row)
    store.let_go_all(array("I", [row]) * 70_000)
    assert store.wire(row) == Labels.from_map({"a": "b"}).wire
