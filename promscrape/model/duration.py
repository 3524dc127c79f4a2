"""Durations as Prometheus writes them: `15s`, `1h30m`, `1w`.

    "0" | (digits unit)+     unit = y w d h m s ms, from large to small, each at most once

A year is 365 days, a week 7. Source: prometheus/common model.ParseDuration, Duration.String.
"""

import re
from dataclasses import dataclass
from typing import Self, final

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_DAY_MS = 86_400_000
_UNITS_MS = {
    "y": 365 * _DAY_MS,
    "w": 7 * _DAY_MS,
    "d": _DAY_MS,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
# Prometheus counts nanoseconds in an int64, which ends in the 293rd year.
_MAX_MS = (2**63 - 1) // 1_000_000
_MAX_COUNT = 2**64 - 1
_PART = re.compile(r"([0-9]+)([^0-9]+)")
# Printed only where they divide the duration: 90d reads better than 12w6d.
_EXACT_UNITS = frozenset("yw")


@final
@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time of at least 0 milliseconds."""

    ms: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Prometheus's form. Raises InvalidValue."""
        if text == "0":
            return cls()
        if not text:
            raise InvalidValue("empty duration string", hint=_EXAMPLES)
        return cls(_parse_ms(text))

    @property
    def seconds(self) -> float:
        return self.ms / 1000

    def __bool__(self) -> bool:
        """Whether any time passes; in the configuration 0 mostly means "not set"."""
        return self.ms != 0

    def __str__(self) -> str:
        """Return Prometheus's form, which `parse` reads back: `1m30s`, `0s`."""
        if not self.ms:
            return "0s"
        parts, left_ms = [], self.ms
        for unit, unit_ms in _UNITS_MS.items():
            if left_ms < unit_ms or (unit in _EXACT_UNITS and left_ms % unit_ms):
                continue
            count, left_ms = divmod(left_ms, unit_ms)
            parts.append(f"{count}{unit}")
        return "".join(parts)


_EXAMPLES = "a duration is written like `15s`, `1m30s` or `500ms`"


def _parse_ms(text: str) -> int:
    total_ms = at = 0
    last_unit_ms = _MAX_MS
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise InvalidValue(f"not a valid duration string: {quote(text)}", hint=_hint(text))
        digits, unit = part.groups()
        count, unit_ms = _count(digits), _UNITS_MS.get(unit)
        if count > _MAX_COUNT:
            raise InvalidValue(f"not a valid duration string: {quote(text)}", hint=_EXAMPLES)
        if unit_ms is None:
            raise InvalidValue(
                f"unknown unit {quote(unit)} in duration {quote(text)}", hint=_unit_hint(unit)
            )
        if unit_ms >= last_unit_ms:
            raise InvalidValue(
                f"not a valid duration string: {quote(text)}",
                hint="units go from large to small, each at most once",
            )
        last_unit_ms = unit_ms
        total_ms += count * unit_ms
        if total_ms > _MAX_MS:
            raise InvalidValue("duration out of range", hint="the longest duration is 292y")
        at = part.end()
    return total_ms


def _count(digits: str) -> int:
    # Python refuses to read thousands of digits; 21 are already too many for any unit.
    significant = digits.lstrip("0")[:21]
    return int(significant or "0")


def _hint(text: str) -> str:
    if text.isdecimal() and text.isascii():
        return f"a duration needs a unit: `{text}s`"
    return _EXAMPLES


def _unit_hint(unit: str) -> str:
    if unit == ".":
        return "a duration has no fraction; use a smaller unit: `1500ms`"
    if unit.strip().lower() in _UNITS_MS:
        return f"units are in lower case and follow their number at once: `{unit.strip().lower()}`"
    return "the units are y, w, d, h, m, s and ms"
