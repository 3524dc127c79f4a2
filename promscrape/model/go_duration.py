"""Durations as Go writes them, where Prometheus takes or prints one of those: `1.5ms`, `1h0m30s`.

    [+-] ("0" | (number unit)+)     unit = ns us µs ms s m h, in any order; numbers have fractions

Not to be mixed up with `Duration`, Prometheus's own form. Source: Go time.ParseDuration,
time.Duration.String.
"""

import re
from fractions import Fraction
from typing import Self, final

import msgspec

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_UNITS_NS = {
    "ns": 1,
    "us": 1000,
    "µs": 1000,  # micro sign
    "μs": 1000,  # Greek mu, which Go takes as well
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]{0,20}(?:\.[0-9]*)?)([^0-9.]*)")
_MAX_NS = 2**63 - 1


@final
class GoDuration(msgspec.Struct, frozen=True, order=True):
    """A span of time in whole nanoseconds; it may be negative."""

    ns: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Go's form. Raises InvalidValue."""
        digits = text[1:] if text.startswith(("+", "-")) else text
        if digits == "0":
            return cls()
        ns = _parse_ns(digits, text)
        return cls(-ns if text.startswith("-") else ns)

    @classmethod
    def of_seconds(cls, seconds: float) -> Self:
        return cls(round(seconds * 1e9))

    @property
    def seconds(self) -> float:
        return self.ns / 1e9

    def __str__(self) -> str:
        sign, ns = "-" if self.ns < 0 else "", abs(self.ns)
        if not ns:
            return "0s"
        if ns < _UNITS_NS["s"]:
            unit = next(unit for unit in ("ms", "µs", "ns") if ns >= _UNITS_NS[unit])
            return f"{sign}{_decimal(ns, _UNITS_NS[unit])}{unit}"
        minutes, rest_ns = divmod(ns, _UNITS_NS["m"])
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(rest_ns, _UNITS_NS['s'])}s"
        if hours or minutes:
            text = f"{minutes}m{text}"
        return f"{sign}{hours}h{text}" if hours else f"{sign}{text}"


def _parse_ns(digits: str, text: str) -> int:
    invalid = InvalidValue(f"time: invalid duration {quote(text)}")
    total_ns, at = Fraction(), 0
    while at < len(digits):
        part = _PART.match(digits, at)
        if part is None or part[1] in ("", "."):
            raise invalid
        unit_ns = _UNITS_NS.get(part[2])
        if unit_ns is None:
            reason = f"unknown unit {quote(part[2])}" if part[2] else "missing unit"
            raise InvalidValue(f"time: {reason} in duration {quote(text)}")
        total_ns += Fraction(f"0{part[1]}".rstrip(".")) * unit_ns
        at = part.end()
    if not digits or total_ns > _MAX_NS:
        raise invalid
    return int(total_ns)


def _decimal(ns: int, unit_ns: int) -> str:
    """Return `ns` in the unit, exactly and without zeros at the end."""
    whole, rest = divmod(ns, unit_ns)
    fraction = str(rest).zfill(len(str(unit_ns)) - 1).rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)
