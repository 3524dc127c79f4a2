"""Label sets: what names a series.

A label set lives as long as its series, a million of them at a time, and is looked at rarely:
when a series is first seen, logged, or shown. It is therefore kept as one `bytes` object in the
log's own encoding (`wire`), which is also what makes two sets equal:

    uvarint number of labels, then per label  uvarint length, name, uvarint length, value

Names ascend bytewise, empty values are left out (to Prometheus an empty value is no label), and
a name that was given twice stays twice, for the storage to refuse.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import final

from promscrape.model.quoting import quote
from promscrape.model.varint import uvarint

METRIC_NAME = "__name__"
BUCKET_LABEL = "le"
QUANTILE_LABEL = "quantile"

_ONE_BYTE = [bytes((size,)) for size in range(0x80)]
_LABEL_START = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_LABEL_CHARS = _LABEL_START | frozenset("0123456789")


def is_legacy_label_name(name: str) -> bool:
    """Whether `name` matches `[a-zA-Z_][a-zA-Z0-9_]*`."""
    return bool(name) and name[0] in _LABEL_START and _LABEL_CHARS.issuperset(name)


def is_legacy_metric_name(name: str) -> bool:
    """Whether `name` matches `[a-zA-Z_:][a-zA-Z0-9_:]*`."""
    return bool(name) and is_legacy_label_name(name.replace(":", "_"))


def is_utf8(text: str) -> bool:
    """Whether `text` can be encoded: a lone surrogate stands for a byte that was not UTF-8."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


class ValidationScheme(StrEnum):
    """Which names are valid: any non-empty UTF-8, or the characters of Prometheus 2."""

    UTF8 = "utf8"
    LEGACY = "legacy"

    def allows_label(self, name: str) -> bool:
        if self is ValidationScheme.LEGACY:
            return is_legacy_label_name(name)
        return bool(name) and is_utf8(name)

    def allows_metric(self, name: str) -> bool:
        if self is ValidationScheme.LEGACY:
            return is_legacy_metric_name(name)
        return bool(name) and is_utf8(name)


@final
class Labels:
    """An immutable label set, sorted by name. Compare and hash it freely; decoding is on demand."""

    __slots__ = ("wire",)

    def __init__(self, wire: bytes) -> None:
        self.wire = wire

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[str, str]]) -> "Labels":
        """Build a set from pairs in any order. Pairs with an empty value are left out."""
        kept = sorted((name, value) for name, value in pairs if value)
        return cls._from_sorted(kept)

    @classmethod
    def from_map(cls, labels: Mapping[str, str]) -> "Labels":
        return cls.from_pairs(labels.items())

    @classmethod
    def _from_sorted(cls, pairs: list[tuple[str, str]]) -> "Labels":
        parts = [uvarint(len(pairs))]
        for pair in pairs:
            for text in pair:
                raw = text.encode("utf-8", "surrogateescape")
                size = len(raw)
                parts += (_ONE_BYTE[size] if size < 0x80 else uvarint(size), raw)
        return cls(b"".join(parts))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield (name, value) in ascending order of names."""
        texts = self._texts()
        return zip(texts, texts, strict=True)

    def _texts(self) -> Iterator[str]:
        wire = self.wire
        count, at = _read_uvarint(wire, 0)
        for _ in range(2 * count):
            size, at = _read_uvarint(wire, at)
            yield wire[at : at + size].decode("utf-8", "surrogateescape")
            at += size

    def __len__(self) -> int:
        return _read_uvarint(self.wire, 0)[0]

    def __bool__(self) -> bool:
        return self.wire != b"\x00"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)

    def get(self, name: str) -> str:
        """Return the value of `name`, or "" where the set lacks it: the two mean the same."""
        return next((value for own, value in self if own == name), "")

    def to_map(self) -> dict[str, str]:
        """Return the labels as a new dict; of a name that stands twice the last value wins."""
        return dict(self)

    def repeated_name(self) -> str | None:
        """Return the first name that stands twice, if any."""
        wire, previous = self.wire, None
        count, at = _read_uvarint(wire, 0)
        for _ in range(count):
            size, at = _read_uvarint(wire, at)
            name = wire[at : at + size]
            if name == previous:
                return name.decode("utf-8", "surrogateescape")
            previous = name
            at += size
            size, at = _read_uvarint(wire, at)
            at += size
        return None

    def __str__(self) -> str:
        """Return `{a="b", c="d"}` as Prometheus prints it; names it must quote are quoted."""
        parts = (
            f"{name if is_legacy_label_name(name) else quote(name)}={quote(value)}"
            for name, value in self
        )
        return f"{{{', '.join(parts)}}}"

    def __repr__(self) -> str:
        return f"Labels({self})"


EMPTY_LABELS = Labels(b"\x00")


def _read_uvarint(wire: bytes, at: int) -> tuple[int, int]:
    number = wire[at]
    if number < 0x80:
        return number, at + 1
    number = shift = 0
    while True:
        byte = wire[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
