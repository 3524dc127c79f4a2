"""Many label sets at once, in both twins: what each of them by itself would have come to."""

from array import array
from collections.abc import Sequence
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model import _label_columns_py, _label_store_py
from promscrape.model.labels import Labels
from promscrape.twins import COMPILED

Twin = tuple[ModuleType, ModuleType]
TWINS = [pytest.param((_label_columns_py, _label_store_py), id="plain")]
if COMPILED:
    from promscrape.model import _label_columns_c, _label_store_c

    TWINS.append(pytest.param((_label_columns_c, _label_store_c), id="compiled"))

NAMES = st.sampled_from(["", "a", "ab", "b", "é", "d" * 200])
PAIRS = st.lists(st.tuples(NAMES, st.text("xé\x00", min_size=1, max_size=3)), max_size=6)
SETS = st.lists(PAIRS.map(Labels.from_pairs), max_size=20)
ADDED = st.dictionaries(NAMES, st.text("xyz", min_size=1, max_size=2), max_size=5)


def kept(twin: Twin, labels: Sequence[Labels]) -> tuple[_label_store_py.LabelStore, "array[int]"]:
    columns, stores = twin
    store = stores.LabelStore()
    return store, columns.keep_all(store, [one.wire for one in labels])


@pytest.mark.parametrize("twin", TWINS)
@given(labels=SETS)
def test_all_are_held_as_each_would_be(twin: Twin, labels: list[Labels]) -> None:
    """Storage 3.3: as often as they stand there."""
    store, rows = kept(twin, labels)
    assert [store.wire(row) for row in rows] == [one.wire for one in labels]
    assert list(rows) == [store.find(one.wire) for one in labels]
    twin[0].hold_all(store, rows)
    store.let_go_all(rows)
    assert [store.wire(row) for row in rows] == [one.wire for one in labels]
    store.let_go_all(rows)
    assert len(store) == 0


@pytest.mark.parametrize("twin", TWINS)
@given(labels=SETS)
def test_repeated_names_are_found(twin: Twin, labels: list[Labels]) -> None:
    store, rows = kept(twin, labels)
    names = [[name for name, _ in one] for one in labels]
    expected = any(len(set(own)) < len(own) for own in names)
    assert twin[0].repeats_any_name(store, rows) == expected


@pytest.mark.parametrize("twin", TWINS)
@given(labels=SETS, name=NAMES)
def test_values_are_found_by_their_name(twin: Twin, labels: list[Labels], name: str) -> None:
    """The first one, of a name that stands twice; none has the empty name."""
    store, rows = kept(twin, labels)
    found = twin[0].values_of(store, rows, name.encode())
    expected = [one.get(name) if name else "" for one in labels]
    assert [store.text(symbol).decode() for symbol in found] == expected


@pytest.mark.parametrize("twin", TWINS)
@given(labels=SETS, added=ADDED)
def test_labels_are_added_where_they_lack(
    twin: Twin, labels: list[Labels], added: dict[str, str]
) -> None:
    """Remote write 4.1: what a series has itself wins; nothing stays once all is let go."""
    store, rows = kept(twin, labels)
    more = [(name.encode(), value.encode()) for name, value in Labels.from_map(added)]
    merged = twin[0].keep_with(store, rows, more)
    for own, row in zip(labels, merged, strict=True):
        names = {name for name, _ in own}
        lacking = [pair for pair in added.items() if pair[0] not in names]
        assert store.wire(row) == Labels.from_pairs([*own, *lacking]).wire
    store.let_go_all(rows)
    store.let_go_all(merged)
    assert len(store) == 0
    assert not any(store.find_text(text) for pair in more for text in pair)


@pytest.mark.parametrize("twin", TWINS)
def test_what_is_cut_short_leaves_nothing_held(twin: Twin) -> None:
    """Whoever asked has no rows to let go of."""
    columns, stores = twin
    store = stores.LabelStore()
    wire = Labels.from_map({"a": "b"}).wire
    with pytest.raises(ValueError, match="cut short"):
        columns.keep_all(store, [wire, wire[:-1]])
    assert len(store) == 0


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("bad", [1, 99])
def test_rows_that_nobody_holds_are_refused(twin: Twin, bad: int) -> None:
    """And none of the others is held for it."""
    columns = twin[0]
    store, rows = kept(twin, [Labels.from_map({"a": "b"}), Labels.from_map({"c": "d"})])
    store.let_go(rows[0])
    asked = array("I", [rows[1], bad])
    for work, more in (
        (columns.hold_all, ()),
        (columns.repeats_any_name, ()),
        (columns.values_of, (b"a",)),
        (columns.keep_with, ([(b"e", b"f")],)),
    ):
        with pytest.raises(IndexError):
            work(store, asked, *more)
    store.let_go(rows[1])
    assert len(store) == 0
