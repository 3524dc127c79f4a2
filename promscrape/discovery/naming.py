"""How providers write the names and values of the labels that they discover.

Reading rules of the discovery specification; source: Prometheus util/strutil,
SanitizeLabelName, and Go's net.JoinHostPort.
"""

import re
from collections.abc import Iterable, Mapping

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_]")


def sanitized(name: str) -> str:
    """Return what can end a label's name: one `_` for each character that cannot."""
    return _NOT_IN_NAMES.sub("_", name)


def labels_of(prefix: str, pairs: Mapping[str, str]) -> dict[str, str]:
    """Return a label for each pair, named after its key.

    Of keys that make one name the last by sort order wins. Prometheus takes an arbitrary one,
    and with it lets targets change without a reason.
    """
    return {prefix + sanitized(key): pairs[key] for key in sorted(pairs)}


def host_port(host: str, port: int | str) -> str:
    """Return an address; a host with a colon is an IPv6 address, and gets brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def wrapped(separator: str, values: Iterable[str]) -> str:
    """Return the values with the separator between and around them.

    A regular expression then finds each value between two separators.
    """
    return f"{separator}{separator.join(values)}{separator}"


def flag(value: bool) -> str:  # noqa: FBT001 - it is what is written, not a way to behave
    """Return `true` or `false`."""
    return "true" if value else "false"
