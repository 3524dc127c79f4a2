"""The index of label sets, in both twins."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.labels import Labels
from promscrape.storage.wal import _wire_index_py
from promscrape.twins import COMPILED

TWINS = [pytest.param(_wire_index_py, id="plain")]
if COMPILED:
    from promscrape.storage.wal import _wire_index_c

    TWINS.append(pytest.param(_wire_index_c, id="compiled"))

# Few label sets and small tables make them collide; the true is added and false removed.
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, 2000)), max_size=400)
TEXTS = st.one_of(
    st.text("abé\x00", max_size=3),
    st.sampled_from(["", "a" * 127, "b" * 128, "c" * 20_000]),
)
PAIRS = st.lists(st.tuples(st.sampled_from(["a", "b", "é", "d" * 200]), TEXTS), max_size=5)


@pytest.mark.parametrize("twin", TWINS)
@given(STEPS)
def test_it_finds_what_a_dict_finds(twin: ModuleType, steps: list[tuple[bool, int]]) -> None:
    """Storage 3.3: a label set is one series, through any growth and any removal."""
    wires, rows = [b""], dict[bytes, int]()
    index = twin.WireIndex(wires)
    for is_added, number in steps:
        wire = b"%d" % number
        if is_added and wire not in rows:
            rows[wire] = len(wires)
            wires.append(wire)
            index.add(rows[wire])
        elif not is_added and wire in rows:
            index.remove(rows.pop(wire))
    assert len(index) == len(rows)
    assert {wire: index.find(wire) for wire in set(wires[1:])} == {
        wire: rows.get(wire, 0) for wire in set(wires[1:])
    }


@pytest.mark.parametrize("twin", TWINS)
def test_it_grows_to_many(twin: ModuleType) -> None:
    """Each table many times, and it shrinks again."""
    wires = [b"", *(b"series %d" % number for number in range(1, 60_001))]
    index = twin.WireIndex(wires)
    for row in range(1, len(wires)):
        index.add(row)
    assert [index.find(wire) for wire in wires[1:]] == list(range(1, len(wires)))
    for row in range(1, len(wires), 2):
        index.remove(row)
    assert len(index) == 30_000
    found = [index.find(wire) for wire in wires[1:]]
    assert found == [0 if row % 2 else row for row in range(1, len(wires))]


@pytest.mark.parametrize("twin", TWINS)
@given(st.lists(PAIRS, max_size=6))
def test_texts_have_one_row_each(twin: ModuleType, sets: list[list[tuple[str, str]]]) -> None:
    """Names and values by turns, one row for all that are equal."""
    texts = [b""]
    index = twin.WireIndex(texts)
    for pairs in sets:
        labels = Labels.from_pairs(pairs)
        rows = index.rows_of_texts(labels.wire)
        flat = [text.encode() for pair in labels for text in pair]
        assert [texts[row] for row in rows] == flat
    assert len(set(texts)) == len(texts) == len(index) + 1


@pytest.mark.parametrize("twin", TWINS)
@given(PAIRS)
def test_a_name_that_stands_twice_is_seen(twin: ModuleType, pairs: list[tuple[str, str]]) -> None:
    """Storage 2.3: such a label set names no series."""
    names = [name for name, value in pairs if value]
    repeats = twin.repeats_name(Labels.from_pairs(pairs).wire)
    assert repeats == (len(set(names)) < len(names))
