from array import array

import pytest

from promscrape.errors import InvalidSeries
from promscrape.model.kept_labels import KeptLabels
from promscrape.model.labels import EMPTY_LABELS, Labels
from promscrape.model.sample import NO_TIMESTAMP
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.series import SeriesTable, stretches
from tests.support.wal import batch_of, metric

A, B, C = metric("a"), metric("b"), metric("c")


def unlogged(table: SeriesTable) -> list[LoggedSeries | None]:
    return [table.series_at(row) for row in table.unlogged()]


def known(table: SeriesTable, *labels: Labels) -> list[int]:
    """Return the handles of these series, made where they are new."""
    handles, error = table.resolve(batch_of(table.generation, labels, [0.0] * len(labels), 1))
    assert error is None
    table.mark_logged()
    return list(handles)


def test_refs_begin_at_one_and_go_up() -> None:
    """Storage 3.1: handles do so too, but that is nobody's business."""
    table = SeriesTable()
    handles = known(table, A, B)
    assert [table.refs[handle] for handle in handles] == [1, 2]
    assert 0 not in handles


def test_a_series_is_found_by_its_labels() -> None:
    """Whatever object holds them."""
    table = SeriesTable()
    first = known(table, A, B)
    again = known(table, metric("b"), metric("a"))
    assert again == first[::-1]
    assert len(table) == 2


def test_handles_that_are_right_come_back_as_they_are() -> None:
    """Interface, `Appended.refs`: the batch's own array where nothing was learnt."""
    table = SeriesTable()
    batch = batch_of(table.generation, [A, B], [0, 0], 1, refs=known(table, A, B))
    assert table.resolve(batch)[0] is batch.refs


@pytest.mark.parametrize("wrong", [3, 99, 1 << 63, (1 << 64) - 1])
def test_a_handle_of_no_series_is_not_believed(wrong: int) -> None:
    """The table's rows are not trusted to a caller's arithmetic."""
    table = SeriesTable()
    a, b = known(table, A, B)
    batch = batch_of(table.generation, [A, B], [0, 0], 1, refs=[a, wrong])
    assert list(table.resolve(batch)[0]) == [a, b]


def test_handles_of_another_generation_are_not_believed() -> None:
    """The row may be another series' by now."""
    table = SeriesTable()
    a, b = known(table, A, B)
    batch = batch_of(table.generation + 1, [A, B], [0, 0], 1, refs=[b, a])
    assert list(table.resolve(batch)[0]) == [a, b]


def test_right_handles_of_another_generation_come_back_as_they_are() -> None:
    """A caller that kept its array may go on with it, in the new generation."""
    table = SeriesTable()
    batch = batch_of(table.generation + 1, [A, B], [0, 0], 1, refs=known(table, A, B))
    assert table.resolve(batch)[0] is batch.refs


def test_unknown_series_among_known_ones_are_made() -> None:
    """The batch's own array is not written to."""
    table = SeriesTable()
    a, b = known(table, A, B)
    batch = batch_of(table.generation, [A, C, B], [0, 0, 0], 1, refs=[a, 0, b])
    handles, _ = table.resolve(batch)
    assert list(batch.refs) == [a, 0, b]
    assert [handles[0], handles[2]] == [a, b]
    assert unlogged(table) == [LoggedSeries(3, C.wire)]


def test_label_sets_of_the_tables_own_store_need_no_bytes() -> None:
    """Callers that keep them there give rows: known series are found by them, new ones made."""
    table = SeriesTable()
    a = table.insert(1, A.wire)
    rows = array("I", map(table.labels.keep, (B.wire, A.wire)))
    kept = KeptLabels(table.labels, rows, array("I", [1, 0, 1]))
    for generation in (table.generation, table.generation + 1):
        handles, error = table.resolve(batch_of(generation, kept, [0.0] * 3, 1))
        assert error is None
        assert list(handles) == [a, rows[0], a]
    assert unlogged(table) == [LoggedSeries(2, B.wire)]
    assert len(table) == 2


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param([A, B, A], id="twice"),
        pytest.param([A, B, C], id="one is known"),
        pytest.param([A, B], id="all are new"),
        pytest.param([B, EMPTY_LABELS, A], id="no labels"),
        pytest.param([B, Labels.from_pairs([("a", "1"), ("a", "2")]), A], id="no series"),
    ],
)
def test_series_made_together_are_those_made_one_by_one(odd: list[Labels]) -> None:
    """Storage 1.5: whatever is odd about one of them, refs, rows and errors are the same."""
    found = list[tuple[object, ...]]()
    for is_kept in (True, False):
        table = SeriesTable()
        known(table, C)
        rows = array("I", [table.labels.keep(labels.wire) for labels in odd])
        kept = KeptLabels(table.labels, rows, array("I", range(len(odd))))
        labels = kept if is_kept else odd
        handles, error = table.resolve(batch_of(table.generation, labels, [0.0] * len(odd), 1))
        table.labels.let_go_all(rows)
        # The log has the series, and they go with it.
        found.append((handles, str(error), unlogged(table), len(table), table.next_ref))
        table.mark_logged()
        table.drop(sorted({row for row in handles if row}), 100)
        found[-1] += (len(table), [table.labels.find(one.wire) for one in odd])
    assert found[0] == found[1]


