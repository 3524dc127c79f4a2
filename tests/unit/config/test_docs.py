"""docs/configuration.md says what the sections' declarations say, no more and no less."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from promscrape.config.global_ import GlobalConfig, RuntimeConfig
from promscrape.config.root import ConfigFile
from promscrape.config.scrape import ScrapeConfig
from promscrape.config.unsupported import JOB_KEYS, ROOT_KEYS
from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.static import StaticConfig
from promscrape.relabel import RelabelConfig

DOCS = Path(__file__).parents[3] / "docs" / "configuration.md"
INHERITED = set(GlobalConfig.__struct_fields__) & set(ScrapeConfig.__struct_fields__)


def section_of(heading: str) -> str:
    """Return the text under a heading."""
    _, found, text = DOCS.read_text().partition(f"\n## {heading}\n")
    assert found
    return text.partition("\n## ")[0]


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, without its head."""
    lines = re.findall(r"^\|.*\|$", section_of(heading), re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def fields_of(section: ConfigStruct) -> Iterator[tuple[str, object]]:
    """Yield keys and values, those of inlined sections in their place."""
    for field in msgspec.structs.fields(section):
        value = getattr(section, field.name)
        if field.name == "http_client":
            yield from fields_of(value)
        else:
            yield field.encode_name, value


def default_text(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value else ""


def documented_default(section: ConfigStruct, key: str, value: object) -> str:
    if isinstance(section, ConfigFile):
        return ""
    if isinstance(section, ScrapeConfig) and key in INHERITED:
        return "as `global`"
    return "required" if key == "job_name" else default_text(value)


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("The file", ConfigFile()),
        ("`global`", GlobalConfig()),
        ("`runtime`", RuntimeConfig()),
        ("`scrape_configs`", ScrapeConfig(job_name="a")),
        ("`static_configs`", StaticConfig()),
        ("Relabel rules", RelabelConfig()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_documented_keys_are_the_declared_ones(heading: str, section: ConfigStruct) -> None:
    """Config 3.1, 4, 5.1, 7, 8.1: names and defaults, in both directions and in one order."""
    rows = rows_of(heading)
    assert [(row[0], row[2]) for row in rows] == [
        (f"`{key}`", documented_default(section, key, value)) for key, value in fields_of(section)
    ]
    assert all(kind and meaning for _, kind, _, meaning in rows)


def test_the_documented_unsupported_keys_are_the_refused_ones() -> None:
    """Config 7: a key is either obeyed or refused by name."""
    text = section_of("Keys that are not supported yet")
    root, _, job = text.partition("\nIn a job:\n")
    assert re.findall(r"^- `(.+)`$", root, re.MULTILINE) == sorted(ROOT_KEYS)
    assert re.findall(r"^- `(.+)`$", job, re.MULTILINE) == sorted(JOB_KEYS)
