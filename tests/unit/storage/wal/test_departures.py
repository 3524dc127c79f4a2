from array import array

from promscrape.storage.wal.departures import MAX_KEPT_REFS, Departures


def refs(start: int, count: int) -> "array[int]":
    return array("Q", range(start, start + count))


def test_each_departure_is_told_once() -> None:
    departures = Departures()
    departures.add(refs(1, 3))
    seen = departures.count
    assert departures.since(0) == refs(1, 3)
    departures.add(refs(10, 2))
    departures.add(refs(20, 1))
    assert sorted(departures.since(seen) or ()) == [10, 11, 20]
    assert departures.since(departures.count) == array("Q")


def test_who_asks_too_late_is_told_so() -> None:
    """What is kept has a bound."""
    departures = Departures()
    departures.add(refs(1, 10))
    seen = departures.count
    departures.add(refs(11, MAX_KEPT_REFS))
    assert departures.since(0) is None
    assert departures.since(seen) == refs(11, MAX_KEPT_REFS)
    departures.add(refs(1_000_000, 1))
    assert departures.since(seen) is None
