"""Columns in pieces: what came of them as a whole comes of any piece's size."""

from array import array
from itertools import chain, compress
from types import ModuleType

import pytest

from promscrape.model import _pieces_py
from promscrape.model.sample import STALE_NAN, float_bits

IDS = array("I", [7, 3, 3, 0, 9, 2**32 - 1, 5])


@pytest.fixture(params=[1, 2, 3, 7, 100, None])
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Both twins: the plain one with pieces of several sizes."""
    if request.param is None:
        compiled: ModuleType = pytest.importorskip("promscrape.model._pieces_c")
        return compiled
    monkeypatch.setattr(_pieces_py, "PIECE", request.param)
    return _pieces_py


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """In order, and no larger than they may be."""
    monkeypatch.setattr(_pieces_py, "PIECE", size)
    found = list(_pieces_py.pieces(IDS))
    assert list(chain.from_iterable(found)) == IDS.tolist()
    assert max(map(len, found)) <= size


def test_values_are_picked_by_their_places(pieces: ModuleType) -> None:
    """A place may come twice."""
    values = array("I", [10, 11, 12, 13])
    assert pieces.picked(values, array("I", [3, 0, 3]), "Q") == array("Q", [13, 10, 13])
    assert pieces.picked(values, array("I"), "Q") == array("Q")


@pytest.mark.parametrize("typecode", "IQqd")
def test_what_is_not_kept_is_left_out(pieces: ModuleType, typecode: str) -> None:
    """Of a column of any kind, which stays of its kind."""
    column = array(typecode, [1, 2, 3, 4, 5])
    keep = bytes([1, 0, 0, 1, 1])
    assert pieces.compressed(column, keep) == array(typecode, compress(column, keep))


def test_a_stale_marker_keeps_its_bits(pieces: ModuleType) -> None:
    """The payload tells it from any other NaN."""
    (kept,) = pieces.compressed(array("d", [1.0, STALE_NAN]), bytes([0, 1]))
    assert float_bits(kept) == float_bits(STALE_NAN)


def test_values_are_put_at_their_places(pieces: ModuleType) -> None:
    """Into columns of any width; of a place that comes twice the last one stays."""
    for column in (bytearray(5), array("I", bytes(20)), array("Q", bytes(40))):
        pieces.put_each(column, array("Q", [4, 1, 4]), array("I", [7, 8, 9]))
        pieces.put(column, array("I", [0, 2]), 255)
        assert list(column) == [255, 8, 255, 0, 9]
    signed = array("q", [1, 2])
    pieces.put(signed, array("I", [1]), -(1 << 63))
    assert list(signed) == [1, -(1 << 63)]
    assert pieces.picked(signed, array("I", [1]), "q") == signed[1:]


def test_a_place_that_is_not_there_is_an_error(pieces: ModuleType) -> None:
    """Handles come from callers."""
    column = array("Q", [1, 2])
    for place in (2, 1 << 31, (1 << 64) - 1):
        places = array("Q", [place])
        with pytest.raises(IndexError):
            pieces.picked(column, places, "Q")
        with pytest.raises(IndexError):
            pieces.put(column, places, 1)
        with pytest.raises(IndexError):
            pieces.put_each(column, places, places)
    with pytest.raises(ValueError, match="as many values"):
        pieces.put_each(column, array("I", [0, 1]), array("I", [5]))
    assert list(column) == [1, 2]


def test_a_value_that_does_not_fit_is_an_error(pieces: ModuleType) -> None:
    places = array("I", [0])
    with pytest.raises(OverflowError):
        pieces.picked(array("Q", [1 << 32]), places, "I")
    with pytest.raises(OverflowError):
        pieces.picked(array("q", [-1]), places, "Q")
    with pytest.raises(OverflowError):
        pieces.put_each(array("I", [0]), places, array("Q", [1 << 40]))
    with pytest.raises((OverflowError, ValueError)):
        pieces.put(bytearray(1), places, 256)
    with pytest.raises(OverflowError):
        pieces.put(array("I", [0]), places, -1)


def test_pages_are_a_column(pieces: ModuleType) -> None:
    """Of what is on no page there is nothing."""
    pages = {0: array("I", [1, 2, 3, 4]), 5: array("I", [5, 6, 7, 8]), 1 << 60: array("I", [9] * 4)}
    places = array("Q", [0, 21, 3, 4, 20, 1 << 62, (1 << 64) - 1, 2])
    assert list(pieces.paged(pages, places, 2)) == [1, 6, 4, 0, 5, 9, 0, 3]
    assert pieces.paged({}, array("Q"), 2) == array("I")


def test_long_columns_are_as_short_ones(pieces: ModuleType) -> None:
    """Where others get their turn nothing is left out, or done twice."""
    count = 200_000
    column = array("Q", range(count))
    evens = array("I", range(0, count, 2))
    pieces.put(column, evens, 0)
    assert pieces.zeros(column) == evens
    assert pieces.differing(column, array("Q", range(count)), count) == evens[1:]
    assert pieces.largest(column) == count - 1
    assert pieces.compressed(column, bytes([0, 1]) * (count // 2)) == array("Q", range(1, count, 2))
    assert pieces.absent(array("I", range(count)), evens, count) == array("I", range(1, count, 2))
    pieces.put_each(column, evens, evens)
    assert column == array("Q", range(count))
    assert pieces.picked(column, evens, "I") == evens
    assert not pieces.has_zero(column[1:])


def test_the_ids_that_are_gone_are_found_once_and_in_order(pieces: ModuleType) -> None:
    before, now = array("I", [8, 1, 4, 1, 6]), array("I", [4, 2, 2, 9])
    assert pieces.absent(before, now, 10) == array("I", [1, 6, 8])
    assert pieces.absent(before, before, 10) == array("I")


def test_the_largest_entry_may_stand_anywhere(pieces: ModuleType) -> None:
    """Of none it is 0."""
    assert pieces.largest(IDS) == 2**32 - 1
    assert pieces.largest(array("q")) == 0
    assert pieces.largest(array("q", [-5, -(1 << 63), -2])) == -2
    assert pieces.largest(array("q", [-5, (1 << 63) - 1])) == (1 << 63) - 1


def test_a_zero_may_stand_anywhere(pieces: ModuleType) -> None:
    assert pieces.has_zero(IDS)
    assert not pieces.has_zero(array("Q", [1, 2, 3]))
    assert pieces.zeros(IDS) == array("I", [3])
    assert pieces.zeros(array("Q", [1, 2, 3])) == array("I")


def test_columns_differ_where_an_entry_does(pieces: ModuleType) -> None:
    """Up to the place that was given."""
    one = array("Q", range(200))
    other = one[:]
    other[5] = other[150] = other[199] = 0
    assert list(pieces.differing(one, other, 199)) == [5, 150]
