import pytest

from promscrape.model.go_duration import GoDuration
from promscrape.model.invalid import InvalidValue

MS, S, M, H = 1_000_000, 1_000_000_000, 60_000_000_000, 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("2ms", 2 * MS),
        ("1.5s", 1500 * MS),
        (".5s", 500 * MS),
        ("5.s", 5 * S),
        ("1h30m", H + 30 * M),
        ("1s1h", H + S),
        ("3us", 3000),
        ("3µs", 3000),
        ("3μs", 3000),  # Greek mu on purpose
        ("7ns", 7),
        ("-2m", -2 * M),
        ("0.1ns", 0),
        ("0.123456789012345678901234567890s", 123_456_789),
    ],
)
def test_gos_grammar_is_read(text: str, ns: int) -> None:
    """Service 1.1: --scrape.timestamp-tolerance takes Go's form, not Prometheus's."""
    assert GoDuration.parse(text) == GoDuration(ns)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("abc", 'time: invalid duration "abc"'),
        (".s", 'time: invalid duration ".s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1h5", 'time: missing unit in duration "1h5"'),
        ("5d", 'time: unknown unit "d" in duration "5d"'),
        ("5 s", 'time: unknown unit " s" in duration "5 s"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
        ("9" * 19 + "h", f'time: invalid duration "{"9" * 19}h"'),
    ],
)
def test_what_go_refuses_is_refused_in_its_words(text: str, error: str) -> None:
    """Service 1.1: an operator who searches for the message finds Go's answer."""
    with pytest.raises(InvalidValue) as caught:
        GoDuration.parse(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1100, "1.1µs"),
        (2 * MS, "2ms"),
        (1_500_000, "1.5ms"),
        (1_000_001, "1.000001ms"),
        (S, "1s"),
        (1500 * MS, "1.5s"),
        (M, "1m0s"),
        (H + 30 * S + MS, "1h0m30.001s"),
        (-2 * M, "-2m0s"),
        (-MS, "-1ms"),
    ],
)
def test_a_duration_prints_as_go_prints_it(ns: int, text: str) -> None:
    """Service 8: durations in the log read like `1.5ms`, and can be read back."""
    assert str(GoDuration(ns)) == text
    assert GoDuration.parse(text) == GoDuration(ns)


def test_measured_seconds_become_whole_nanoseconds() -> None:
    """Service 8: a stopwatch counts seconds in floats, the log prints what they mean."""
    assert str(GoDuration.of_seconds(0.0123)) == "12.3ms"
    assert GoDuration.of_seconds(0.0123).seconds == 0.0123
