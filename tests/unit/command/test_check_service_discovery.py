"""`check service-discovery`: what a job would find, without a daemon."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.command import End, run_command

JOBS = """\
scrape_configs:
- job_name: static
  metrics_path: /m
  static_configs:
  - targets: ['a:1', 'a:1', 'drop:1', 'bad/x:1']
    labels: {__meta_x: y, team: web}
  relabel_configs:
  - {source_labels: [__address__], regex: 'drop:.*', action: drop}
- job_name: empty
- job_name: file
  file_sd_configs: [{files: ['*.json']}]
- job_name: missing
  http_sd_configs: [{url: 'https://a', tls_config: {ca_file: none.pem}}]
- job_name: exec
  exec_sd_configs: [{command: [PYTHON, -c, 'print("[]")']}]
- job_name: down
  http_sd_configs: [{url: 'http://127.0.0.1:1'}]
"""


@pytest.fixture(name="config")
def write_config(tmp_path: Path) -> Path:
    path = tmp_path / "c.yml"
    path.write_text(JOBS.replace("PYTHON", sys.executable))
    return path


def check(config: Path, job: str, *flags: str, timeout: str = "100ms") -> End:
    given = (f"--timeout={timeout}", *flags, str(config), job)
    return run_command("check", "service-discovery", *given)


def test_a_static_job_is_shown_before_and_after_relabeling(config: Path) -> None:
    """Service 9.2, 54: equal targets are one, a dropped one has no labels, a wrong one an error."""
    ended = check(config, "static")
    assert ended.code == 0
    sound, dropped, wrong = json.loads(ended.out)
    discovered = {
        "__address__": "a:1",
        "__always_scrape_classic_histograms__": "false",
        "__convert_classic_histograms_to_nhcb__": "false",
        "__meta_x": "y",
        "__metrics_path__": "/m",
        "__scheme__": "http",
        "__scrape_interval__": "1m",
        "__scrape_native_histograms__": "false",
        "__scrape_timeout__": "10s",
        "job": "static",
        "team": "web",
    }
    assert sound["discoveredLabels"] == discovered
    assert list(sound["discoveredLabels"]) == sorted(discovered)
    del discovered["__meta_x"]
    assert sound["labels"] == {**discovered, "instance": "a:1"}
    assert "error" not in sound
    assert (dropped["discoveredLabels"]["__address__"], dropped["labels"]) == ("drop:1", {})
    assert "error" not in dropped
    assert (wrong["labels"], wrong["error"]) == ({}, {})
    assert ended.err == 'bad/x:1: "bad/x:1" is not a valid hostname\n'


def test_the_result_is_indented_and_ends_without_a_line_break(config: Path) -> None:
    """Service 9.2: as promtool prints it."""
    assert check(config, "empty").out == "[]"
    assert check(config, "static").out.startswith(
        '[\n  {\n    "discoveredLabels": {\n      "__addr'
    )
    assert check(config, "static").out.endswith("}\n]")


def test_a_provider_is_let_run(config: Path) -> None:
    """Service 9.2: for the whole timeout; what it warns of goes to stderr."""
    (config.parent / "a.json").write_text('[{"targets": ["f:1"]}]')
    (config.parent / "b.json").write_text("{")
    ended = check(config, "file", timeout="700ms")
    (found,) = json.loads(ended.out)
    assert found["discoveredLabels"]["__meta_filepath"] == str(config.parent / "a.json")
    assert found["labels"]["__address__"] == "f:1"
    assert ended.err.startswith("Error reading file: ")


def test_a_source_that_fails_is_an_empty_list(config: Path) -> None:
    """Service 9.2: exit code 0, with the reason on stderr."""
    ended = check(config, "down")
    assert (ended.code, ended.out) == (0, "[]")
    assert "Unable to refresh target groups: Get" in ended.err


def test_an_unknown_job_is_answered_with_the_known_ones(config: Path) -> None:
    """Service 9.2, 54."""
    ended = check(config, "nope")
    names = ["static", "empty", "file", "missing", "exec", "down"]
    lines = ["Job nope not found. Select one of:", *(f"\t{name}" for name in names), ""]
    assert (ended.code, ended.out, ended.err) == (1, "", "\n".join(lines))


def test_a_provider_that_cannot_be_made_is_a_failure(config: Path) -> None:
    """Service 9.2: its job would have fewer targets than its file says."""
    ended = check(config, "missing")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Cannot create service discovery: ")
    assert "none.pem" in ended.err


def test_a_command_is_run_only_where_it_may(config: Path) -> None:
    """Issue 6: checking a file must not run what stands in it."""
    assert check(config, "exec").code == 1
    assert check(config, "exec", "--enable-feature=exec-sd").code == 0


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("scrape_configs: {}", "Cannot load config parsing YAML file"),
        ("scrape_config_files: [x*.yml]", "Cannot load scrape configs"),
    ],
)
def test_a_wrong_file_is_refused(config: Path, source: str, error: str) -> None:
    """Service 9.2: with every place, as `check config` does."""
    (config.parent / "x.yml").write_text("scrape_configs: {}")
    config.write_text(source)
    ended = check(config, "a")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(error)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "required argument 'config-file' not provided"),
        (["{}"], "required argument 'job' not provided"),
        (["{}", "a", "b"], "unexpected b"),
        (["/nope", "a"], "path '/nope' does not exist"),
        (["--timeout=x", "{}", "a"], 'not a valid duration string: "x"'),
    ],
)
def test_the_arguments_are_a_file_and_a_job(config: Path, arguments: list[str], error: str) -> None:
    """Service 9.2: refused as promtool refuses them."""
    given = [argument.format(config) for argument in arguments]
    ended = run_command("check", "service-discovery", *given)
    assert ended.code == 1
    assert error in ended.err
