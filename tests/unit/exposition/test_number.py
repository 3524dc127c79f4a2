"""Numbers are read and printed as Prometheus does it."""

import math

import pytest

from promscrape.exposition.number import (
    canonical_float_text,
    format_float,
    parse_float,
    parse_int64,
)
from promscrape.model.sample import NORMAL_NAN_BITS, float_bits


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1", 1.0),
        (b".5", 0.5),
        (b"5.", 5.0),
        (b"+007.50", 7.5),
        (b"1e3", 1000.0),
        (b"1E-3", 0.001),
        (b"Inf", math.inf),
        (b"-inf", -math.inf),
        (b"+Infinity", math.inf),
        (b"1e-400", 0.0),
        (b"0.1", 0.1),
        (b"9007199254740993", 9007199254740992.0),
    ],
)
def test_a_float_is_read_as_go_reads_it(text: bytes, value: float) -> None:
    """P1, TC007, TC010: the grammar's own forms, correctly rounded."""
    assert parse_float(text) == value


def test_minus_zero_keeps_its_sign() -> None:
    """P1: -0 is a value of its own."""
    assert math.copysign(1, parse_float(b"-0")) == -1


@pytest.mark.parametrize("text", [b"nAn", b"NaN", b"nan"])
def test_every_nan_is_the_canonical_one(text: bytes) -> None:
    """TC007, S2, F2: a text body cannot inject a stale marker."""
    assert float_bits(parse_float(text)) == NORMAL_NAN_BITS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"+NaN", 'parsing "+NaN": invalid syntax'),
        (b"-nan", "invalid syntax"),
        (b"0x1F", 'strconv.ParseFloat: parsing "0x1F": invalid syntax'),
        (b"0x1p4", "unsupported character in float"),
        (b"1_000", "unsupported character in float"),
        (b"1e400", 'strconv.ParseFloat: parsing "1e400": value out of range'),
        (b"-1e400", "value out of range"),
        (b"1\r", r'strconv.ParseFloat: parsing "1\r": invalid syntax'),
        (b" 1", "invalid syntax"),
        (b"", "invalid syntax"),
        (b".", "invalid syntax"),
        (b"1e", "invalid syntax"),
        (b"--1", "invalid syntax"),
        ("٣".encode(), "invalid syntax"),
    ],
)
def test_what_python_would_take_and_go_would_not_is_refused(text: bytes, reason: str) -> None:
    """P1, TC003, TC008, TC009, TC010: float() is more liberal than the format."""
    with pytest.raises(ValueError, match=r".+") as caught:
        parse_float(text)
    assert reason in str(caught.value)


def test_the_error_for_a_huge_token_stays_short() -> None:
    """A hostile target must not put a megabyte into the log."""
    with pytest.raises(ValueError, match="invalid syntax") as caught:
        parse_float(b"x" * 1_000_000)
    assert len(str(caught.value)) < 200


def test_timestamps_are_int64() -> None:
    """P16, TC006: leading zeros are fine, 2^63 is not, and a long run of digits is refused."""
    assert parse_int64(b"0009223372036854775807") == 2**63 - 1
    for digits in (b"9223372036854775808", b"9" * 5000):
        with pytest.raises(ValueError, match="value out of range"):
            parse_int64(digits)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1", "1.0"),
        ("0", "0.0"),
        ("-0", "0.0"),
        ("NaN", "NaN"),
        ("inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("100000", "100000.0"),
        ("999999", "999999.0"),
        ("1e3", "1000.0"),
        ("1e6", "1e+06"),
        ("1234567", "1.234567e+06"),
        ("123456789", "1.23456789e+08"),
        ("123456.5", "123456.5"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("0.000012", "1.2e-05"),
        ("100.50", "100.5"),
        ("-2.25", "-2.25"),
        ("1e21", "1e+21"),
        ("1e-300", "1e-300"),
        ("0x1p4", "16.0"),
        ("1_000", "1000.0"),
        ("foo", "foo"),
        (" 1", " 1"),
        ("", ""),
        ("1e400", "1e400"),
        ("1__0", "1__0"),
        ("٣", "٣"),
    ],
)
def test_bucket_bounds_take_one_form(text: str, canonical: str) -> None:
    """N5, N6, TC030: `le` and `quantile` are equal whatever format wrote them."""
    assert canonical_float_text(text) == canonical


@pytest.mark.parametrize("value", [1e5, 12.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 1e22])
def test_a_printed_float_reads_back(value: float) -> None:
    """N6: shortest digits that round-trip."""
    assert float(format_float(value)) == value
