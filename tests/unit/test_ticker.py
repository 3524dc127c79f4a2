"""A fixed rate, kept by whoever is busy now and then."""

from promscrape.ticker import Ticker


def due(ticker: Ticker, *asked_s: float) -> list[float]:
    """Ask for the next tick at each of these times, and take it."""
    found = []
    for now_s in asked_s:
        found.append(ticker.next_due_s(now_s))
        ticker.take(found[-1])
    return found


def test_ticks_keep_to_their_grid() -> None:
    """L1: what a scrape takes does not move the next one."""
    assert due(Ticker(100.0, 10.0), 100.2, 110.9, 120.0) == [110.0, 120.0, 130.0]


def test_a_missed_tick_is_made_up_once() -> None:
    """L1: a scrape that took 25 s of a 10 s interval is followed at once, then on the grid."""
    assert due(Ticker(0.0, 10.0), 25.0, 26.0) == [25.0, 30.0]


def test_of_several_missed_ticks_one_is_remembered() -> None:
    """L1: one tick, not the four that were missed."""
    assert due(Ticker(0.0, 10.0), 47.0, 47.5) == [47.0, 50.0]


def test_asking_takes_no_tick() -> None:
    """L30: a wait that was given up leaves its tick to the next who waits."""
    ticker = Ticker(0.0, 10.0)
    assert [ticker.next_due_s(1.0), ticker.next_due_s(2.0)] == [10.0, 10.0]
