import gc
from array import array
from collections.abc import Sequence

import pytest

from promscrape.storage.wal.layout import BatchLayout, LayoutCache
from promscrape.storage.wal.record import encode_entries
from promscrape.storage.wal.series import SeriesTable
from tests.support.wal import metric

TOGETHER = list(range(1, 31))
SCATTERED = list(range(30, 0, -1))


def table_of(count: int = 30) -> SeriesTable:
    table = SeriesTable()
    for ref in range(1, count + 1):
        table.insert(100 + ref, metric(f"m{ref}").wire)
    return table


def layout_of(table: SeriesTable, rows: Sequence[int]) -> BatchLayout:
    return BatchLayout(table, array("Q", rows))


@pytest.mark.parametrize("rows", [TOGETHER, SCATTERED], ids=["together", "scattered"])
def test_all_follow_only_where_each_one_does(rows: list[int]) -> None:
    """Storage 1.4: one series that is ahead makes the batch one to look at closely."""
    table = table_of()
    layout = layout_of(table, rows)
    assert layout.all_follow(table, 1000)
    layout.commit(table, 1000)
    assert list(table.last_ms[1:]) == [1000] * 30
    assert not layout.all_follow(table, 1000)
    assert layout.all_follow(table, 1001)
    table.raise_to([17], [1001])
    assert not layout.all_follow(table, 1001)


@pytest.mark.parametrize("rows", [TOGETHER, SCATTERED], ids=["together", "scattered"])
def test_a_commit_never_moves_a_series_back(rows: list[int]) -> None:
    """Storage 1.4: within an out-of-order window a sample can be older than the last one."""
    table = table_of()
    layout = layout_of(table, rows)
    layout.commit(table, 1000)
    table.raise_to([17], [5000])
    layout.commit(table, 2000)
    layout.commit(table, 1500)
    assert [table.last_ms[row] for row in (16, 17, 18)] == [2000, 5000, 2000]


def test_two_layouts_may_share_series() -> None:
    """Two targets that expose one series, such as a federated one."""
    table = table_of()
    one, other = layout_of(table, TOGETHER), layout_of(table, TOGETHER[10:20])
    for t_ms in (1000, 2000):
        one.commit(table, t_ms)
        assert not other.all_follow(table, t_ms)
        other.commit(table, t_ms + 500)
        assert not one.all_follow(table, t_ms + 500)


def test_entries_are_made_for_the_records_first_ref() -> None:
    """A target's report is logged behind its samples, and counts from their first ref."""
    table = table_of()
    layout = layout_of(table, [5, 6])
    values = array("d", [1, 2])
    for ref0 in (105, 101, 105):
        expected = encode_entries((ref0, 9), [105, 106], [9, 9], values)
        assert layout.entries(table, ref0).encode(values) == expected


def test_a_layout_is_found_by_the_array_itself() -> None:
    """An equal one may be of another target."""
    table, cache = table_of(), LayoutCache()
    handles = array("Q", TOGETHER)
    layout = BatchLayout(table, handles)
    cache.keep(handles, layout)
    assert cache.find(handles) is layout
    assert cache.find(handles[:]) is None


def test_an_array_that_was_changed_in_place_is_not_found() -> None:
    """Its values would go to the series of the handles that were there before."""
    table, cache = table_of(), LayoutCache()
    handles = array("Q", TOGETHER)
    cache.keep(handles, BatchLayout(table, handles))
    handles[0] = 2
    assert cache.find(handles) is None


def test_a_layout_goes_with_its_array() -> None:
    """A target that is gone leaves nothing behind."""
    table, cache = table_of(), LayoutCache(max_samples=30)
    handles = array("Q", TOGETHER)
    cache.keep(handles, BatchLayout(table, handles))
    del handles
    gc.collect()
    assert not cache._kept
    handles = array("Q", SCATTERED)
    cache.keep(handles, BatchLayout(table, handles))
    assert cache.find(handles)


def test_what_is_kept_is_bounded_by_samples() -> None:
    """What does not fit is worked out each time; what is there stays."""
    table, cache = table_of(), LayoutCache(max_samples=40)
    first, second = array("Q", TOGETHER), array("Q", SCATTERED)
    cache.keep(first, BatchLayout(table, first))
    cache.keep(first, BatchLayout(table, first))
    cache.keep(second, BatchLayout(table, second))
    assert cache.find(first)
    assert cache.find(second) is None


@pytest.mark.parametrize("rows", [TOGETHER, SCATTERED], ids=["together", "scattered"])
def test_a_layout_goes_with_one_of_its_series(rows: Sequence[int]) -> None:
    """The row's next series has another ref; layouts of other series stay, and there is room."""
    table, cache = table_of(), LayoutCache(max_samples=31)
    handles, others = array("Q", rows), array("Q", [1])
    for _ in range(2):
        cache.keep(handles, BatchLayout(table, handles))
        cache.keep(others, BatchLayout(table, others))
        cache.forget_rows([max(rows) + 1, max(rows) + 2])
        assert cache.find(handles) is not None
        cache.forget_rows([max(rows) + 1, rows[-2]])
        assert cache.find(handles) is None
        assert cache.find(others) is not None
