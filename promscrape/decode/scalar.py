"""What a scalar resolves to, by the rules of yaml.v2 and not those of PyYAML.

Source: yaml.v2 resolve.go. There are no base-60 numbers, `y` and `n` are booleans, an octal
number starts with 0 or 0o, and `_` may stand anywhere in a number.
"""

import base64
import binascii
import math
import re
from typing import final

from promscrape.decode.document import ScalarNode

NULL, BOOL, INT, FLOAT, STR = "!!null", "!!bool", "!!int", "!!float", "!!str"
TIMESTAMP, BINARY = "!!timestamp", "!!binary"

ScalarValue = bool | int | float | str | None

_TRUE = ("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON")
_FALSE = ("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF")
_WORDS: dict[str, tuple[str, ScalarValue]] = {
    **dict.fromkeys(["", "~", "null", "Null", "NULL"], (NULL, None)),
    **dict.fromkeys(_TRUE, (BOOL, True)),
    **dict.fromkeys(_FALSE, (BOOL, False)),
    **dict.fromkeys([".nan", ".NaN", ".NAN"], (FLOAT, math.nan)),
    **dict.fromkeys([".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"], (FLOAT, math.inf)),
    **dict.fromkeys(["-.inf", "-.Inf", "-.INF"], (FLOAT, -math.inf)),
}
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_BASES = (16, 2, 8, 10)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ][0-9].*)?")
_RESOLVED_TAGS = frozenset({NULL, BOOL, INT, FLOAT, STR, TIMESTAMP, BINARY})
_MIN_INT, _MAX_UINT = -(2**63), 2**64 - 1
_MAX_DIGITS = 128


@final
class BadScalar(ValueError):
    """A scalar that is not what its explicit tag says."""


def is_null(node: ScalarNode) -> bool:
    """Whether the scalar is an explicit null: plain, or tagged as one."""
    return node.tag == NULL or (node.plain and _WORDS.get(node.text, (STR,))[0] == NULL)


def resolve(node: ScalarNode) -> tuple[str, ScalarValue]:
    """Return the tag that the scalar resolves to, and its value. Raises BadScalar."""
    if node.tag == BINARY:
        return BINARY, binary_text(node.text)
    if node.tag not in _RESOLVED_TAGS:
        # An unknown tag says nothing, and without a tag quotes make a string.
        return (node.tag or STR, node.text) if node.tag or not node.plain else plain(node.text)
    if node.tag == STR:
        return STR, node.text
    tag, value = plain(node.text)
    if (node.tag, tag) == (FLOAT, INT):
        return FLOAT, value
    if tag != node.tag:
        raise BadScalar(f"yaml: cannot decode {tag} `{node.text}` as a {node.tag}")
    return tag, value


def plain(text: str) -> tuple[str, ScalarValue]:
    """Return what `text` means without quotes or tag."""
    if text in _WORDS:
        return _WORDS[text]
    if not text[0].isascii() or text[0] not in "0123456789+-.":
        return STR, text
    if _DATE.fullmatch(text):
        return TIMESTAMP, text
    return _number(text.replace("_", "")) or (STR, text)


def _number(text: str) -> tuple[str, ScalarValue] | None:
    # Python reads and compares numbers of any length, slowly: none of use is longer.
    if len(text) > _MAX_DIGITS:
        return None
    if match := _INTEGER.fullmatch(text):
        sign, *digits = match.groups()
        number = next(int(d, base) for d, base in zip(digits, _BASES, strict=True) if d)
        number = -number if sign == "-" else number
        if _MIN_INT <= number <= _MAX_UINT:
            return INT, number
    if _FLOAT.fullmatch(text) and math.isfinite(value := float(text)):
        return FLOAT, value
    return None


def binary_text(text: str) -> str:
    """Return the bytes as text, those that are not UTF-8 as surrogates. Raises BadScalar."""
    try:
        raw = base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise BadScalar("yaml: !!binary value contains invalid base64 data") from exc
    return raw.decode("utf-8", "surrogateescape")
