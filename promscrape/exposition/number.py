"""Numbers as Prometheus reads and prints them, which is not quite how Python does.

    float  = [ sign ] ( digits [ "." [ digits ] ] | "." digits ) [ ( "e" | "E" ) [ sign ] digits ]
           | [ sign ] ( "inf" | "infinity" )            any case
           | "nan"                                      any case, no sign
    sign   = "+" | "-"

Python's float() also takes blanks, underscores, signed NaNs and other scripts' digits, and turns
an overflow into infinity. Rules P1 and N6; source: Go's strconv and Prometheus model/textparse.
"""

import math
import re

from promscrape.model.quoting import quote
from promscrape.model.sample import NORMAL_NAN

_DECIMAL = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INFINITY = re.compile(rb"[+-]?inf(?:inity)?", re.IGNORECASE)
_NAN = re.compile(rb"nan", re.IGNORECASE)
_HEX = re.compile(r"[+-]?0[xX](?:_?[0-9a-fA-F])*\.?(?:_?[0-9a-fA-F])*[pP][+-]?[0-9]+")
_UNDERSCORED = re.compile(r"[+-]?[0-9](?:_?[0-9])*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")

MAX_INT64 = (1 << 63) - 1


def parse_float(text: bytes) -> float:
    """Return the value of `text`; every NaN is the canonical one.

    Raises ValueError with Go's wording: unsupported character, invalid syntax, out of range.
    """
    if _DECIMAL.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError(f"strconv.ParseFloat: parsing {_shown(text)}: value out of range")
        return value
    if _NAN.fullmatch(text):
        return NORMAL_NAN
    if _INFINITY.fullmatch(text):
        return float(text)
    if any(char in text for char in b"pP_"):
        raise ValueError("unsupported character in float")
    raise ValueError(f"strconv.ParseFloat: parsing {_shown(text)}: invalid syntax")


def parse_int64(digits: bytes) -> int:
    """Return the value of ASCII `digits`; raises ValueError beyond 63 bits."""
    # Twenty digits cannot fit, and int() is quadratic in what a hostile target may send.
    value = int(digits) if len(digits.lstrip(b"0")) < 20 else MAX_INT64 + 1
    if value > MAX_INT64:
        raise ValueError(f"strconv.ParseInt: parsing {_shown(digits)}: value out of range")
    return value


def parse_seconds_ms(text: bytes) -> int:
    """Return the milliseconds of a time in float seconds, cut towards zero (O8).

    A time beyond 63 bits becomes the last one: far in the future it will be out of bounds, which
    costs one sample and not the scrape. Raises ValueError for what is no finite number.
    """
    seconds = parse_float(text)
    if not math.isfinite(seconds):
        raise ValueError(f"invalid timestamp {format_float(seconds)}")
    ms = max(-(2.0**63), min(seconds * 1000, 2.0**63))
    return max(-MAX_INT64, min(int(ms), MAX_INT64))


def canonical_float_text(text: str) -> str:
    """Return a `le` or `quantile` value in the one form that all formats share.

    A text that is no float is returned as it stands. Hexadecimal floats with an exponent and
    digits parted by underscores are read here, though not in sample values.
    """
    value = _lenient_float(text)
    return text if value is None else format_float(value)


def _lenient_float(text: str) -> float | None:
    if not text.isascii():
        return None
    try:
        return parse_float(text.encode())
    except ValueError:
        pass
    if _UNDERSCORED.fullmatch(text):
        value = float(text)
        return None if math.isinf(value) else value
    if _HEX.fullmatch(text):
        return _hex_float(text.replace("_", ""))
    return None


def _hex_float(text: str) -> float | None:
    try:
        return float.fromhex(text)
    except (ValueError, OverflowError):
        return None


def format_float(value: float) -> str:
    """Return the shortest text that reads back as `value`, always with a point or an exponent.

    The exponent form is used below 1e-4 and from 1e6 on, where Python's repr would wait for
    1e16.
    """
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0.0"
    sign = "-" if value < 0 else ""
    digits, exponent = _shortest_digits(abs(value))
    return sign + _place_point(digits, exponent)


def _shortest_digits(value: float) -> tuple[str, int]:
    """Return the significant digits of a positive value and its decimal exponent (d.ddd form)."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) if whole == "0" else len(whole)
    return digits.rstrip("0") or "0", point - 1 + int(exponent or 0)


def _place_point(digits: str, exponent: int) -> str:
    if exponent < -4 or exponent >= 6:
        head = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{head}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    if len(digits) <= exponent + 1:
        return digits + "0" * (exponent + 1 - len(digits)) + ".0"
    return f"{digits[: exponent + 1]}.{digits[exponent + 1 :]}"


def _shown(text: bytes) -> str:
    # Longer than any number: what is shown of a hostile token must stay short.
    return quote(text[:80].decode("utf-8", "surrogateescape"))
