"""From refs to rows."""

from array import array

from promscrape.storage.wal.ref_index import RefIndex


def test_refs_in_any_order_are_found() -> None:
    """Other writers may log series out of order, and name a ref twice."""
    index = RefIndex()
    for ref, row in ((5, 1), (2, 2), (9, 3), (2, 4)):
        index[ref] = row
    assert [index[ref] for ref in (1, 2, 5, 9, 10)] == [0, 4, 1, 3, 0]
    assert list(index.rows(array("Q", [2, 5, 9]))) == [4, 1, 3]
    assert list(index.rows(array("Q", [9, 3, 2]))) == [3, 0, 4]
    assert list(index.rows(array("Q"))) == []


def test_refs_that_are_gone_leave_no_entries_behind() -> None:
    """Series come and go for as long as the process lives: the columns must not grow with them."""
    index = RefIndex()
    for ref in range(1, 50_001):
        index[ref] = ref
        if ref > 100:
            index.remove(ref - 100)
    assert [index[ref] for ref in (49_900, 49_901, 50_000)] == [0, 49_901, 50_000]
    assert len(index._refs) < 10_000
