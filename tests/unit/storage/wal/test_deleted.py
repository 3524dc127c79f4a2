from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.record_types import LoggedSeries

ONE, TWO = LoggedSeries(1, b"one"), LoggedSeries(2, b"two")


def test_a_series_is_needed_until_its_last_segment_is_replaced() -> None:
    """Storage 3.8: it stays in checkpoints while a segment after the cut may use it."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add(ONE, 4)
    assert [1 in deleted.refs_used_after(cut) for cut in (3, 4, 5)] == [True, False, False]
    assert 2 not in deleted.refs_used_after(0)


def test_a_use_in_a_later_segment_prolongs_it() -> None:
    """S21, storage 3.3: and one in an earlier segment does not shorten it."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add(ONE, 4)
    deleted.use(1, 7)
    deleted.use(1, 5)
    deleted.add(ONE, 3)
    assert 1 in deleted.refs_used_after(6)
    deleted.use(2, 9)
    assert 2 not in deleted


def test_what_no_segment_uses_is_forgotten() -> None:
    """S21, storage 3.7 (f)."""
    deleted = DeletedSeries(keeps_labels=True)
    deleted.add(ONE, 4)
    deleted.add(TWO, 5)
    deleted.forget(4)
    assert 1 not in deleted
    assert 2 in deleted
    assert len(deleted) == 1


def test_labels_are_kept_for_checkpoints_from_memory_alone() -> None:
    """Storage 3.8: the other way reads them from the log."""
    for keeps_labels, expected in ((True, [TWO]), (False, [LoggedSeries(2, b"")])):
        deleted = DeletedSeries(keeps_labels=keeps_labels)
        deleted.add(ONE, 4)
        deleted.add(TWO, 5)
        assert list(deleted.used_after(4)) == expected


def crowd(*refs: int) -> list[LoggedSeries]:
    return [LoggedSeries(ref, b"wire") for ref in refs]


def test_a_crowd_is_needed_like_a_single_one() -> None:
    """Storage 3.7, 3.8: in whatever order they come, and until their last segment is replaced."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add_all(crowd(9, 7, 8, 20), 4)
    deleted.add_all(crowd(3, 12, 11), 4)
    deleted.add_all(crowd(13, 14), 6)
    assert len(deleted) == 9
    needed = {ref for ref in range(30) if ref in deleted.refs_used_after(3)}
    assert needed == {3, 7, 8, 9, 11, 12, 13, 14, 20}
    assert {ref for ref in range(30) if ref in deleted.refs_used_after(4)} == {13, 14}
    deleted.forget(4)
    assert len(deleted) == 2
    assert 7 not in deleted


def test_a_crowd_can_be_used_again() -> None:
    """A log may have samples of them after what was taken for their last segment."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add_all(crowd(1, 2, 3), 4)
    assert deleted.use_all([2, 3], 5) == 2
    assert deleted.use_all([2, 99], 5) == 1
    assert len(deleted) == 5
    assert [ref for ref in range(5) if ref in deleted.refs_used_after(4)] == [2, 3]


def test_what_is_needed_stays_as_it_was_asked_for() -> None:
    """A checkpoint is written while further series leave memory."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add_all(crowd(1), 4)
    needed = deleted.refs_used_after(3)
    deleted.add_all(crowd(2), 4)
    assert 1 in needed
    assert 2 not in needed


def test_a_crowd_keeps_its_labels_for_checkpoints_from_memory() -> None:
    """Storage 3.8: which do not read the log."""
    deleted = DeletedSeries(keeps_labels=True)
    deleted.add_all(crowd(1, 2), 4)
    assert list(deleted.used_after(3)) == crowd(1, 2)
