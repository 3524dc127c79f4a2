"""When scrapes are due, and the timestamps they carry."""

import pytest

from promscrape.scrape.schedule import AlignedTime

MS = 1_000_000
SECOND = 1000 * MS


@pytest.mark.parametrize(
    ("late_ns", "snaps"), [(0, True), (1_500_000, True), (2 * MS, True), (3 * MS, False)]
)
def test_a_timer_that_is_a_little_late_is_put_on_the_grid(late_ns: int, snaps: bool) -> None:  # noqa: FBT001
    """L2, TC167: within 2 ms the timestamp is the grid's, beyond it the true one."""
    aligned = AlignedTime(0, 10 * SECOND, 2 * MS)
    now_ns = 30 * SECOND + late_ns
    assert aligned.stamp_ns(now_ns) == (30 * SECOND if snaps else now_ns)


def test_short_intervals_tolerate_less() -> None:
    """L2, TC168: one hundredth of the interval."""
    aligned = AlignedTime(0, 100 * MS, 2 * MS)
    assert aligned.stamp_ns(100 * MS + 1_500_000) == 100 * MS + 1_500_000


def test_without_adjustment_timestamps_are_true() -> None:
    """L2: --no-scrape.adjust-timestamps."""
    assert AlignedTime(0, SECOND, None).stamp_ns(SECOND + 1) == SECOND + 1


def test_the_grid_survives_missed_ticks() -> None:
    """L2: the grid advances by whole intervals."""
    aligned = AlignedTime(0, 10 * SECOND, 2 * MS)
    assert aligned.stamp_ns(10 * SECOND + 5 * MS) == 10 * SECOND + 5 * MS
    assert aligned.stamp_ns(40 * SECOND + MS) == 40 * SECOND


def test_a_small_step_back_stays_on_the_grid() -> None:
    """L2: less than an interval repeats the grid's time, which storage refuses as too old."""
    aligned = AlignedTime(100 * SECOND, 10 * SECOND, 2 * MS)
    assert aligned.stamp_ns(95 * SECOND) == 100 * SECOND


def test_a_clock_set_back_starts_a_new_grid() -> None:
    """L2, deviation: Prometheus repeats one timestamp until the clock has caught up."""
    aligned = AlignedTime(100 * SECOND, 10 * SECOND, 2 * MS)
    assert aligned.stamp_ns(50 * SECOND) == 50 * SECOND
    assert aligned.stamp_ns(60 * SECOND + MS) == 60 * SECOND
