"""docs/discovery.md says what the kinds of discovery are, no more and no less."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.aws_access import AwsFilter
from promscrape.discovery.kind import Kind
from promscrape.discovery.kubernetes.config import AttachMetadata, Namespaces, Selector
from promscrape.discovery.moby import MobyFilter
from promscrape.discovery.registry import KINDS as REGISTERED

DOCS = Path(__file__).parents[3] / "docs" / "discovery.md"
HTTP_CLIENT = "It also has the keys of the [HTTP client](configuration.md#http-client)."

SECTIONS: dict[str, ConfigStruct] = {
    "`namespaces`": Namespaces(),
    "`selectors`": Selector(),
    "`attach_metadata`": AttachMetadata(),
    "Filters": MobyFilter(),
}
KINDS: dict[str, ConfigStruct] = {f"`{kind.key}`": kind.config() for kind in REGISTERED}


def sections() -> dict[str, str]:
    """Return the text under each heading, of whatever level."""
    parts = re.split(r"^##+ (.+)$", DOCS.read_text(), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of the table, without its head."""
    lines = re.findall(r"^\|.*\|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


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


def test_every_kind_has_a_section_and_a_state() -> None:
    """R-1: in both directions and in one order, with what is built told from what only loads."""
    documented = sections()
    assert [heading for heading in documented if heading] == [
        heading
        for kind in KINDS
        for heading in (kind, *(list(SECTIONS)[:3] if "kubernetes" in kind else []))
    ] + ["Filters"]
    assert [(link, state) for link, state, _ in rows_of(documented[""])] == [
        (f"[`{kind.key}`](#{kind.key})", "built" if isinstance(kind, Kind) else "loads")
        for kind in REGISTERED
    ]


@pytest.mark.parametrize(("heading", "section"), [*KINDS.items(), *SECTIONS.items()])
def test_the_documented_keys_are_the_declared_ones(heading: str, section: ConfigStruct) -> None:
    """Discovery 2 to 5: names and defaults, in both directions and in one order."""
    rows = rows_of(sections()[heading])
    assert [(row[0], row[2]) for row in rows] == [
        (f"`{field.encode_name}`", default_of(section, field.name))
        for field in msgspec.structs.fields(section)
        if not is_inline(field)
    ]
    assert all(kind and meaning for _, kind, _, meaning in rows)


@pytest.mark.parametrize(("heading", "section"), KINDS.items())
def test_the_kinds_with_an_http_client_say_so(heading: str, section: ConfigStruct) -> None:
    """Discovery, reading rules: the others refuse its keys."""
    text = " ".join(sections()[heading].split())
    assert (HTTP_CLIENT in text) == any(map(is_inline, msgspec.structs.fields(section)))


def test_the_filters_of_all_kinds_are_alike() -> None:
    """Discovery 5.1, 5.5: one section describes them."""
    assert AwsFilter.__struct_fields__ == MobyFilter.__struct_fields__
