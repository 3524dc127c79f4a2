"""What a target says of its metric families, kept while it says it and a little longer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import final

from promscrape.exposition.entries import HelpEntry, MetadataEntry, TypeEntry
from promscrape.model.metadata import Metadata, MetricType

_UNKNOWN = Metadata()

METADATA_ITERATIONS = 10
"""How many good scrapes the metadata of a vanished family outlives."""


@final
class MetadataCache(Mapping[str, Metadata]):
    """The families of one target (rules C5, C12, C18 to C20), by name. They change between awaits.

    Targets that say the same share what follows from it, until one of them says something else.

    The lines of a body mostly are the very objects of the last one; then no family is touched,
    and `_current_seen` stands for all of them.
    """

    def __init__(self) -> None:
        self._families: Mapping[str, Metadata] = {}
        self._last_seen: dict[str, int] = {}
        self._lines: Sequence[MetadataEntry] = ()
        self._current: frozenset[str] = frozenset()
        self._current_seen = 0
        self.size_bytes = 0
        """The bytes of all texts, the family names left out."""

    def __len__(self) -> int:
        return len(self._families)

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __getitem__(self, family: str) -> Metadata:
        return self._families[family]

    @property
    def is_settled(self) -> bool:
        """Whether the last body spoke of every family there is, so that none can be forgotten."""
        return len(self._families) == len(self._current)

    def note(self, lines: Sequence[MetadataEntry], iteration: int) -> None:
        """Take over the lines of a body. What a body does not say is not forgotten by it."""
        if lines is not self._lines:
            self._last_seen.update(dict.fromkeys(self._current, self._current_seen))
            if self._families:
                self._add(_folded(lines, self._families))
            else:
                self._families, self._current, self.size_bytes = _said_first(_Lines(lines))
            self._lines = lines
        self._current_seen = iteration

    def _add(self, said: Mapping[str, Metadata]) -> None:
        known = [self._families[family] for family in said if family in self._families]
        self.size_bytes += _size_bytes(said.values()) - _size_bytes(known)
        self._families = {**self._families, **said}
        self._current = frozenset(said)

    def purge(self, iteration: int) -> None:
        """Forget the families that were last seen too many good scrapes ago."""
        if self.is_settled:
            return
        gone = set[str]()
        for family, seen in list(self._last_seen.items()):
            if family in self._current:
                del self._last_seen[family]
            elif iteration - seen > METADATA_ITERATIONS:
                del self._last_seen[family]
                gone.add(family)
        if gone:
            self.size_bytes -= _size_bytes(map(self._families.__getitem__, gone))
            kept = (pair for pair in self._families.items() if pair[0] not in gone)
            self._families = dict(kept)


@final
class _Lines:
    """The lines of a body as a key: the same ones are the very same objects."""

    __slots__ = ("_ids", "lines")

    def __init__(self, lines: Sequence[MetadataEntry]) -> None:
        self.lines, self._ids = lines, tuple(map(id, lines))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Lines) and self._ids == other._ids

    def __hash__(self) -> int:
        return hash(self._ids)


@lru_cache(maxsize=64)
def _said_first(lines: _Lines) -> tuple[Mapping[str, Metadata], frozenset[str], int]:
    """Return what a body says, of which families, and the size of it.

    The parsers of text make one object of a line that they all have (`_shared_metadata`).
    """
    said = _folded(lines.lines, {})
    return said, frozenset(said), _size_bytes(said.values())


def _folded(
    lines: Sequence[MetadataEntry], known: Mapping[str, Metadata]
) -> Mapping[str, Metadata]:
    """Return the families of these lines, as they are known once these were read."""
    said = dict[str, Metadata]()
    for entry in lines:
        family = entry.family
        said[family] = _with(said.get(family) or known.get(family, _UNKNOWN), entry)
    return said


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


def _size_bytes(of: Iterable[Metadata]) -> int:
    return sum(_bytes_of(one.help) + _bytes_of(one.unit) + len(one.type) for one in of)


def _bytes_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))
