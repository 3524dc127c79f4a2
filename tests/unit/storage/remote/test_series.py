"""The series of a destination: what becomes of their labels, and that they stay small."""

import asyncio
import gc
import tracemalloc
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.regex import Regex
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.storage.remote.series import DROPPED, LabelPipeline, RemoteSeries
from promscrape.storage.wal.record_types import LoggedSeries
from promscrape.storage.wal.series import SeriesTable
from tests.support.remote_series import NamedSeries, remote_series


@pytest.mark.parametrize(
    ("external", "own", "sent"),
    [
        ({"a": "c"}, {"a": "b"}, {"a": "b"}),
        ({"c": "d"}, {"a": "b"}, {"a": "b", "c": "d"}),
        (
            {"a": "xxx", "c": "yyy", "e": "f"},
            {"a": "b", "c": "d"},
            {"a": "b", "c": "d", "e": "f"},
        ),
    ],
)
def test_a_series_own_labels_win_over_external_ones(
    external: dict[str, str], own: dict[str, str], sent: dict[str, str]
) -> None:
    """T18, 4.1."""
    series = remote_series(external=external)
    rows = series.rows(array("Q", [1]), NamedSeries(Labels.from_map(own))).rows
    assert series.labels(rows[0]) == sent


LABEL_SETS = st.lists(
    st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), min_size=1),
    min_size=1,
    max_size=12,
)


