from promscrape.storage.wal.deleted import DeletedSeries
from promscrape.storage.wal.record_types import LoggedSeries

ONE, TWO = LoggedSeries(1, b"one"), LoggedSeries(2, b"two")


def test_a_series_is_needed_until_its_last_segment_is_replaced() -> None:
    """Storage 3.8: it stays in checkpoints while a segment after the cut may use it."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add(ONE, 4)
    assert [deleted.is_used_after(1, cut) for cut in (3, 4, 5)] == [True, False, False]
    assert not deleted.is_used_after(2, 0)


def test_a_use_in_a_later_segment_prolongs_it() -> None:
    """S21, storage 3.3: and one in an earlier segment does not shorten it."""
    deleted = DeletedSeries(keeps_labels=False)
    deleted.add(ONE, 4)
    deleted.use(1, 7)
    deleted.use(1, 5)
    deleted.add(ONE, 3)
    assert deleted.is_used_after(1, 6)
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
