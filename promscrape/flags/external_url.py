"""The URL under which others reach this process: it makes the links and the route prefix."""

import re
from typing import Self, final
from urllib.parse import quote as percent_encode
from urllib.parse import unquote

import msgspec

from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_BAD_HOST_CHARACTER = re.compile(r"[ \"<>\\^`{|}]")
_PORT = re.compile(r"(?::[0-9]*)?")


@final
class ExternalUrl(msgspec.Struct, frozen=True):
    """A URL without user, query and fragment, which mean nothing to links.

    host: with its port, as given.
    path: "" or a path with a slash in front and none behind; not percent-encoded.
    """

    scheme: str
    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URL as leniently as Go's net/url does. Raises InvalidValue."""
        if text and (text[0] in "\"'" or text[-1] in "\"'"):
            raise InvalidValue("URL must not begin or end with quotes")
        reason = None if not _CONTROL.search(text) else "net/url: invalid control character in URL"
        bare = re.split("[?#]", text, maxsplit=1)[0]
        scheme = _SCHEME.match(bare)
        rest = bare[scheme.end() :] if scheme else bare
        if scheme and not rest.startswith("/"):
            # An opaque URL such as `localhost:9090`: neither host nor path.
            rest = ""
        authority, path = _split_authority(rest)
        reason = reason or _fault(bare, authority, path, has_scheme=scheme is not None)
        if reason:
            raise InvalidValue(f"parse {quote(text)}: {reason}")
        path = unquote(path).rstrip("/")
        if path and not path.startswith("/"):
            path = f"/{path}"
        return cls(scheme[1].lower() if scheme else "", authority.rpartition("@")[2], path)

    @classmethod
    def derive(cls, hostname: str, listen_address: str) -> Self:
        """Return the URL of this machine and the address's port. Raises InvalidValue."""
        _, port = split_host_port(listen_address)
        return cls.parse(f"http://{hostname}:{port}/")

    @property
    def encoded_path(self) -> str:
        """The path as it stands in a link."""
        return percent_encode(self.path)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.encoded_path}/"


def split_host_port(address: str) -> tuple[str, str]:
    """Return host and port of `host:port`, `:port` or `[v6]:port`. Raises InvalidValue.

    Source: Go net.SplitHostPort.
    """
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        raise InvalidValue(f"address {address}: missing port in address")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    if ":" in host:
        raise InvalidValue(f"address {address}: too many colons in address")
    return host, port


def _split_authority(rest: str) -> tuple[str, str]:
    if not rest.startswith("//"):
        return "", rest
    authority, slash, path = rest[2:].partition("/")
    return authority, slash + path


def _fault(url: str, authority: str, path: str, *, has_scheme: bool) -> str | None:
    host = authority.rpartition("@")[2]
    bad_escape = _BAD_ESCAPE.search(path)
    bad_character = _BAD_HOST_CHARACTER.search(host)
    if url.startswith(":"):
        return "missing protocol scheme"
    if not has_scheme and not url.startswith("/") and ":" in url.partition("/")[0]:
        return "first path segment in URL cannot contain colon"
    if bad_character:
        return f"invalid character {quote(bad_character[0])} in host name"
    if host.startswith("[") and "]" not in host:
        return "missing ']' in host"
    port = host.rpartition("]")[2] if host.startswith("[") else host[host.find(":") :]
    if (":" in host or host.startswith("[")) and not _PORT.fullmatch(port):
        return f"invalid port {quote(port)} after host"
    return f"invalid URL escape {quote(bad_escape[0])}" if bad_escape else None