def test_a_series_that_was_dropped_comes_back_while_its_label_set_is_held() -> None:
    """In the same row, as a new series: the log may have forgotten its ref."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.labels.hold(a)
    assert [series.ref for series in table.drop([a, b], 1 << 60)] == [1, 2]
    assert len(table) == table.find(A.wire) == 0
    assert table.series_at(a) is None
    assert known(table, C, A) == [b, a]
    assert table.refs[a] == 4


def test_who_else_holds_a_label_set_makes_no_series_of_it() -> None:
    """A destination's rows lie among the table's."""
    table = SeriesTable()
    others = [table.labels.keep(labels.wire) for labels in (A, B)]
    assert [table.find(labels.wire) for labels in (A, B)] == [0, 0]
    assert known(table, C) == [3]
    assert [table.series_at(row) for row in others] == [None, None]
    assert table.drop(range(1, table.end), 0) == [LoggedSeries(1, C.wire)]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        pytest.param({"a": ""}, "empty labelset: invalid sample", id="nothing left"),
        pytest.param({}, "empty labelset: invalid sample", id="nothing"),
    ],
)
def test_an_empty_label_set_is_no_series(labels: dict[str, str], text: str) -> None:
    """S23, storage 1.3: empty values are no labels."""
    table = SeriesTable()
    batch = batch_of(table.generation, [A, Labels.from_map(labels), B], [0, 0, 0], 1)
    handles, error = table.resolve(batch)
    assert isinstance(error, InvalidSeries)
    assert str(error) == text
    assert len(handles) == 1
    assert len(table) == 1


def test_a_repeated_name_is_no_series() -> None:
    """S23: Prometheus's text."""
    table = SeriesTable()
    twice = Labels.from_pairs([("a", "1"), ("a", "2"), ("b", "1")])
    _, error = table.resolve(batch_of(table.generation, [twice], [0], 1))
    assert str(error) == 'label name "a" is not unique: invalid sample'


def test_series_stay_unlogged_until_the_log_has_them() -> None:
    """Storage 1.5: however many transactions fail on the way."""
    table = SeriesTable()
    table.resolve(batch_of(table.generation, [A], [0], 1))
    table.resolve(batch_of(table.generation, [B], [0], 1))
    expected = [LoggedSeries(1, A.wire), LoggedSeries(2, B.wire)]
    assert unlogged(table) == unlogged(table) == expected
    table.mark_logged()
    assert unlogged(table) == []


def test_silent_series_leave_and_their_refs_are_never_used_again() -> None:
    """Storage 3.1, 3.7: rows are given out again, refs are not."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.raise_to([a, b], [99, 100])
    assert table.drop([a, b], 100) == [LoggedSeries(1, A.wire)]
    assert table.find(A.wire) == 0
    assert len(table) == 1
    assert known(table, C, A) == [a, b + 1]
    assert [table.refs[handle] for handle in (a, b + 1)] == [3, 4]


def test_a_handle_that_comes_with_labels_is_compared_with_them() -> None:
    """Its row may be another series' by now; nobody held it."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.raise_to([a, b], [99, 100])
    table.drop([a], 100)
    assert known(table, C) == [a]
    batch = batch_of(table.generation, [A, B], [0, 0], 101, refs=[a, b])
    handles, _ = table.resolve(batch)
    assert [table.refs[handle] for handle in handles] == [4, 2]


