"""Patterns of file names, as Go reads them."""

from pathlib import Path

import pytest

from promscrape.glob import BadPattern, glob


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.yml", "a.yml", ".hidden.yml", "a-b.yml", "x[1].yml", "sub/c.yml", "tub/d.yml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("a.yml", ["a.yml"]),
        ("nothing.yml", []),
        ("*.yml", [".hidden.yml", "a-b.yml", "a.yml", "b.yml", "x[1].yml"]),
        ("?.yml", ["a.yml", "b.yml"]),
        ("[ab].yml", ["a.yml", "b.yml"]),
        ("[^a].yml", ["b.yml"]),
        ("[b-z].yml", ["b.yml"]),
        ("[z-b].yml", []),
        ("[^z-b].yml", ["a.yml", "b.yml"]),
        (r"a[\-]b.yml", ["a-b.yml"]),
        (r"x\[1\].yml", ["x[1].yml"]),
        ("*ub/*.yml", ["sub/c.yml", "tub/d.yml"]),
        ("**/c.yml", ["sub/c.yml"]),
        ("nothing/*.yml", []),
        ("a.yml/*", []),
    ],
)
def test_names_match_as_in_go(folder: Path, pattern: str, names: list[str]) -> None:
    """Config 2.6: sorted in each directory, dots at the start included, nothing recursive."""
    assert glob(f"{folder}/{pattern}") == [f"{folder}/{name}" for name in names]


def test_a_relative_pattern_starts_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Config 2.6: the names are relative where the pattern is."""
    monkeypatch.chdir(folder)
    assert glob("?.yml") == ["a.yml", "b.yml"]
    assert glob("sub/*") == ["sub/c.yml"]


def test_a_pattern_in_the_root_directory_works(tmp_path: Path) -> None:
    """The slash at the start belongs to the directory and to the name."""
    first = f"/{tmp_path.parts[1]}"
    assert glob(f"{first[:-1]}?") == [name for name in glob("/*") if name[:-1] == first[:-1]]
    assert first in glob(f"{first[:-1]}?")


@pytest.mark.parametrize("pattern", ["[", "[]", "[]a]", "[a", "[a-]", "[-a]", "x\\", "[\\"])
def test_a_pattern_that_is_none_is_refused(pattern: str, folder: Path) -> None:
    """Config 2.6: with Go's words, whether or not anything could match."""
    with pytest.raises(BadPattern, match=r"^syntax error in pattern$"):
        glob(f"{folder}/{pattern}")
    with pytest.raises(BadPattern):
        glob(f"{pattern}/nothing")
