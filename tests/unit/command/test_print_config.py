"""`print-config`: what takes effect."""

from pathlib import Path

import pytest

from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from tests.support.command import End, run_command

MAIN = """\
global: {scrape_interval: 5s}
scrape_config_files: [more.yml]
scrape_configs:
- job_name: a
  basic_auth: {username: u, password: s3cr3t}
"""


@pytest.fixture
def main(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("more.yml").write_text("scrape_configs: [{job_name: b, params: {x: [y]}}]\n")
    Path("c.yml").write_text(MAIN)
    return "c.yml"


def test_what_is_printed_is_a_configuration_of_its_own(main: str) -> None:
    """Config 14: it stands for the file and all that it includes, and prints as itself."""
    end = run_command("print-config", main)
    assert (end.code, end.err) == (0, "")
    Path("printed.yml").write_text(end.out)
    printed, whole = load("printed.yml"), load(main)
    assert printed.global_ == whole.global_
    assert [job.job_name for job in printed.scrape_configs] == ["a", "b"]
    assert printed.scrape_configs[1] == load_scrape_configs(whole)[1]
    assert run_command("print-config", "printed.yml") == end


def test_secrets_are_masked(main: str) -> None:
    """Config 14: the result can be shown to anybody."""
    end = run_command("print-config", main)
    assert "    password: <secret>\n" in end.out
    assert "s3cr3t" not in end.out


def test_a_wrong_file_is_reported(main: str) -> None:
    """Config 1.5: with places, and nothing on stdout that could be taken for a configuration."""
    Path("more.yml").write_text("scrape_configs: [{job_nam: b}]\n")
    end = run_command("print-config", main)
    assert (end.code, end.out) == (1, "")
    assert "more.yml:1:19: scrape_configs[0].job_nam: " in end.err


def test_a_missing_file_is_a_wrong_argument() -> None:
    """Service 9: as with every command that takes a file."""
    assert run_command("print-config", "x") == End(
        1, "", "promscrape: error: path 'x' does not exist, try --help\n"
    )
