"""Files of target groups: what they may look like, and what is said where they do not."""

import json
from pathlib import Path

import pytest

from promscrape.discovery.target_group import TargetGroup
from promscrape.discovery.target_group_file import read_target_groups
from promscrape.errors import ConfigError

YAML = """\
- targets: [a:1, b:2]
  labels: {team: web, port: 80}
- targets: []
"""


def groups_of(path: Path) -> list[TargetGroup]:
    return [
        TargetGroup(
            ({"__address__": "a:1"}, {"__address__": "b:2"}),
            {"team": "web", "port": "80"},
            f"{path}:0",
        ),
        TargetGroup((), {}, f"{path}:1"),
    ]


@pytest.mark.parametrize("extension", ["yml", "yaml", "YML"])
def test_a_yaml_file_is_a_list_of_groups(tmp_path: Path, extension: str) -> None:
    """Config 7: scalars are text, as in the configuration itself."""
    path = tmp_path / f"t.{extension}"
    path.write_text(YAML)
    assert list(read_target_groups(str(path))) == groups_of(path)


def test_a_json_file_says_the_same(tmp_path: Path) -> None:
    """Config 7: with what only JSON can write, tabs and escapes."""
    path = tmp_path / "t.json"
    groups = [{"targets": ["a:1", "b:2"], "labels": {"team": "web", "port": "80"}}, {"targets": []}]
    text = json.dumps(groups, indent="\t").replace('"web"', r'"\u0077eb"')
    path.write_text(text.replace("a:1", r"a:1"))
    assert list(read_target_groups(str(path))) == groups_of(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.yml", "- null", "nil target group item found (index 0)"),
        ("t.json", "[{}, null]", "nil target group item found (index 1)"),
        ("t.txt", "", 'invalid file extension: ".txt"'),
        ("t", "", 'invalid file extension: ""'),
        ("t.yml", "- target: [a]", "yaml: unmarshal errors:\n  line 1: field target not found"),
        ("t.yml", "foo", "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `foo`"),
        ("t.yml", "- labels: {a: [b]}", "yaml: unmarshal errors:\n  line 1: cannot unmarshal"),
        ("t.yml", "[", "yaml: line 1: did not find expected node content"),
        ("t.json", '[{"target": []}]', "Object contains unknown field `target`"),
        ("t.json", '[{"targets": [1]}]', "Expected `str`, got `int`"),
        ("t.json", "[", "Input data was truncated"),
    ],
)
def test_a_wrong_file_is_refused_whole(tmp_path: Path, name: str, text: str, message: str) -> None:
    """Service 9.1: nothing of it is taken, and the text says what is wrong."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_target_groups(str(path))
    assert str(caught.value).startswith(message)


def test_a_mistake_has_its_place(tmp_path: Path) -> None:
    """Config 1.5: a file of targets is read like the configuration, with a hint."""
    path = tmp_path / "t.yml"
    path.write_text("- targets: [a:1]\n- target: [b:1]\n")
    with pytest.raises(ConfigError) as caught:
        read_target_groups(str(path))
    (problem,) = caught.value.problems
    assert (problem.line, problem.column, problem.path) == (2, 3, "[1].target")
    assert problem.hint == "did you mean `targets`?"


def test_an_empty_file_has_no_groups(tmp_path: Path) -> None:
    """Config 7: as a template leaves it where there is nothing to scrape."""
    path = tmp_path / "t.yml"
    path.touch()
    assert read_target_groups(str(path)) == ()


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """Service 9.1: it was there when its pattern was expanded."""
    path = tmp_path / "t.yml"
    with pytest.raises(ConfigError) as caught:
        read_target_groups(str(path))
    assert str(caught.value) == f"open {path}: no such file or directory"
