"""Configuration files beside what Prometheus says of them."""

from pathlib import Path

import msgspec
import pytest
import yaml

from promscrape.config.dump import dump
from promscrape.config.load import parse
from promscrape.errors import ConfigError

HERE = Path(__file__).parent / "config"


class RefusedFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file that does not load."""

    id: str
    input: str
    error: str
    prefix: bool = True


class AcceptedFile(msgspec.Struct, forbid_unknown_fields=True):
    """A file that loads, and a part of what takes effect."""

    id: str
    input: str
    expect: object
    environ: dict[str, str] = {}


REFUSED = [
    case
    for file in sorted(HERE.glob("refused*.yaml"))
    for case in msgspec.yaml.decode(file.read_bytes(), type=list[RefusedFile])
]
ACCEPTED = [
    case
    for file in sorted(HERE.glob("accepted*.yaml"))
    for case in msgspec.yaml.decode(file.read_bytes(), type=list[AcceptedFile])
]


def part_of(whole: object, expected: object) -> object:
    """Return of `whole` what `expected` speaks of, null for keys that are left out."""
    if isinstance(expected, dict):
        assert isinstance(whole, dict)
        return {key: part_of(whole.get(key), value) for key, value in expected.items()}
    if isinstance(expected, list) and isinstance(whole, list) and len(whole) == len(expected):
        return [part_of(*pair) for pair in zip(whole, expected, strict=True)]
    return whole


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_wrong_file_is_refused_with_prometheus_text(case: RefusedFile) -> None:
    """Config 1.3 to 1.5, 16.1, 17: the whole text, as operators and scripts know it."""
    with pytest.raises(ConfigError) as caught:
        parse(case.input.encode(), "c.yml", {})
    prefix = "parsing YAML file c.yml: " if case.prefix else ""
    assert str(caught.value) == f"{prefix}{case.error}"


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_wrong_file_is_reported_with_its_places(case: RefusedFile) -> None:
    """Each problem names a line that is there, and the one Prometheus names is among them."""
    with pytest.raises(ConfigError) as caught:
        parse(case.input.encode(), "c.yml", {})
    lines = case.input.splitlines()
    problems = caught.value.problems
    assert problems
    for problem in problems:
        assert 1 <= problem.line <= len(lines) + 1
        assert f"c.yml:{problem.line}:{problem.column}: " in caught.value.report()
    assert any(problem.message.removeprefix("yaml: ") in case.error for problem in problems)


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_a_sound_file_takes_effect_as_in_prometheus(case: AcceptedFile) -> None:
    """Config 1.2, 4, 5, 16.2, 17: seen through the dumped configuration."""
    config = parse(case.input.encode(), "c.yml", case.environ)

    assert part_of(yaml.safe_load(dump(config)), case.expect) == case.expect


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.id)
def test_what_is_dumped_loads_to_the_same_configuration(case: AcceptedFile) -> None:
    """Config 14, roundtrip.good: and dumps to the same text."""
    config = parse(case.input.encode(), "c.yml", case.environ)
    again = parse(dump(config).encode(), "c.yml", {})

    assert again == config
    assert dump(again) == dump(config)
