"""When a configuration counts as changed."""

import hashlib
from pathlib import Path

import pytest

from promscrape.config.checksum import Checksums
from promscrape.errors import ConfigError

MAIN = """\
global: {scrape_interval: 15s}
scrape_config_files: [jobs/*.yml, more.yml]
rule_files: [rules.yml]
"""


@pytest.fixture
def main(tmp_path: Path) -> Path:
    (tmp_path / "jobs").mkdir()
    for name in ("jobs/b.yml", "jobs/a.yml", "rules.yml"):
        (tmp_path / name).write_text(f"# {name}\n")
    path = tmp_path / "c.yml"
    path.write_text(MAIN)
    return path


def test_it_is_that_of_the_file_and_of_what_it_includes(main: Path) -> None:
    """Config 15.3: rule files first, then jobs, by pattern and by name, each with its path."""
    home = main.parent
    expected = hashlib.sha256(MAIN.encode())
    for kind, name in (("r", "rules.yml"), ("s", "jobs/a.yml"), ("s", "jobs/b.yml")):
        expected.update(f"{kind}\0{home / name}\0# {name}\n\0".encode())
    assert Checksums(str(main)).take() == expected.hexdigest()


@pytest.mark.parametrize("change", ["main", "included", "added", "renamed", "removed"])
def test_it_moves_with_every_file_that_counts(main: Path, change: str) -> None:
    """Config 15.3: a new file that a pattern matches is a change, too."""
    checksums = Checksums(str(main))
    before = checksums.take()
    jobs = main.parent / "jobs"
    match change:
        case "main":
            main.write_text(f"{MAIN}# more\n")
        case "included":
            (jobs / "a.yml").write_text("other\n")
        case "added":
            (main.parent / "more.yml").touch()
        case "renamed":
            (jobs / "b.yml").rename(jobs / "c.yml")
        case _:
            (jobs / "b.yml").unlink()
    assert checksums.take() != before


def test_what_is_included_follows_the_main_file(main: Path) -> None:
    """Config 15.3: the lists are read again when the file has another text, and it comes back."""
    checksums = Checksums(str(main))
    before = checksums.take()
    main.write_text("global: {}\n")
    alone = checksums.take()
    (main.parent / "rules.yml").write_text("other\n")
    assert checksums.take() == alone == hashlib.sha256(b"global: {}\n").hexdigest()
    (main.parent / "rules.yml").write_text("# rules.yml\n")
    main.write_text(MAIN)
    assert checksums.take() == before


def test_files_of_other_kinds_do_not_count(main: Path) -> None:
    """Config 15.3: a password that changes is read by itself and is no reason to reload."""
    main.write_text("scrape_configs: [{job_name: a, basic_auth: {password_file: word}}]\n")
    word = main.parent / "word"
    word.write_text("one")
    checksums = Checksums(str(main))
    before = checksums.take()
    word.write_text("two")
    assert checksums.take() == before


def test_a_file_that_does_not_load_has_a_checksum(main: Path) -> None:
    """Config 15.3: unknown and mistyped keys are no matter here, or a fix would not be seen."""
    main.write_text("nonsense: 1\nglobal: [2]\nrule_files: [rules.yml]\n")
    before = Checksums(str(main)).take()
    (main.parent / "rules.yml").write_text("other\n")
    assert Checksums(str(main)).take() != before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: b: c", "error unmarshalling YAML: yaml: mapping values are not allowed"),
        ("foo", "error unmarshalling YAML: cannot unmarshal !!str `foo`"),
        ("rule_files: 3", "error unmarshalling YAML: cannot unmarshal !!int `3`"),
        ("rule_files: [{}]", "error unmarshalling YAML: cannot unmarshal !!map"),
        ("rule_files: ['[']", 'error finding files with pattern "[": syntax error in pattern'),
        (
            "rule_files: ['jobs']",
            "error reading file {home}/jobs: open {home}/jobs: is a directory",
        ),
    ],
)
def test_what_cannot_be_read_has_none(main: Path, text: str, message: str) -> None:
    """Config 15.3: Prometheus's words, for the log."""
    main.write_text(text)
    with pytest.raises(ConfigError) as caught:
        Checksums(str(main)).take()
    assert str(caught.value).startswith(message.format(home=main.parent))


def test_a_missing_file_has_none(tmp_path: Path) -> None:
    """Config 15.3: the file may be about to be replaced."""
    path = tmp_path / "missing.yml"
    with pytest.raises(ConfigError) as caught:
        Checksums(str(path)).take()
    assert str(caught.value) == (f"error reading YAML file: open {path}: no such file or directory")
