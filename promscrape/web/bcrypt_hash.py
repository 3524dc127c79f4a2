"""The form of a bcrypt hash: `$2`, a letter or none, `$`, two digits of cost, `$`, salt and hash.

Source: golang.org/x/crypto/bcrypt, newFromHash and Cost; the texts are its own.
"""

import re

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_SHORTEST = 59
_INTEGER = re.compile(r"[+-]?[0-9]+")
_LOWEST_COST, _HIGHEST_COST = 4, 31


def check_bcrypt_hash(text: str) -> None:
    """Raise InvalidValue, in which nothing of the hash but its head is told, where it is none."""
    if len(text) < _SHORTEST:
        raise InvalidValue("crypto/bcrypt: hashedSecret too short to be a bcrypted password")
    if text[0] != "$":
        raise InvalidValue(
            "crypto/bcrypt: bcrypt hashes must start with '$', "
            f"but hashedSecret started with '{text[0]}'"
        )
    if text[1] > "2":
        raise InvalidValue(
            f"crypto/bcrypt: bcrypt algorithm version '{text[1]}' requested is newer than "
            "current version '2'"
        )
    cost = text[3:5] if text[2] == "$" else text[4:6]
    if not _INTEGER.fullmatch(cost):
        raise InvalidValue(f"strconv.Atoi: parsing {quote(cost)}: invalid syntax")
    if not _LOWEST_COST <= int(cost) <= _HIGHEST_COST:
        raise InvalidValue(
            f"crypto/bcrypt: cost {int(cost)} is outside allowed range "
            f"({_LOWEST_COST},{_HIGHEST_COST})"
        )
