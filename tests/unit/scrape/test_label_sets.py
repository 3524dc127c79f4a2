"""The label sets of a target lie in the store, for as long as the target has them."""

from array import array

from promscrape.model.label_store import LabelStore
from promscrape.model.labels import EMPTY_LABELS
from promscrape.scrape.label_sets import LabelSets
from tests.support.wal import metric

A, B = metric("a"), metric("b")


def test_a_label_set_an_id() -> None:
    """The empty one where none was put, and after it was forgotten."""
    sets = LabelSets(LabelStore())
    sets.make_room(3)
    sets[0], sets[2] = A.wire, B.wire
    assert list(sets.of(array("I", [2, 0, 1]))) == [B, A, EMPTY_LABELS]
    sets.forget(2)
    assert sets[2] == EMPTY_LABELS
    assert sets.of(array("I", [0, 1, 2]))[1:][0] == EMPTY_LABELS


def test_what_is_replaced_or_forgotten_is_let_go() -> None:
    """An id goes from series to series, and a target's series come and go."""
    store = LabelStore()
    sets = LabelSets(store)
    sets.make_room(2)
    sets[0], sets[1] = A.wire, A.wire
    sets[0] = B.wire
    assert len(store) == 2
    sets.forget(1)
    assert store.find(A.wire) == 0
    sets[0] = B.wire
    assert sets[0] == B


def test_a_target_that_is_gone_lets_go_of_all() -> None:
    """Its cache is just dropped."""
    store = LabelStore()
    sets = LabelSets(store)
    sets.make_room(2)
    sets[0] = A.wire
    held = store.keep(A.wire)
    del sets
    assert store.wire(held) == A.wire
    store.let_go(held)
    assert len(store) == 0
