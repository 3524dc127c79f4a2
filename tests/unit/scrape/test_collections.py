"""The search for reference cycles waits for large bodies."""

import gc
from collections.abc import Iterator

import pytest

from promscrape.scrape.collections import CollectionPauses


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def test_the_search_is_off_until_the_last_one_leaves() -> None:
    """Two large bodies may be on their way at a time."""
    pauses = CollectionPauses()
    with pauses.pause():
        with pauses.pause():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_what_stays_is_not_looked_through_again() -> None:
    """Once: the next pause without growth freezes nothing more."""
    pauses = CollectionPauses()
    with pauses.pause():
        pauses.note_growth()
    frozen = gc.get_freeze_count()
    assert frozen > 0
    with pauses.pause():
        pass
    assert gc.get_freeze_count() <= frozen


def test_an_error_ends_the_pause_too() -> None:
    """A scrape that fails must not leave the process without its search."""
    pauses = CollectionPauses()
    with pytest.raises(ValueError, match="broken"), pauses.pause():
        raise ValueError("broken")
    assert gc.isenabled()
