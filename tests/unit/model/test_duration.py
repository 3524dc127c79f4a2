import pytest

from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 500),
        ("15s", 15_000),
        ("1m", MINUTE_MS),
        ("1h30m", 90 * MINUTE_MS),
        ("1d12h", 36 * HOUR_MS),
        ("1w", 7 * DAY_MS),
        ("1y", 365 * DAY_MS),
        ("1y2w3d4h5m6s7ms", ((365 + 14 + 3) * 24 + 4) * HOUR_MS + 5 * MINUTE_MS + 6007),
        ("007s", 7000),
        ("0000000000000000000000000000000001s", 1000),
        ("9223372036854ms", 9_223_372_036_854),
    ],
)
def test_a_duration_is_numbers_with_units_from_large_to_small(text: str, ms: int) -> None:
    """M31, config 2.1: a week has 7 days, a year 365; `0` needs no unit."""
    assert Duration.parse(text).ms == ms


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty duration string"),
        ("15", 'not a valid duration string: "15"'),
        ("-1h", 'not a valid duration string: "-1h"'),
        ("h", 'not a valid duration string: "h"'),
        ("00", 'not a valid duration string: "00"'),
        ("1s1m", 'not a valid duration string: "1s1m"'),
        ("1m1m", 'not a valid duration string: "1m1m"'),
        ("500ms1s", 'not a valid duration string: "500ms1s"'),
        ("1m15", 'not a valid duration string: "1m15"'),
        ("٣s", 'not a valid duration string: "٣s"'),
        ("18446744073709551616s", 'not a valid duration string: "18446744073709551616s"'),
        ("9" * 5000 + "s", f'not a valid duration string: "{"9" * 5000}s"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        ("1.5s", 'unknown unit "." in duration "1.5s"'),
        ("1m 30s", 'unknown unit "m " in duration "1m 30s"'),
        ("1H", 'unknown unit "H" in duration "1H"'),
        ('1"', r'unknown unit "\"" in duration "1\""'),
        ("293y", "duration out of range"),
        ("300y", "duration out of range"),
        ("9223372036855ms", "duration out of range"),
        ("292y200d", "duration out of range"),
    ],
)
def test_a_text_that_is_none_is_refused_with_prometheus_words(text: str, message: str) -> None:
    """M31, config 2.1: operators search for these texts."""
    with pytest.raises(InvalidValue) as caught:
        Duration.parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("15", "`15s`"),
        ("1.5s", "`1500ms`"),
        ("1H", "`h`"),
        ("1m 30s", "`m`"),
        ("5min", "y, w, d, h, m, s and ms"),
        ("1s1m", "from large to small"),
        ("-1h", "`1m30s`"),
        ("", "`1m30s`"),
        ("300y", "292y"),
    ],
)
def test_a_refusal_comes_with_the_remedy(text: str, hint: str) -> None:
    """People should not need the grammar to repair the file."""
    with pytest.raises(InvalidValue) as caught:
        Duration.parse(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (90_000, "1m30s"),
        (90 * MINUTE_MS, "1h30m"),
        (7 * DAY_MS, "1w"),
        (8 * DAY_MS, "8d"),
        (90 * DAY_MS, "90d"),
        (365 * DAY_MS, "1y"),
        (400 * DAY_MS, "400d"),
        (36 * HOUR_MS, "1d12h"),
        (730 * DAY_MS, "2y"),
        (14 * DAY_MS, "2w"),
    ],
)
def test_years_and_weeks_are_printed_only_where_they_divide_exactly(ms: int, text: str) -> None:
    """M31, config 2.1: 90d reads better than 12w6d."""
    assert str(Duration(ms)) == text


def test_durations_compare_and_say_whether_any_time_passes() -> None:
    """Config 5.1: a timeout is held against an interval, and 0 means "not set"."""
    assert Duration(1000) < Duration(2000)
    assert min(Duration(2000), Duration(1000)) == Duration(1000)
    assert not Duration()
    assert Duration(1)
    assert Duration(1500).seconds == 1.5