@given(LABEL_SETS, st.lists(st.integers(0, 14), max_size=25), st.sampled_from([{}, {"b": "x"}]))
def test_series_of_the_logs_store_come_all_at_once(
    label_sets: list[dict[str, str]], chosen: list[int], external: dict[str, str]
) -> None:
    """4.1: what comes of them is what comes of each, also of refs that stand twice or are unknown."""
    table = SeriesTable()
    wires = dict.fromkeys(Labels.from_map(labels).wire for labels in label_sets)
    for ref, wire in enumerate(wires, 1):
        table.insert(ref, wire)
    pipeline = LabelPipeline(external, (), ValidationScheme.UTF8)
    refs = array("Q", chosen)
    found = list[tuple[object, ...]]()
    for store in (table.labels, LabelStore()):
        series = RemoteSeries(pipeline, labels=store)
        for asked in (refs[: len(refs) // 2], refs, refs):
            rows = series.rows(asked, table)
        labels = [series.labels(row) if row else None for row in rows.rows]
        found.append((labels, rows.dropped, list(rows.unknown), len(series)))
        for _ in range(2):  # the ref that a row is known by goes last
            asyncio.run(series.forget(lambda _: False))
        found[-1] += (len(series), len(store) - (len(wires) if store is table.labels else 0))
    assert found[0] == found[1]


def test_relabeling_sees_external_labels_and_can_drop() -> None:
    """T19, 4.1: the rules come after the external labels."""
    rule = RelabelConfig(
        source_labels=("region", "n"), regex=Regex("eu;1"), action=RelabelAction.DROP
    )
    series = remote_series(external={"region": "eu"}, rules=[rule])
    source = NamedSeries(Labels.from_map({"n": "1"}), Labels.from_map({"n": "2"}))
    found = series.rows(array("Q", [1, 2, 1]), source)
    assert found.dropped == 2
    assert not found.unknown
    assert found.rows[0] == found.rows[2] == DROPPED
    assert series.labels(found.rows[1]) == {"n": "2", "region": "eu"}


def test_a_dropped_series_is_not_relabeled_again() -> None:
    """4.1: the pipeline runs once a series, whatever it says."""
    asked = []

    class Counting(NamedSeries):
        def named(self, ref: int) -> LoggedSeries | None:
            asked.append(ref)
            return super().named(ref)

    rule = RelabelConfig(source_labels=("n",), regex=Regex("1"), action=RelabelAction.DROP)
    series = remote_series(rules=[rule])
    source = Counting(Labels.from_map({"n": "1"}))
    for _ in range(3):
        assert series.rows(array("Q", [1]), source).dropped == 1
    assert asked == [1]


def test_a_ref_that_nobody_knows_is_told_and_asked_for_again() -> None:
    """T20, 4.2."""
    series = remote_series()
    found = series.rows(array("Q", [7]), NamedSeries())
    assert list(found.unknown) == [7]
    assert found.dropped == 0
    later = NamedSeries(*[Labels.from_map({"n": str(n)}) for n in range(7)])
    assert not series.rows(array("Q", [7]), later).unknown


def test_two_refs_of_one_series_are_one_row() -> None:
    """After a restart the log can have a series under two refs: its order must hold."""

    class Aliased(NamedSeries):
        def named(self, ref: int) -> LoggedSeries | None:
            return LoggedSeries(3, Labels.from_map({"n": "x"}).wire)

    rows = remote_series().rows(array("Q", [3, 9, 12]), Aliased()).rows
    assert len(set(rows)) == 1


async def test_what_left_the_log_leaves_the_destination() -> None:
    """T60, 8.4: rows, symbols and dropped refs are let go."""
    rule = RelabelConfig(source_labels=("n",), regex=Regex(".*7"), action=RelabelAction.DROP)
    series = remote_series(rules=[rule])
    labels = [Labels.from_map({"n": str(n), "x": "same"}) for n in range(40_000)]
    refs = array("Q", range(1, 40_001))
    series.rows(refs, NamedSeries(*labels))
    await series.forget(lambda ref: ref > 39_000)
    assert len(series) == 900
    assert len(series.label_sets) == 900
    assert series.label_sets.find_text(b"0") == 0
    kept = series.rows(refs[39_000:], NamedSeries(*labels))
    assert [series.labels(row) for row in kept.rows if row] == [
        {"n": str(n), "x": "same"} for n in range(39_000, 40_000) if n % 10 != 7
    ]
    # Rows are given out again, and stand for the new series.
    again = series.rows(refs[:5], NamedSeries(*labels))
    assert [series.labels(row)["n"] for row in again.rows] == ["0", "1", "2", "3", "4"]


async def test_series_that_become_one_go_together() -> None:
    """4.1: rules may leave two series the same labels; the row stays until the last of them goes."""
    rule = RelabelConfig(action=RelabelAction.LABEL_DROP, regex=Regex("n"))
    series = remote_series(rules=[rule])
    labels = [Labels.from_map({"n": str(n), "x": "same"}) for n in range(3)]
    refs = array("Q", [1, 2, 3])
    rows = series.rows(refs, NamedSeries(*labels)).rows
    assert len(set(rows)) == len(series) == 1
    for needed in ({2, 3}, {2}):
        await series.forget(needed.__contains__)
        assert series.labels(rows[0]) == {"x": "same"}
        assert series.refs[rows[0]] != 0
        assert series.rows(refs[1:2], NamedSeries()).rows[0] == rows[0]
    await series.forget(lambda _: False)
    await series.forget(lambda _: False)
    assert len(series) == len(series.label_sets) == 0


def test_the_logs_own_label_sets_are_not_kept_again() -> None:
    """A series that is sent as it is takes no room for its labels; a changed one does."""
    store = LabelStore()
    labels = [Labels.from_map({"n": str(n)}) for n in range(10)]
    own = [store.keep(one.wire) for one in labels]
    refs = array("Q", range(1, 11))
    same = RemoteSeries(LabelPipeline({}, (), ValidationScheme.UTF8), labels=store)
    assert list(same.rows(refs, NamedSeries(*labels)).rows) == own
    assert len(store) == 10
    changed = RemoteSeries(LabelPipeline({"a": "b"}, (), ValidationScheme.UTF8), labels=store)
    changed.rows(refs, NamedSeries(*labels))
    assert len(store) == 20
    # A destination that is taken out of the configuration lets go of what it held.
    store.let_go_all(array("I", own))
    del changed
    assert len(store) == 10
    del same
    assert len(store) == 0


def test_a_series_takes_few_bytes() -> None:
    """No Python object a series: a million of them are to stay below a hundred megabytes."""
    series = remote_series(external={"cluster": "c1"})
    count = 50_000
    labels = [
        Labels.from_map(
            {
                "__name__": f"metric_{n % 500}",
                "instance": f"host-{n // 500}:9100",
                "job": "node",
                "mode": "idle",
            }
        )
        for n in range(count)
    ]
    source, refs = NamedSeries(*labels), array("Q", range(1, count + 1))
    gc.collect()
    tracemalloc.start()
    series.rows(refs, source)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{used / count:.0f} bytes a series")  # noqa: T201 - the figure is worth seeing
    assert used / count < 150
