"""What identifies a series that no line of text names."""

from collections.abc import Iterable

_SEPARATOR = b"\xff"


def series_key(name: str, labels: Iterable[tuple[str, str]]) -> bytes:
    """Return the key of a series in protobuf, or of one made from others (C2)."""
    parts = [name, *(text for pair in sorted(labels) for text in pair)]
    return _SEPARATOR.join(part.encode("utf-8", "surrogateescape") for part in parts)
