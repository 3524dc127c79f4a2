"""What of a file's text an error may show: never a password, a token or a private key.

A value that was read as a secret is known by its place (`Walk.hidden`). What is here is for the
rest: passwords in URLs, misspelled keys, and text that is not YAML, where nothing was read.
"""

import re
from collections.abc import Iterator, Sequence

from promscrape.model.secret import MASK
from promscrape.model.url import masked

# Keys that hold secrets. Those that name a file of secrets end otherwise, and are shown.
_NAMES_OF_SECRETS = (
    "(?:password|passphrase|secrets?|token|credentials|key|connect_header|auth_users)"
)
_SECRET_KEY = re.compile(rf"""({_NAMES_OF_SECRETS}["']?\s*:\s*)\S.*""", re.IGNORECASE)
# The same where the colon was forgotten.
_SECRET_WORD = re.compile(rf"""^([\s-]*[\w-]*{_NAMES_OF_SECRETS}\s+)\S.*""", re.IGNORECASE)
_SECRET_ENDING = re.compile(f".*{_NAMES_OF_SECRETS}", re.IGNORECASE | re.DOTALL)
# The beginning of a line that has a key: its indentation, with dashes, and the key.
_KEY = re.compile(r"""((?:\s|-\s)*)["']?([^\s"':#,{}\[\]-][^\s"':#,{}\[\]]*)["']?\s*:(?:\s|$)""")
_ANCHOR = re.compile(r"(unknown anchor ').*(' referenced)", re.DOTALL)


def masked_text(text: str) -> str:
    """Return a message without the passwords of the URLs in it."""
    return masked(text)


def masked_line(line: str) -> str:
    """Return a line of the file without what follows a key that holds a secret."""
    for secret in (_SECRET_KEY, _SECRET_WORD):
        line = secret.sub(rf"\1{MASK}", line)
    return masked(line)


def masked_anchor(message: str) -> str:
    """Return what is wrong with a secret that begins with a star, without the secret."""
    return _ANCHOR.sub(rf"\1{MASK}\2", message)


def is_below_secret(lines: Sequence[str], number: int) -> bool:
    """Whether a line, counted from 1, may be part of a secret, as far as its text tells.

    It may be where it has no key of its own, or stands deeper than the key above it, and one of
    the keys that it then belongs to holds secrets, or one among braces in the line of such a key.
    """
    return _continues_secret(lines, number) or any(
        _SECRET_ENDING.fullmatch(key) for key in _owners(lines, number)
    )


def _continues_secret(lines: Sequence[str], number: int) -> bool:
    """Whether a line without a key comes after a secret, with no line between that has a key."""
    for line in reversed(lines[:number]):
        if _SECRET_KEY.search(line):
            return True
        if _KEY.match(line):
            return False
    return False


def _owners(lines: Sequence[str], number: int) -> Iterator[str]:
    """Yield the keys that a line belongs to: its own or the nearest above, and those around it."""
    limit: int | None = None
    for line in reversed(lines[:number]):
        match = _KEY.match(line)
        if match is None:
            continue
        indentation = len(match[1])
        if limit is None or indentation < limit:
            limit = indentation
            yield match[2]
        if limit == 0:
            return
