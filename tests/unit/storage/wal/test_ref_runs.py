from hypothesis import given
from hypothesis import strategies as st

from promscrape.storage.wal.ref_runs import RefRuns

REFS = st.lists(st.integers(1, 60), max_size=20)


@given(added=st.lists(REFS, max_size=6), others=st.lists(REFS, max_size=3))
def test_a_set_has_what_was_added(added: list[list[int]], others: list[list[int]]) -> None:
    """In whatever order, once or more often, by itself or with another set."""
    runs = RefRuns()
    for refs in added:
        runs.add(refs)
    for refs in others:
        runs.add_runs(RefRuns(refs))
    expected = {ref for refs in added + others for ref in refs}
    assert {ref for ref in range(70) if ref in runs} == expected
    assert len(runs) == sum(map(len, added + others))


def test_refs_that_follow_one_another_take_the_room_of_one() -> None:
    runs = RefRuns(range(1, 100_001))
    runs.add(range(100_001, 100_101))
    assert len(runs.firsts) == len(runs.ends) == 1
    assert len(runs) == 100_100
