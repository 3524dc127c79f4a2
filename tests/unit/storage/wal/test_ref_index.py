"""From refs to rows."""

import random
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


def test_a_run_of_refs_is_what_each_of_them_is() -> None:
    """Short and long, within a page and over its ends, beside what is there and what has gone."""
    chance = random.Random(3)
    index, known, ref = RefIndex(), dict[int, int](), 1000
    for _ in range(400):
        ref += chance.choice((0, 0, 1, 30, 5000))
        rows = array("I", range(ref % 7 + 1, ref % 7 + 1 + chance.choice((1, 5, 50, 700, 2500))))
        index.put_all(array("Q", range(ref, ref + len(rows))), rows)
        known |= zip(range(ref, ref + len(rows)), rows, strict=True)
        ref += len(rows)
        for gone in chance.sample(sorted(known), k=len(known) // 3):
            index.remove(gone)
            del known[gone]
        assert index.refs() == sorted(known)
    every = array("Q", range(900, ref + 10))
    assert list(index.rows(every)) == [known.get(one, 0) for one in every]
    index.put_all(array("Q", [ref + 9, ref + 3]), array("I", [5, 6]))
    assert [index[ref + 3], index[ref + 9]] == [6, 5]
    index.put_all(array("Q"), array("I"))


def test_refs_that_are_gone_leave_no_entries_behind() -> None:
    """Series come and go for as long as the process lives: the columns must not grow with them."""
    index = RefIndex()
    for ref in range(1, 50_001):
        index[ref] = ref
        if ref > 100:
            index.remove(ref - 100)
    assert [index[ref] for ref in (49_900, 49_901, 50_000)] == [0, 49_901, 50_000]
    assert sum(map(len, index._pages.values())) < 2048
    assert len(index._scattered) < 100
    assert len(index._counts) < 3


def test_it_says_what_a_dict_says() -> None:
    """Refs close together and far apart, given and taken away in any order."""
    chance = random.Random(7)
    index, known, pages, scattered = RefIndex(), dict[int, int](), 0, 0
    near, far = range(1, 9000), [1 << 40, (1 << 63) - 5, *range(1 << 50, (1 << 50) + 300, 7)]
    for step in range(60_000):
        ref = chance.choice(far) if step % 5 == 0 else chance.choice(near)
        if step % 20_000 < 12_000:
            index[ref] = known[ref] = step + 1
        elif known.pop(ref, 0):
            index.remove(ref)
        if step % 4000 == 0:
            refs = array("Q", sorted(chance.choices([*near, *far], k=3000)))
            assert list(index.rows(refs)) == [known.get(one, 0) for one in refs]
            assert index.refs() == sorted(known)
            pages, scattered = max(pages, len(index._pages)), max(scattered, len(index._scattered))
    assert pages > 1
    assert scattered > 10
    every = array("Q", near)
    assert list(index.rows(every)) == [known.get(ref, 0) for ref in every]
    assert list(index.rows(array("Q", [(1 << 64) - 1]))) == [0]


def test_refs_far_apart_take_no_pages() -> None:
    """A log of another writer may have any refs."""
    index = RefIndex()
    refs = array("Q", range(5, 5 + (5000 << 20), 1 << 20))
    for row, ref in enumerate(refs, 1):
        index[ref] = row
    assert not index._pages
    assert list(index.rows(refs)) == list(range(1, 5001))
