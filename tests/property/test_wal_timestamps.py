"""Both twins move the last timestamps of series alike, or leave them all where they are."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.storage.wal import _timestamps_py as plain

compiled = pytest.importorskip("promscrape.storage.wal._timestamps_c")

COLUMNS = st.lists(st.sampled_from([7, 7, 7, -(1 << 63), (1 << 63) - 1]), min_size=1, max_size=20)


@st.composite
def stretches(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Return some stretches of a column, without a row in common."""
    bounds = sorted(draw(st.sets(st.integers(0, size), max_size=6)))
    return list(zip(bounds[::2], bounds[1::2], strict=False))


@given(st.data(), COLUMNS, st.integers(-(1 << 63), (1 << 63) - 1))
def test_all_rows_are_moved_or_none(data: st.DataObject, column: list[int], t_ms: int) -> None:
    """Storage 1.4."""
    rows = data.draw(stretches(len(column)))
    one, other = array("q", column), array("q", column)
    are_moved = all(column[row] == 7 for start, end in rows for row in range(start, end))
    assert plain.advance(one, rows, 7, t_ms) == compiled.advance(other, rows, 7, t_ms) == are_moved
    assert one == other
    inside = {row for start, end in rows for row in range(start, end)} if are_moved else set()
    assert list(one) == [t_ms if row in inside else ms for row, ms in enumerate(column)]
