"""Which tests prove which rule, case or demand of a specification.

    python -m tests.conformance.rule_coverage            all of them with their tests
    python -m tests.conformance.rule_coverage --missing  those without any
    python -m tests.conformance.rule_coverage discovery  of one specification

What there is to prove stands in `tests/conformance/<specification>/rules.yaml`. It is cited in a
test's docstring, in the manner that `citing.py` knows of each specification.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.conformance.citing import STYLES, Style

TESTS = Path(__file__).parents[1]
AREAS = tuple(STYLES)


@dataclass(frozen=True, slots=True)
class Specification:
    """Ids in the order of the specification. excused: reasons, by id."""

    ids: tuple[str, ...]
    wording: Mapping[str, str]
    excused: Mapping[str, str]


@cache
def specification(area: str) -> Specification:
    """Return what there is to prove: rules by letter, cases by number, demands by name."""
    data = yaml.safe_load(_rules_of(area).read_text())
    wording = {
        f"{letter}{number}": words
        for letter, rules in data.get("rules", {}).items()
        for number, words in rules.items()
    }
    numbers = [number for part in data.get("cases", []) for number in _numbers(str(part))]
    cases = [STYLES[area].case_form.format(number) for number in numbers]
    demands = [
        f"{group} {name}" for group, names in data.get("demands", {}).items() for name in names
    ]
    return Specification((*wording, *cases, *demands), wording, data["excused"])


def _rules_of(area: str) -> Path:
    return Path(__file__).parent / area / "rules.yaml"


def _numbers(part: str) -> range:
    first, _, last = part.partition("-")
    return range(int(first), int(last or first) + 1)


@cache
def citations(area: str) -> Mapping[str, list[str]]:
    """Return the tests that cite each id, as `file::function`."""
    style, ids = STYLES[area], specification(area).ids
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        file = path.relative_to(TESTS).as_posix()
        if not style.is_about(file):
            continue
        for name, cited in _cited_in(ast.parse(path.read_text()), style, file, ids):
            test = f"{file}::{name}" if name else file
            if test not in found[cited]:
                found[cited].append(test)
    for path in sorted((Path(__file__).parent / area).rglob("*.yaml")):
        if path != _rules_of(area):
            for cited in style.in_data(path.read_text()):
                found[cited].append(path.relative_to(TESTS).as_posix())
    return found


def _cited_in(
    tree: ast.Module, style: Style, file: str, ids: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Yield tests with what they cite; parameters stand outside of any function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test_"):
                text = " ".join((ast.get_docstring(node) or "").split())
                for cited in style.in_docstring(text, file, ids):
                    yield node.name, cited
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for cited in style.in_data(node.value):
                yield "", cited


def main() -> None:
    """Print the coverage."""
    areas = [name for name in sys.argv[1:] if name in AREAS] or AREAS
    for area in areas:
        _report(area, only_missing="--missing" in sys.argv[1:])


def _report(area: str, *, only_missing: bool) -> None:
    spec, cited = specification(area), citations(area)
    for rule in spec.ids:
        tests = cited.get(rule, [])
        excuse = spec.excused.get(rule, "")
        if only_missing and (tests or excuse):
            continue
        tail = ", ".join(tests) or (f"excused: {excuse}" if excuse else "NOT CITED")
        words = spec.wording.get(rule, "")
        print(f"{rule:6}{words:60} {tail}" if words else f"{rule:66} {tail}")  # noqa: T201 - a report
    count = sum(rule in cited for rule in spec.ids)
    print(f"{area}: {count} of {len(spec.ids)} cited, {len(spec.excused)} excused")  # noqa: T201 - a report


if __name__ == "__main__":
    main()
