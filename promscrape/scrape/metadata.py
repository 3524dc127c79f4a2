"""What a target says of its metric families, kept while it says it and a little longer."""

from collections.abc import Mapping, Sequence
from typing import final

from promscrape.exposition.entries import HelpEntry, MetadataEntry, TypeEntry
from promscrape.model.metadata import Metadata

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

    def __len__(self) -> int:
        return len(self._families)

    @property
    def families(self) -> Mapping[str, Metadata]:
        """A view that changes with the target; copy it before the next await."""
        return self._families

    def size_bytes(self) -> int:
        """Return the bytes of all texts, the family names left out."""
        return sum(
            len(known.help.encode("utf-8", "surrogateescape"))
            + len(known.unit.encode("utf-8", "surrogateescape"))
            + len(known.type)
            for known in self._families.values()
        )

    def note(self, lines: Sequence[MetadataEntry], iteration: int) -> None:
        """Take over the lines of a body. What a body does not say is not forgotten by it."""
        if lines is not self._lines:
            self._last_seen.update(dict.fromkeys(self._current, self._current_seen))
            for entry in lines:
                self._families[entry.family] = self._with(entry)
            self._lines = lines
            self._current = frozenset(entry.family for entry in lines)
        self._current_seen = iteration

    def _with(self, entry: MetadataEntry) -> Metadata:
        known = self._families.get(entry.family, Metadata())
        if isinstance(entry, TypeEntry):
            return Metadata(entry.type, known.help, known.unit)
        if isinstance(entry, HelpEntry):
            return Metadata(known.type, entry.help, known.unit)
        return Metadata(known.type, known.help, entry.unit)

    def purge(self, iteration: int) -> None:
        """Forget the families that were last seen too many good scrapes ago."""
        if len(self._families) == len(self._current):
            return
        for family, seen in list(self._last_seen.items()):
            if family in self._current:
                del self._last_seen[family]
            elif iteration - seen > METADATA_ITERATIONS:
                del self._last_seen[family], self._families[family]
