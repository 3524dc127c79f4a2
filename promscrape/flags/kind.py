"""The kinds of flag values: how each is read, and how it prints.

The error texts are those of the Go libraries that read Prometheus's flags.
"""

import math
import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from promscrape.model.duration import Duration
from promscrape.model.go_duration import GoDuration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.size import Size

Value: TypeAlias = str | bool | int | float | Duration | GoDuration | Size | tuple[str, ...]
"""What a flag's text becomes. Only the flags that can be repeated have a tuple."""

_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class Kind(msgspec.Struct, frozen=True):
    """A kind of value.

    name: what the documentation calls it.
    parse: reads the text after the flag's name. Raises InvalidValue.
    zero: the value of a flag that has no default and is not given.
    """

    name: str
    parse: Callable[[str], Value]
    zero: Value = ""


def one_of(*choices: str) -> Kind:
    def parse(text: str) -> str:
        if text not in choices:
            raise InvalidValue(f"enum value must be one of {','.join(choices)}, got '{text}'")
        return text

    return Kind(" or ".join(f"`{choice}`" for choice in choices), parse)


def _parse_integer(text: str) -> int:
    # The reference reads integers as floats and cuts them: `5e2` is 500, `1.9` is 1.
    return int(_parse_number(text))


def _parse_number(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise InvalidValue(f"strconv.ParseFloat: parsing {quote(text)}: invalid syntax")
    number = float(text)
    if math.isinf(number):
        raise InvalidValue(f"strconv.ParseFloat: parsing {quote(text)}: value out of range")
    return number


def _parse_level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warn", "error"):
        raise InvalidValue(f"unrecognized log level {text}")
    return text.lower()


def _parse_format(text: str) -> str:
    if text not in ("logfmt", "json"):
        raise InvalidValue(f"unrecognized log format {text}")
    return text


TEXT = Kind("text", str)
BOOLEAN = Kind("boolean", lambda text: text == "true", zero=False)
INTEGER = Kind("integer", _parse_integer, zero=0)
NUMBER = Kind("number", _parse_number, zero=0.0)
DURATION = Kind("duration", Duration.parse, zero=Duration())
GO_DURATION = Kind("Go duration", GoDuration.parse, zero=GoDuration())
SIZE = Kind("size", Size.parse, zero=Size())
LOG_LEVEL = Kind("`debug`, `info`, `warn` or `error`", _parse_level)
LOG_FORMAT = Kind("`logfmt` or `json`", _parse_format)


def print_value(value: Value) -> str:
    """Return the form that `/api/v1/status/flags` shows."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)
    return ",".join(value) if isinstance(value, tuple) else str(value)