def test_a_handle_is_good_while_its_label_set_is_held() -> None:
    """The caches of scrapes hold what they have a handle of: it may be nobody's, not another's."""
    table = SeriesTable()
    a, b = known(table, A, B)
    held = array("I", [a, b])
    for row in held:
        table.labels.hold(row)
    table.drop([a, b], 100)
    c = known(table, C)[0]
    assert c not in {a, b}
    assert table.find(A.wire) == 0
    labels = KeptLabels(table.labels, held, array("I", [0, 1]))
    batch = batch_of(table.generation, labels, [0, 0], 101, refs=[a, b])
    handles, _ = table.resolve(batch)
    assert handles is batch.refs
    assert [table.refs[handle] for handle in handles] == [4, 5]


def test_a_dropped_series_takes_its_other_refs_along() -> None:
    """Storage 3.3: nobody asks for them afterwards."""
    table = SeriesTable()
    a, b = known(table, A, B)
    for alias, row in ((7, a), (8, b), (9, a)):
        table.add_alias(alias, row)
    assert table.take_aliases([1]) == [7, 9]
    assert table.take_aliases([1]) == []
    assert table.handles_of(array("Q", [7, 8])) == array("Q", [0, b])


def test_generations_of_two_tables_differ() -> None:
    """Interface, `generation`: it never repeats in one process."""
    assert SeriesTable().generation != SeriesTable().generation


def test_a_dropped_rows_handle_is_not_believed() -> None:
    """Even where the caller claims the new generation for it."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.drop([a], 100)
    batch = batch_of(table.generation, [A, B], [0, 0], 1, refs=[a, b])
    handles, _ = table.resolve(batch)
    assert [table.refs[handle] for handle in handles] == [3, 2]


def test_a_series_that_the_log_lacks_is_not_dropped() -> None:
    """It would be in the list of what is to be logged, with its row gone."""
    table = SeriesTable()
    handles, _ = table.resolve(batch_of(table.generation, [A], [0], 1))
    assert table.drop(handles, 100) == []
    table.mark_logged()
    assert table.drop(handles, 100) == [LoggedSeries(1, A.wire)]


def test_freed_rows_are_given_out_in_ascending_order() -> None:
    """Series that come together then lie together, which the order test lives on."""
    table = SeriesTable()
    handles = known(table, *[metric(f"m{i}") for i in range(5)])
    table.drop([handles[3], handles[1], handles[2]], 100)
    assert known(table, *[metric(f"n{i}") for i in range(3)]) == handles[1:4]


def test_a_dropped_series_takes_its_exemplar_along() -> None:
    """Its row's next series has none yet."""
    table = SeriesTable()
    (a,) = known(table, A)
    table.latest_exemplars[a] = None  # type: ignore[assignment]  # only its presence counts
    table.drop([a], 100)
    assert not table.latest_exemplars


def test_last_timestamps_only_go_up() -> None:
    """Storage 3.3: and a handle of 0 takes what belongs to no series."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.raise_to([a, b, 0], [10, 20, 30])
    table.raise_to([a, b], [5, 25])
    assert list(table.last_ms[a : b + 1]) == [10, 25]


def test_stretches_of_rows_are_compared_and_moved_at_once() -> None:
    """They answer for each of their rows."""
    table = SeriesTable()
    handles = known(table, *[metric(f"m{i}") for i in range(9)])
    rows = [(2, 5), (7, 9)]
    assert table.are_at(rows, NO_TIMESTAMP)
    table.move_to(rows, 50)
    assert table.are_at(rows, 50)
    table.raise_to([3], [51])
    assert not table.are_at(rows, 50)
    assert list(table.last_ms[1:]) == [
        {3: 51}.get(row, 50) if row in (2, 3, 4, 7, 8) else NO_TIMESTAMP for row in handles
    ]


@pytest.mark.parametrize(
    ("handles", "expected"),
    [
        ([], []),
        ([4], [(4, 5)]),
        ([1, 2, 3], [(1, 4)]),
        ([3, 4, 9, 8, 8, 1, 2], [(3, 5), (9, 10), (8, 9), (8, 9), (1, 3)]),
    ],
)
def test_rows_that_follow_one_another_are_a_stretch(
    handles: list[int], expected: list[tuple[int, int]]
) -> None:
    """In the order of the batch, and a row that comes twice stands twice."""
    assert stretches(array("Q", handles)) == expected


def test_a_row_tells_its_series() -> None:
    """Checkpoints from memory go over the rows; free ones tell nothing."""
    table = SeriesTable()
    a, b = known(table, A, B)
    table.drop([a], 100)
    found = [table.series_at(row) for row in range(table.end)]
    assert found == [None, None, LoggedSeries(table.refs[b], B.wire)]
