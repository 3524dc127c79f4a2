"""Which tests prove which rule of the scrape specification.

    python -m tests.conformance.rule_coverage            every rule and case with its tests
    python -m tests.conformance.rule_coverage --missing  those without any

A rule or case is cited by its id in a test's docstring, a case also in the id of a parameter.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

TESTS = Path(__file__).parents[1]
RULES = Path(__file__).parent / "scrape" / "rules.yaml"

# Other specifications have rules by the same letters: that of the log its S and A.
_OTHER_AREAS = {
    "unit/storage": "STV",
    "unit/discovery": "STV",
    "unit/decode": "STV",
    "adversity/test_kill": "S",
    "adversity/test_disk": "S",
    "e2e/test_life": "S",
    "e2e/test_wal": "S",
    "property/test_wal": "S",
}

_CITED = re.compile(r"\b([A-Z]{1,2})(\d{1,3})\b(?: to \1(\d{1,3})\b)?")
_CASE = re.compile(r"\bTC\d{3}\b")


@dataclass(frozen=True, slots=True)
class Specification:
    """Ids in the order of the specification. excused: reasons, by id."""

    ids: tuple[str, ...]
    wording: Mapping[str, str]
    excused: Mapping[str, str]


def specification() -> Specification:
    data = yaml.safe_load(RULES.read_text())
    wording = {
        f"{area}{number}": words
        for area, rules in data["rules"].items()
        for number, words in rules.items()
    }
    cases = [f"TC{number:03d}" for part in data["cases"] for number in _numbers(part)]
    return Specification((*wording, *cases), wording, data["excused"])


def _numbers(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last) + 1)


@cache
def citations() -> Mapping[str, list[str]]:
    """Return the tests that cite each id, as `file::function`."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        file = path.relative_to(TESTS).as_posix()
        others = "".join(own for area, own in _OTHER_AREAS.items() if file.startswith(area))
        tree = ast.parse(path.read_text())
        for name, cited in _cited_in(tree):
            if cited[0] in others and not cited.startswith("TC"):
                continue
            test = f"{file}::{name}" if name else file
            if test not in found[cited]:
                found[cited].append(test)
    for path in sorted(TESTS.rglob("*.yaml")):
        if path != RULES:
            for cited in _CASE.findall(path.read_text()):
                found[cited].append(path.relative_to(TESTS).as_posix())
    return found


def _cited_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield tests with what they cite; parameters stand outside of any function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test_"):
                for cited in _ids_in(ast.get_docstring(node) or ""):
                    yield node.name, cited
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for cited in _CASE.findall(node.value):
                yield "", cited


def _ids_in(text: str) -> Iterator[str]:
    for area, first, last in _CITED.findall(text):
        for number in range(int(first), int(last or first) + 1):
            yield f"{area}{number:03d}" if area == "TC" else f"{area}{number}"


def main() -> None:
    """Print the coverage."""
    spec, cited = specification(), citations()
    only_missing = "--missing" in sys.argv[1:]
    for rule in spec.ids:
        tests = cited.get(rule, [])
        excuse = spec.excused.get(rule, "")
        if only_missing and (tests or excuse):
            continue
        tail = ", ".join(tests) or (f"excused: {excuse}" if excuse else "NOT CITED")
        print(f"{rule:6}{spec.wording.get(rule, ''):60} {tail}")  # noqa: T201 - a report
    count = sum(rule in cited for rule in spec.ids)
    print(f"{count} of {len(spec.ids)} cited, {len(spec.excused)} excused")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
