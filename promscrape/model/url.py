"""URLs as the configuration writes them: read leniently, and shown without their password.

Source: Go net/url, Parse and Redacted. Nothing is normalized: the text stays as it was written.
"""

import re
from dataclasses import dataclass, field
from typing import Self, final

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.\-]*):", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})[^\n]{0,2}")
# In a host only a percent sign itself and bytes beyond ASCII may be escaped.
_BAD_HOST_ESCAPE = re.compile(r"%(?!25|[89a-fA-F][0-9a-fA-F])[^\n]{0,2}")
# A range up to the last character of all instead would take 7 ms to compile, at each start.
_BAD_HOST_CHARACTER = re.compile(r"""(?=[\x00-\x7f])[^a-zA-Z0-9\-_.~!$&'()*+,;=:\[\]<>"%]""")
_BAD_USER_CHARACTER = re.compile(r"[^a-zA-Z0-9\-._:~!$&'()*+,;=%@]")
_PORT = re.compile(r"(?::[0-9]*)?")
# What stands between the user and the host; without a scheme and slashes, too.
_PASSWORD = re.compile(r"([^\s/:@\"'`]*:)[^\s/@]+@")
_MASK = "xxxxx"


@final
@dataclass(frozen=True, slots=True)
class URL:
    """A URL, possibly relative or empty. Its text, which may hold a password, is never printed."""

    _text: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL. Raises InvalidValue."""
        base, _, fragment = text.partition("#")
        try:
            _check(base)
            _check_escapes(fragment)
        except InvalidValue as exc:
            raise InvalidValue(f"parse {quote(_masked(text))}: {exc}", hint=exc.hint) from None
        return cls(text)

    def reveal(self) -> str:
        """Return the text, password and all, for the one place that needs it."""
        return self._text

    @property
    def scheme(self) -> str:
        """The scheme in lower case, "" where there is none."""
        match = _SCHEME.match(self._text)
        return match[1].lower() if match else ""

    @property
    def host(self) -> str:
        """The host and, where it is written, the port; "" where there is none."""
        return _authority(self._text).rpartition("@")[2]

    def __bool__(self) -> bool:
        """Whether there is a text at all."""
        return bool(self._text)

    def __str__(self) -> str:
        return _masked(self._text)

    def __repr__(self) -> str:
        return f"URL({_masked(self._text)!r})"


def _after_scheme(text: str) -> str:
    match = _SCHEME.match(text)
    return text[match.end() :] if match else text


def _authority(text: str) -> str:
    """Return what stands between `//` and the path, "" where there is no `//`."""
    rest = re.split(r"[?#]", _after_scheme(text), maxsplit=1)[0]
    # Without a scheme, three slashes begin a path.
    if not rest.startswith("//") or (rest == text and rest.startswith("///")):
        return ""
    return rest[2:].partition("/")[0]


def masked(text: str) -> str:
    """Return a text without the passwords of the URLs in it, also where they are none for Go."""
    return _PASSWORD.sub(rf"\1{_MASK}@", text)


def _masked(text: str) -> str:
    user, at, _ = _authority(text).rpartition("@")
    name, colon, _ = user.partition(":")
    if not at or not colon:
        return text if _authority(text) else masked(text)
    return text.replace(f"//{user}@", f"//{name}:{_MASK}@", 1)


def _check(text: str) -> None:
    """Raise InvalidValue, without the text, for what Go's url.Parse refuses."""
    if _CONTROL.search(text):
        raise InvalidValue("net/url: invalid control character in URL")
    if text.startswith(":"):
        raise InvalidValue("missing protocol scheme", hint="a URL begins with `http://`")
    rest = _after_scheme(text).partition("?")[0]
    if not rest.startswith("/"):
        if rest == text.partition("?")[0] and ":" in rest.partition("/")[0]:
            raise InvalidValue(
                "first path segment in URL cannot contain colon",
                hint="a URL begins with its scheme: `http://`",
            )
        return
    authority = _authority(text)
    if authority:
        _check_authority(authority)
        rest = rest[2 + len(authority) :]
    _check_escapes(rest)


def _check_authority(authority: str) -> None:
    user, at, host = authority.rpartition("@")
    _check_host(host)
    if at and _BAD_USER_CHARACTER.search(user):
        raise InvalidValue("net/url: invalid userinfo")
    _check_escapes(user)


def _check_host(host: str) -> None:
    if "[" in host and "]" not in host:
        raise InvalidValue("missing ']' in host")
    port = host.rpartition("]")[2] if "[" in host else _from_last_colon(host)
    if not _PORT.fullmatch(port):
        raise InvalidValue(f"invalid port {quote(port)} after host")
    escape = _BAD_HOST_ESCAPE.search(host)
    if escape:
        raise InvalidValue(f"invalid URL escape {quote(escape[0])}")
    bad = _BAD_HOST_CHARACTER.search(host)
    if bad:
        raise InvalidValue(f"invalid character {quote(bad[0])} in host name")


def _from_last_colon(host: str) -> str:
    _, colon, port = host.rpartition(":")
    return f"{colon}{port}" if colon else ""


def _check_escapes(text: str) -> None:
    escape = _BAD_ESCAPE.search(text)
    if escape:
        raise InvalidValue(f"invalid URL escape {quote(escape[0])}")
