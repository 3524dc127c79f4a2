"""Columns in pieces: what came of them as a whole comes of any piece's size."""

from array import array
from itertools import chain, compress

import pytest

from promscrape.model import pieces
from promscrape.model.sample import STALE_NAN, float_bits

IDS = array("I", [7, 3, 3, 0, 9, 2**32 - 1, 5])


@pytest.fixture(params=[1, 2, 3, 7, 100], autouse=True)
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", request.param)


def test_the_pieces_are_the_whole() -> None:
    """In order, and no larger than they may be."""
    found = list(pieces.pieces(IDS))
    assert list(chain.from_iterable(found)) == IDS.tolist()
    assert max(map(len, found)) <= pieces.PIECE


def test_values_are_picked_by_their_places() -> None:
    """A place may come twice."""
    values = array("I", [10, 11, 12, 13])
    assert pieces.picked(values, array("I", [3, 0, 3]), "Q") == array("Q", [13, 10, 13])
    assert pieces.picked(values, array("I"), "Q") == array("Q")


@pytest.mark.parametrize("typecode", "IQqd")
def test_what_is_not_kept_is_left_out(typecode: str) -> None:
    """Of a column of any kind, which stays of its kind."""
    column = array(typecode, [1, 2, 3, 4, 5])
    keep = bytes([1, 0, 0, 1, 1])
    assert pieces.compressed(column, keep) == array(typecode, compress(column, keep))


def test_a_stale_marker_keeps_its_bits() -> None:
    """The payload tells it from any other NaN."""
    (kept,) = pieces.compressed(array("d", [1.0, STALE_NAN]), bytes([0, 1]))
    assert float_bits(kept) == float_bits(STALE_NAN)


def test_the_ids_that_are_gone_are_found_once_and_in_order() -> None:
    before, now = array("I", [8, 1, 4, 1, 6]), array("I", [4, 2, 2, 9])
    assert pieces.absent(before, now, 10) == array("I", [1, 6, 8])
    assert pieces.absent(before, before, 10) == array("I")


def test_the_largest_entry_may_stand_anywhere() -> None:
    """Of none it is 0."""
    assert pieces.largest(IDS) == 2**32 - 1
    assert pieces.largest(array("q")) == 0


def test_a_zero_may_stand_anywhere() -> None:
    assert pieces.has_zero(IDS)
    assert not pieces.has_zero(array("Q", [1, 2, 3]))


def test_columns_differ_where_an_entry_does() -> None:
    """Up to the place that was given."""
    one = array("Q", range(200))
    other = one[:]
    other[5] = other[150] = other[199] = 0
    assert list(pieces.differing(one, other, 199)) == [5, 150]
