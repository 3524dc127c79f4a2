"""Sizes in bytes as Prometheus writes them: `15MB`, `1.5GiB`, `1KiB512B`.

    [+-] ("0" | (number unit)+)     unit = B KiB MiB GiB TiB PiB EiB, or B KB MB GB TB PB EB

Both families count in powers of 1024 and may not be mixed in one text.
Source: alecthomas/units ParseBase2Bytes, Base2Bytes.String.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Self, final

from promscrape.model.invalid import InvalidValue

_PREFIXES = "KMGTPE"
_NEW_UNITS = {"B": 1} | {f"{p}iB": 1024**power for power, p in enumerate(_PREFIXES, 1)}
_OLD_UNITS = {"B": 1} | {f"{p}B": 1024**power for power, p in enumerate(_PREFIXES, 1)}
_UNIT_OF_LOWER = {unit.lower(): unit for unit in _OLD_UNITS | _NEW_UNITS}
_MIN_BYTES, _MAX_BYTES = -(2**63), 2**63 - 1
_PART = re.compile(r"(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
# Longer runs of digits overflow in the reference, and are slow to read in Python.
_MAX_DIGITS = 18
_EXAMPLES = "a size is written like `15MB`, `1.5GiB` or `512B`"


@final
@dataclass(frozen=True, slots=True, order=True)
class Size:
    """A number of bytes."""

    bytes: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Prometheus's form. Raises InvalidValue."""
        try:
            return cls(_parse_bytes(text, _NEW_UNITS))
        except InvalidValue:
            # The reference reports what is wrong with the second family only, and so do we.
            return cls(_parse_bytes(text, _OLD_UNITS))

    def __bool__(self) -> bool:
        """Whether it is other than 0, which means "no limit" in the configuration."""
        return self.bytes != 0

    def __str__(self) -> str:
        """Return Prometheus's form, which `parse` reads back: `15MiB`, `1KiB512B`, `0B`."""
        if not self.bytes:
            return "0B"
        parts, left = ["-" if self.bytes < 0 else ""], abs(self.bytes)
        for unit, unit_bytes in reversed(_NEW_UNITS.items()):
            count, left = divmod(left, unit_bytes)
            if count:
                parts.append(f"{count}{unit}")
        return "".join(parts)


def _parse_bytes(text: str, units: dict[str, int]) -> int:
    sign = -1 if text.startswith("-") else 1
    at = int(text.startswith(("+", "-")))
    if text[at:] == "0":
        return 0
    total = Fraction()
    while part := _PART.match(text, at):
        digits, decimals, unit = part.group(1), part.group(2) or "", part.group(3)
        if len(digits) > _MAX_DIGITS or len(decimals) > _MAX_DIGITS:
            break
        if unit not in units:
            raise InvalidValue(f"units: unknown unit {unit} in {text}", hint=_unit_hint(unit))
        total += Fraction(int(digits + decimals), 10 ** len(decimals)) * units[unit]
        at = part.end()
    if at < len(text) or not text.strip("+-"):
        raise InvalidValue(f"units: invalid {text}", hint=_EXAMPLES)
    size_bytes = int(sign * total)
    if not _MIN_BYTES <= size_bytes <= _MAX_BYTES:
        raise InvalidValue("units: overflow parsing unit", hint="the largest size is under 8EiB")
    return size_bytes


def _unit_hint(unit: str) -> str:
    if not unit:
        return f"a size needs a unit; {_EXAMPLES}"
    known = _UNIT_OF_LOWER.get(unit.strip().lower())
    if known and known != unit:
        return f"units are case-sensitive and follow their number at once: `{known}`"
    return "the units are B KiB MiB GiB TiB PiB EiB, or B KB MB GB TB PB EB, but not both at once"
