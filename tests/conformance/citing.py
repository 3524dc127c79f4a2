"""How tests cite what a specification demands: rules, numbered cases, demands with names."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import final

_LETTERED = re.compile(r"\b([A-Z]{1,2})(\d{1,3})\b(?: to \1(\d{1,3})\b)?")
_SCRAPE_CASE = re.compile(r"\bTC\d{3}\b")
# "tests 22, 29 and 47", "Discovery 72", "tests 93 to 95", but no section such as "discovery 3.5".
_NUMBERED = re.compile(
    r"\b(?:[Tt]ests?|[Dd]iscovery,?) (\d{1,3}(?:(?:, and |, | and | to )\d{1,3})*)\b(?!\.\d)"
)
# A group that is cited as a whole; after "of" it only says where the names before it belong.
_GROUP = re.compile(r"(?<!of )\b(Test[A-Z]\w+)(?=[,.;:]|$| and\b)")
_NAME = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)*_(?:[a-z0-9]+\b|\*)")


class Style(ABC):
    """How one specification is cited. case_form: the id of a numbered case."""

    case_form = "{}"

    @abstractmethod
    def is_about(self, file: str) -> bool:
        """Whether tests of a file, relative to `tests`, can mean this specification."""

    @abstractmethod
    def in_docstring(self, text: str, file: str, ids: Iterable[str]) -> Iterator[str]:
        """Yield what a test's docstring cites; `ids` are all that there are."""

    def in_data(self, text: str) -> Iterable[str]:
        """Return what a parameter or a table of cases cites."""
        return ()


@final
class _Scraping(Style):
    """S22, M1 to M3, TC157. Other specifications have rules by the same letters."""

    case_form = "TC{:03d}"

    _others: Mapping[str, str] = {
        "unit/storage": "STV",
        "unit/discovery": "STV",
        "unit/decode": "STV",
        "adversity/test_kill": "S",
        "adversity/test_disk": "S",
        "e2e/test_life": "S",
        "e2e/test_wal": "S",
        "property/test_wal": "S",
    }

    def is_about(self, file: str) -> bool:
        return True

    def in_docstring(self, text: str, file: str, ids: Iterable[str]) -> Iterator[str]:
        others = "".join(own for area, own in self._others.items() if file.startswith(area))
        for cited in _lettered(text):
            if cited[0] not in others or cited.startswith("TC"):
                yield cited

    def in_data(self, text: str) -> Iterable[str]:
        return _SCRAPE_CASE.findall(text)


@final
class _RemoteWrite(Style):
    """T28; demands of the public sender suite by name, `metadata_type_*`, or by their whole group."""

    case_form = "T{}"

    _files = (
        "adversity/test_remote",
        "conformance/test_config",
        "e2e/test_remote",
        "e2e/test_sender",
        "property/test_remote",
        "unit/storage/remote",
        "unit/storage/wal/test_log_reader",
        "unit/support/test_remote",
    )

    def is_about(self, file: str) -> bool:
        return file.startswith(self._files)

    def in_docstring(self, text: str, file: str, ids: Iterable[str]) -> Iterator[str]:
        yield from (cited for cited in _lettered(text) if cited[0] == "T" and cited[1:].isdigit())
        groups, names = set(_GROUP.findall(text)), _NAME.findall(text)
        for demand in ids:
            group, _, name = demand.partition(" ")
            if name and (group in groups or any(_is_named(name, pattern) for pattern in names)):
                yield demand


def _is_named(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


@final
class _Discovery(Style):
    """Test 22, tests 22 and 29, tests 93 to 95, Discovery 72."""

    case_form = "test {}"

    _files = (
        "conformance/test_discovery",
        "e2e/test_generic_discovery",
        "e2e/test_kubernetes",
        "e2e/test_plugins",
        "unit/config",
        "unit/discovery",
        "unit/test_reload",
        "e2e/test_discovery",
        "e2e/test_providers",
    )

    def is_about(self, file: str) -> bool:
        return file.startswith(self._files)

    def in_docstring(self, text: str, file: str, ids: Iterable[str]) -> Iterator[str]:
        for listed in _NUMBERED.findall(text):
            last = 0
            for joint, digits in re.findall(r"(, and | to |, | and |^)(\d+)", listed):
                first = last + 1 if joint == " to " else int(digits)
                last = int(digits)
                yield from (f"test {number}" for number in range(first, last + 1))


def _lettered(text: str) -> Iterator[str]:
    for letters, first, last in _LETTERED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{letters}{number:03d}" if letters == "TC" else f"{letters}{number}"


STYLES: Mapping[str, Style] = {
    "scrape": _Scraping(),
    "remote_write": _RemoteWrite(),
    "discovery": _Discovery(),
}
