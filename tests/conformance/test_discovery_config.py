"""Entries of every kind of service discovery beside what Prometheus says of them."""

import textwrap
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import yaml

from promscrape.config.dump import dump
from promscrape.config.load import parse
from promscrape.decode.schema import INLINE
from promscrape.discovery.kind import BuiltIn
from promscrape.discovery.registry import KINDS
from promscrape.errors import ConfigError
from promscrape.model.secret import MASK
from tests.conformance.test_config import part_of

HERE = Path(__file__).parent / "config"
FILE = "/etc/prometheus/c.yml"
_LINES_ABOVE = 3


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of `<kind>_sd_configs`."""

    id: str
    kind: str
    entry: str

    @property
    def file(self) -> str:
        """A file of which the entry begins on the fourth line."""
        entry = textwrap.indent(self.entry, "    ").removeprefix("    ")
        return f"scrape_configs:\n- job_name: a\n  {self.kind}_sd_configs:\n  - {entry}"


class RefusedEntry(Entry, forbid_unknown_fields=True, kw_only=True):
    """An entry that keeps its file from loading; `line` is counted in the entry."""

    error: str
    line: int = 1


class AcceptedEntry(Entry, forbid_unknown_fields=True, kw_only=True):
    """An entry that loads, and a part of what takes effect."""

    expect: dict[str, object]
    reloads: bool = True


REFUSED = msgspec.yaml.decode(
    (HERE / "discovery_refused.yaml").read_bytes(), type=list[RefusedEntry]
)
ACCEPTED = msgspec.yaml.decode(
    (HERE / "discovery_accepted.yaml").read_bytes(), type=list[AcceptedEntry]
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_wrong_entry_is_refused_with_prometheus_text(case: RefusedEntry) -> None:
    """Config 7, 16.1, discovery 2 to 5, tests 22, 29, 47, 48, 56, 103, 105: text and line."""
    with pytest.raises(ConfigError) as caught:
        parse(case.file.encode(), "c.yml", {})
    assert str(caught.value) == f"parsing YAML file c.yml: {case.error}"
    lines = {problem.line for problem in caught.value.problems if problem.message in case.error}
    assert _LINES_ABOVE + case.line in lines


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_a_sound_entry_takes_effect_as_in_prometheus(case: AcceptedEntry) -> None:
    """Config 13, 14, 16.2, R-6: defaults filled in, paths joined, secrets masked."""
    (job,) = yaml.safe_load(dump(parse(case.file.encode(), FILE, {})))["scrape_configs"]
    (entry,) = job[f"{case.kind}_sd_configs"]
    assert part_of(entry, case.expect) == case.expect


@pytest.mark.parametrize(
    "case", [case for case in ACCEPTED if case.reloads], ids=lambda case: case.id
)
def test_a_dumped_entry_loads_to_the_same(case: AcceptedEntry) -> None:
    """Config 14, R-5: where there is no secret, which a dump does not tell."""
    config = parse(case.file.encode(), FILE, {})
    again = parse(dump(config).encode(), FILE, {})
    assert dump(again) == dump(config)
    assert (again == config) == (MASK not in dump(config) and "xxxxx" not in dump(config))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "static"])
def test_every_key_of_a_kind_is_in_an_entry_that_loads(kind: BuiltIn) -> None:
    """Discovery 2 to 5: no key is known by name alone."""
    fields = msgspec.structs.fields(kind.kind.config)
    known = {f.encode_name for f in fields if INLINE not in get_args(f.type)}
    entries = [yaml.safe_load(case.entry) for case in ACCEPTED if case.kind == kind.name]
    assert known <= {name for entry in entries for name in entry}
