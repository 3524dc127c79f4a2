"""Label sets of a store are a sequence like any other, and tell of their rows."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.kept_labels import KeptLabels
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels

NUMBERS = array("I", [3, 1, 4, 1, 0, 2])
SLICES = st.slices(len(NUMBERS))


def kept() -> tuple[KeptLabels, list[Labels]]:
    store = LabelStore()
    sets = [Labels.from_map({"n": str(n), "even": "" if n % 2 else "yes"}) for n in range(5)]
    rows = array("I", [store.keep(labels.wire) for labels in sets])
    return KeptLabels(store, rows, NUMBERS), [sets[n] for n in NUMBERS]


@given(SLICES, SLICES)
def test_any_part_of_any_part_is_what_a_list_has(first: slice, second: slice) -> None:
    labels, expected = kept()
    labels, expected = labels[first][second], expected[first][second]
    assert list(labels) == expected
    assert [labels[at] for at in range(len(labels))] == expected
    assert [Labels(labels.store.wire(row)) for row in labels.rows()] == expected
    places = array("I", range(0, len(labels), 2))
    assert labels.rows_at(places) == labels.rows()[::2]


@pytest.mark.parametrize("near", [bytes([1, 0, 1, 1, 0, 1]), bytes(6), bytes([1]) * 6])
def test_those_that_are_chosen_stay(near: bytes) -> None:
    labels, expected = kept()
    chosen = [one for one, is_near in zip(expected, near, strict=True) if is_near]
    assert list(labels.those(near)) == chosen
    assert list(labels.those(near)[1:]) == chosen[1:]
    assert [Labels(labels.store.wire(row)) for row in labels.those(near).rows()] == chosen


def test_values_have_numbers_that_stand_for_them() -> None:
    labels, expected = kept()
    values = labels.values_of("even")
    assert [values.texts[at] for at in values.numbers] == [one.get("even") for one in expected]
    part = values.between(1, 3)
    assert [part.texts[at] for at in part.numbers] == [one.get("even") for one in expected[1:3]]
