"""Included files; which are refused, and with which text, is in the conformance tests."""

from pathlib import Path

import pytest

from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.errors import ConfigError


def test_the_problems_of_all_included_files_are_found_at_once(tmp_path: Path) -> None:
    """Config 6: the message is about the first, and each problem names its file."""
    (tmp_path / "c.yml").write_text("scrape_config_files: ['*.yaml', 'x[', 'd']")
    (tmp_path / "a.yaml").write_text("scrape_configs:\n- job_name:\n- nope: 1\n")
    (tmp_path / "b.yaml").write_text("scrape_configs: [{job_name: b, sample_limit: x}]")
    (tmp_path / "d").mkdir()

    with pytest.raises(ConfigError) as caught:
        load_scrape_configs(load(str(tmp_path / "c.yml")))

    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    assert str(caught.value) == f'"{a}": job_name is empty'
    assert [(p.file, p.line) for p in caught.value.problems] == [
        (str(a), 2),
        (str(a), 3),
        (str(b), 1),
        ("", 0),
        (str(tmp_path / "d"), 0),
    ]
    assert f"{a}:3:3: scrape_configs[1].nope: field nope not found" in caught.value.report()


def test_a_file_that_cannot_be_read_names_itself(tmp_path: Path) -> None:
    """Config 6: wrapped like any error of that file."""
    (tmp_path / "c.yml").write_text("scrape_config_files: [a.yml]")
    missing = tmp_path / "a.yml"
    missing.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ConfigError) as caught:
        load_scrape_configs(load(str(tmp_path / "c.yml")))
    assert str(caught.value) == f'"{missing}": open {missing}: no such file or directory'


def test_files_are_read_anew_each_time(tmp_path: Path) -> None:
    """Config 6: at start and on every reload, from the same main file."""
    (tmp_path / "c.yml").write_text("scrape_config_files: ['*.yaml']")
    config = load(str(tmp_path / "c.yml"))
    assert load_scrape_configs(config) == ()
    (tmp_path / "a.yaml").write_text("scrape_configs: [{job_name: a}]")
    assert [job.job_name for job in load_scrape_configs(config)] == ["a"]


def test_patterns_start_from_the_main_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Config 6, 13: however the main file was named, and wherever the process goes later."""
    (tmp_path / "c.yml").write_text("scrape_config_files: [d/../a.yml, /x/*.yml]")
    monkeypatch.chdir(tmp_path)
    config = load("c.yml")
    assert config.scrape_config_files == (f"{tmp_path}/a.yml", "/x/*.yml")
