"""Metadata by runs: a sequence like the list that it stands for."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.metadata_runs import MetadataRuns

COUNTER, GAUGE = Metadata(MetricType.COUNTER, "c"), Metadata(MetricType.GAUGE, "g")
Run = tuple[str, Metadata | None, int]
RUNS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([COUNTER, GAUGE, None]), st.integers(-1, 4)),
    max_size=6,
)


def runs_of(runs: Sequence[Run]) -> MetadataRuns:
    found = MetadataRuns()
    for run in runs:
        found.add(*run)
    return found


@given(RUNS, st.slices(12))
def test_it_is_the_list_that_it_stands_for(runs: list[Run], part: slice) -> None:
    """Whoever takes it for a list, as a batch's columns are, finds what a list has."""
    found, plain = runs_of(runs), [entry for _, entry, count in runs for _ in range(count)]
    assert len(found) == len(plain)
    assert list(found) == plain
    assert [found[at] for at in range(-len(plain), len(plain))] == plain + plain
    assert list(found[part]) == plain[part]


@pytest.mark.parametrize("at", [3, -4])
def test_a_place_outside_of_it_is_an_error(at: int) -> None:
    """As of any sequence."""
    with pytest.raises(IndexError, match="no such sample"):
        runs_of([("a", COUNTER, 3)])[at]


def test_it_says_as_another_with_the_very_same_objects() -> None:
    """An equal entry of another family's help is not looked into: identity is what is promised."""
    runs = runs_of([("a", COUNTER, 3), ("b", None, 1)])
    assert runs.says_as(runs_of([("a", COUNTER, 3), ("b", None, 1)]))
    assert not runs.says_as(runs_of([("a", COUNTER, 2), ("b", None, 2)]))
    assert not runs.says_as(runs_of([("a", Metadata(MetricType.COUNTER, "c"), 3), ("b", None, 1)]))
    assert not runs.says_as(runs_of([("a", COUNTER, 3)]))


def test_each_family_with_metadata_has_its_place() -> None:
    """The last one counts where a family comes twice with one type."""
    runs = runs_of([("a", COUNTER, 3), ("b", None, 1), ("a", GAUGE, 2), ("a", COUNTER, 4)])
    assert runs.places() == {
        ("a", MetricType.COUNTER): slice(6, 10),
        ("a", MetricType.GAUGE): slice(4, 6),
    }
