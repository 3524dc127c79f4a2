"""The entry of each row's family, kept as a number."""

from array import array

from promscrape.model.metadata import Metadata
from promscrape.storage.wal.series_metadata import SeriesMetadata


def rows(*numbers: int) -> "array[int]":
    return array("Q", numbers)


def test_nothing_known_changes_nothing() -> None:
    """C18: what a target does not say is not forgotten, and what it repeats is no change."""
    known = SeriesMetadata()
    assert known.of(5) is None
    known.note(rows(5, 2, 3), [Metadata(help="a"), None, Metadata(help="b")])
    assert known.changes == 2
    known.note(rows(5, 2, 3), [None, None, Metadata(help="b")])
    assert known.changes == 2
    assert [known.of(row) for row in (5, 2, 3)] == [Metadata(help="a"), None, Metadata(help="b")]


def test_a_row_that_is_given_out_again_knows_nothing() -> None:
    """The series that it stands for then is another one."""
    known = SeriesMetadata()
    known.note(rows(1, 2), [Metadata(help="a")] * 2)
    known.forget(1)
    known.forget(7)
    assert known.of(1) is None
    assert known.of(2) == Metadata(help="a")


def test_entries_that_no_row_has_are_let_go() -> None:
    """Helps that change at each scrape must not fill the memory."""
    known = SeriesMetadata()
    known.note(rows(1), [Metadata(help="stays")])
    for at in range(10_000):
        known.note(rows(2, 3), [Metadata(help=f"{at}"), Metadata(help=f"{at} too")])
    assert len(known) < 2000
    assert known.of(1) == Metadata(help="stays")
    assert known.of(2) == Metadata(help="9999")
    assert known.of(3) == Metadata(help="9999 too")
