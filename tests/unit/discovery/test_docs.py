"""docs/discovery.md and the pages beside it say what the kinds are, no more and no less.

A kind that is built has the page `docs/discovery/<name>.md`, with the headings of `HEADINGS` in
this order; the keys of the others are in docs/discovery.md.
"""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from promscrape.config.load import parse
from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.aws_access import AwsFilter
from promscrape.discovery.kind import Kind
from promscrape.discovery.kubernetes.config import AttachMetadata, Namespaces, Selector
from promscrape.discovery.moby import MobyFilter
from promscrape.discovery.registry import KINDS

DOCS = Path(__file__).parents[3] / "docs"
HEADINGS = ["Example", "Keys", "Labels", "When it fails"]
HTTP_CLIENT = re.compile(r"the keys of the \[HTTP client\]\([./]*configuration\.md#http-client\)")

SECTIONS: dict[str, ConfigStruct] = {
    "`namespaces`": Namespaces(),
    "`selectors`": Selector(),
    "`attach_metadata`": AttachMetadata(),
    "Filters": MobyFilter(),
}
BUILT = [each.kind for each in KINDS if isinstance(each.kind, Kind)]
CONFIGS: dict[str, ConfigStruct] = {f"`{each.key}`": each.kind.config() for each in KINDS}


def sections_of(text: str) -> dict[str, str]:
    """Return the text under each heading, of whatever level below the first."""
    parts = re.split(r"^##+ (.+)$", text, flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def index() -> dict[str, str]:
    return sections_of((DOCS / "discovery.md").read_text())


def page(name: str) -> dict[str, str]:
    return sections_of((DOCS / "discovery" / f"{name}.md").read_text())


def sections() -> dict[str, str]:
    """Return what is said of the keys of each kind and part of one, wherever that is."""
    found = index()
    for kind in BUILT:
        of_kind = page(kind.name)
        found |= {heading: of_kind[heading] for heading in SECTIONS if heading in of_kind}
        found[f"`{kind.key}`"] = of_kind["Keys"]
    return found


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the tables, without their heads."""
    lines = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    heads = [at for at, line in enumerate(lines) if set(line) <= set("|-")]
    rows = [line for at, line in enumerate(lines) if at not in heads and at + 1 not in heads]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def is_inline(field: msgspec.structs.FieldInfo) -> bool:
    return INLINE in get_args(field.type)


def default_of(section: ConfigStruct, name: str) -> str:
    """Return how a default is written; what an entry cannot do without has none."""
    if (name,) in {fault.at for fault in section.check()}:
        return "required"
    value = getattr(section, name)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value and not isinstance(value, ConfigStruct) else ""


def test_every_kind_has_a_line_and_a_state() -> None:
    """R-1: in one order, with what is built told from what only loads."""
    assert [(link, state) for link, state, _ in rows_of(index()["The kinds"])] == [
        (f"[`{kind.key}`](discovery/{kind.name}.md)", "built")
        if kind.metrics
        else (f"[`{kind.key}`](#{kind.key})", "loads")
        for kind in KINDS
    ]


def test_every_kind_has_its_place() -> None:
    """R-1: a page where it is built, else a section; none is in two places."""
    unbuilt = [f"`{kind.key}`" for kind in KINDS if kind.metrics is None]
    assert [heading for heading in index() if heading in CONFIGS] == unbuilt
    assert set(sections()) == {"", "How it runs", "The kinds", *CONFIGS, *SECTIONS}
    pages = {path.stem for path in (DOCS / "discovery").glob("*.md")}
    assert pages == {kind.name for kind in BUILT}


@pytest.mark.parametrize(("heading", "section"), [*CONFIGS.items(), *SECTIONS.items()])
def test_the_documented_keys_are_the_declared_ones(heading: str, section: ConfigStruct) -> None:
    """Discovery 2 to 5: names and defaults, in both directions and in one order."""
    rows = rows_of(sections()[heading])
    assert [(row[0], row[2]) for row in rows] == [
        (f"`{field.encode_name}`", default_of(section, field.name))
        for field in msgspec.structs.fields(section)
        if not is_inline(field)
    ]
    assert all(kind and meaning for _, kind, _, meaning in rows)


@pytest.mark.parametrize(("heading", "section"), CONFIGS.items())
def test_the_kinds_with_an_http_client_say_so(heading: str, section: ConfigStruct) -> None:
    """Discovery, reading rules: the others refuse its keys."""
    text = " ".join(sections()[heading].split())
    assert bool(HTTP_CLIENT.search(text)) == any(map(is_inline, msgspec.structs.fields(section)))


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.name)
def test_a_page_has_all_its_parts(kind: Kind[object, object]) -> None:
    """One page teaches all: they have the same parts in the same order."""
    assert [heading for heading in page(kind.name) if heading in HEADINGS] == HEADINGS
    assert all(text.strip() for text in page(kind.name).values())


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.name)
def test_the_documented_labels_are_the_declared_ones(kind: Kind[object, object]) -> None:
    """Discovery 2 to 5: in both directions and in one order; tests hold providers to them."""
    documented = [
        row[0].strip("`")
        for heading, text in page(kind.name).items()
        if heading not in ("Keys", *SECTIONS)
        for row in rows_of(text)
        if row[0].startswith("`__meta_")
    ]
    assert documented == list(kind.labels)


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.name)
def test_the_example_of_a_page_loads(kind: Kind[object, object]) -> None:
    """A reader starts from it."""
    (source,) = re.findall(r"```yaml\n(.+?)```", page(kind.name)["Example"], re.DOTALL)
    jobs = parse(source.encode(), "/etc/promscrape.yml", {}).scrape_configs
    assert jobs
    assert all(list(job.discovery.by_key) == [kind.key] for job in jobs)


def test_the_filters_of_all_kinds_are_alike() -> None:
    """Discovery 5.1, 5.5: one section describes them."""
    assert AwsFilter.__struct_fields__ == MobyFilter.__struct_fields__
