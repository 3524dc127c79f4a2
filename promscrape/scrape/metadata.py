"""What a target says of its metric families, kept while it says it and a little longer."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import final

from promscrape.exposition.entries import HelpEntry, MetadataEntry, TypeEntry
from promscrape.model.metadata import Metadata, MetricType

_UNKNOWN = Metadata()

METADATA_ITERATIONS = 10
"""How many good scrapes the metadata of a vanished family outlives."""


@final
class MetadataCache:
    """The families of one target (rules C5, C12, C18 to C20).

    The lines of a body mostly are the very objects of the last one; then no family is touched,
    and `_current_seen` stands for all of them.
    """

    def __init__(self) -> None:
        self._families: dict[str, Metadata] = {}
        self._last_seen: dict[str, int] = {}
        self._lines: Sequence[MetadataEntry] = ()
        self._current: frozenset[str] = frozenset()
        self._current_seen = 0
        self.size_bytes = 0
        """The bytes of all texts, the family names left out."""

    def __len__(self) -> int:
        return len(self._families)

    @property
    def is_settled(self) -> bool:
        """Whether the last body spoke of every family there is, so that none can be forgotten."""
        return len(self._families) == len(self._current)

    @property
    def families(self) -> Mapping[str, Metadata]:
        """A view that changes with the target; copy it before the next await."""
        return self._families

    def note(self, lines: Sequence[MetadataEntry], iteration: int) -> None:
        """Take over the lines of a body. What a body does not say is not forgotten by it."""
        if lines is not self._lines:
            self._last_seen.update(dict.fromkeys(self._current, self._current_seen))
            said = dict[str, Metadata]()
            for entry in lines:
                family = entry.family
                before = said.get(family) or self._families.get(family, _UNKNOWN)
                said[family] = _with(before, entry)
            self.size_bytes += sum(map(_size_bytes, said.values()))
            self.size_bytes -= sum(
                _size_bytes(self._families[family]) for family in said.keys() & self._families
            )
            self._families |= said
            self._lines = lines
            self._current = frozenset(said)
        self._current_seen = iteration

    def purge(self, iteration: int) -> None:
        """Forget the families that were last seen too many good scrapes ago."""
        if self.is_settled:
            return
        for family, seen in list(self._last_seen.items()):
            if family in self._current:
                del self._last_seen[family]
            elif iteration - seen > METADATA_ITERATIONS:
                del self._last_seen[family]
                self.size_bytes -= _size_bytes(self._families.pop(family))


def _with(known: Metadata, entry: MetadataEntry) -> Metadata:
    if isinstance(entry, TypeEntry):
        return _shared(entry.type, known.help, known.unit)
    if isinstance(entry, HelpEntry):
        return _shared(known.type, entry.help, known.unit)
    return _shared(known.type, known.help, entry.unit)


@lru_cache(maxsize=20_000)
def _shared(type_: MetricType, help_: str, unit: str) -> Metadata:
    """Return one object for what all targets of a fleet say of a family."""
    return Metadata(type_, help_, unit)


def _size_bytes(metadata: Metadata) -> int:
    return _bytes_of(metadata.help) + _bytes_of(metadata.unit) + len(metadata.type)


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
