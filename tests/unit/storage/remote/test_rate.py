"""Rates, and the number of shards that follows from them."""

import pytest

from promscrape.storage.remote.rate import Flow, Rate, next_shards


def test_a_rate_is_set_by_the_first_events_and_then_forgets() -> None:
    """T54: ticks of ten seconds with 0, 100 and 0 events."""
    rate, seen = Rate(), []
    for events in (0, 100, 0):
        rate.add(events)
        rate.tick()
        seen.append(rate.value)
    assert seen == pytest.approx([0, 10, 8])


@pytest.mark.parametrize(
    ("current", "incoming", "out", "dropped", "sending", "delay_s", "expected"),
    [
        (1, 10, 10, 0, 1, 0, 1),
        (10, 10, 10, 0, 5, 0, 5),
        (7, 10, 10, 0, 5, 0, 7),
        (1, 10, 10, 0, 10, 0, 10),
        (8, 10, 10, 0, 10, 0, 8),
        (2, 10, 10, 0, 2, 20, 4),
        (4, 10, 10, 0, 4, 90, 22),
        (22, 10, 20, 0, 4, 10, 3),
        (3, 10, 10, 0, 2, 0, 2),
        (1, 10, 10, 0, 1.2, 0, 2),
        (2, 10, 10, 0, 1.2, 0, 2),
        (2, 10, 10, 0, 0.9, 0, 1),
        (3, 10, 10, 0, 2.01, 0, 3),
        (3, 10, 10, 0, 1.99, 0, 2),
        (10, 0, 0, 0, 0, 0, 10),
    ],
)
def test_the_number_of_shards(
    current: int,
    incoming: float,
    out: float,
    dropped: float,
    sending: float,
    delay_s: float,
    expected: int,
) -> None:
    """T53, 7.8."""
    flow = Flow(incoming, out, dropped, sending, delay_s)
    assert next_shards(flow, current, 1, 100) == expected


def test_the_number_stays_between_its_bounds() -> None:
    """7.8."""
    assert next_shards(Flow(10, 10, 0, 500, 0), 1, 1, 50) == 50
    assert next_shards(Flow(10, 10, 0, 0.1, 0), 20, 4, 50) == 4
