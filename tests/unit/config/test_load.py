from pathlib import Path

import pytest
from structlog.testing import capture_logs

from promscrape.config.load import load, parse
from promscrape.config.root import Config
from promscrape.errors import ConfigError
from promscrape.model.duration import Duration

TWO_JOBS = """\
global:
  scrape_failure_log_file: failures.log
  query_log_file: /var/log/queries.log
scrape_configs:
- job_name: a
- job_name: b
  scrape_failure_log_file: ../b.log
"""


def problems_of(source: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(source.encode(), "c.yml", {})
    return [(p.line, p.column, p.path, p.message) for p in caught.value.problems]


def test_a_file_is_loaded_with_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Config 3.2, 12."""
    file = tmp_path / "prometheus.yml"
    file.write_text("global: {scrape_interval: 5s, external_labels: {site: $SITE}}")
    monkeypatch.setenv("SITE", "ams")

    config = load(str(file))

    assert config.global_.scrape_interval == Duration(5000)
    assert config.global_.external_labels.to_map() == {"site": "ams"}


@pytest.mark.parametrize(
    ("name", "verb", "reason"),
    [("missing.yml", "open", "no such file or directory"), (".", "read", "is a directory")],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, verb: str, reason: str
) -> None:
    """Config 1.1: without the prefix of what stands in a file."""
    path = str(tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{verb} {path}: {reason}"
    assert caught.value.report() == f"{path}: {verb} {path}: {reason}"


def test_paths_are_seen_from_the_directory_of_the_file() -> None:
    """Config 13: relative ones are joined, once where they are inherited, others stay."""
    config = parse(TWO_JOBS.encode(), "/etc/p/c.yml", {})

    assert config.global_.scrape_failure_log_file == "/etc/p/failures.log"
    assert config.global_.query_log_file == "/var/log/queries.log"
    assert [job.scrape_failure_log_file for job in config.scrape_configs] == [
        "/etc/p/failures.log",
        "/etc/b.log",
    ]


def test_a_relative_file_has_an_absolute_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Config 13: a later change of the working directory changes nothing."""
    monkeypatch.chdir(tmp_path)
    config = parse(TWO_JOBS.encode(), "sub/c.yml", {})
    assert config.global_.scrape_failure_log_file == str(tmp_path / "sub/failures.log")


def test_an_empty_environment_variable_is_logged() -> None:
    """Config 12: the label would otherwise be missing without a word."""
    with capture_logs() as logs:
        parse(b"global: {external_labels: {a: $NOPE, b: x}}", "c.yml", {})
    assert logs == [{"event": "Empty environment variable", "name": "NOPE", "log_level": "warning"}]


def test_equal_files_are_equal_configurations() -> None:
    """R-5: a reload restarts exactly what differs, however the file is written."""
    first = parse(b"scrape_configs: [{job_name: a, scrape_interval: 60s}]", "c.yml", {})
    second = parse(b"scrape_configs:\n- scrape_interval: 1m\n  job_name: 'a'\n", "c.yml", {})
    third = parse(b"scrape_configs: [{job_name: a, scrape_interval: 61s}]", "c.yml", {})

    assert first == second
    assert first != third
    assert Config() == parse(b"", "c.yml", {"GOGC": "0"})


@pytest.mark.parametrize(
    ("gogc", "expected"), [("50", 50), ("off", -1), ("", 75), ("many", 75), ("1" * 30, 75)]
)
def test_gogc_comes_from_the_environment(gogc: str, expected: int) -> None:
    """Config 3.1: kept for the API."""
    assert parse(b"", "c.yml", {"GOGC": gogc}).runtime.gogc == expected


def test_all_problems_of_a_file_are_found_at_once() -> None:
    """One wrong job, section or rule does not hide the others."""
    source = """\
global:
  metric_name_escaping_scheme: bogus
scrape_configs:
- job_name: typo
  scrape_intervall: 5s
- job_name: slow
  scrape_timeout: 2m
  scrape_protocols: [text]
  fallback_scrape_protocol: text
- job_name: slow
  relabel_configs:
  - action: hashmod
  - target_label: ok
  - action: labeldrop
    separator: ','
- job_name: escaping
  metric_name_escaping_scheme: bogus
- null
alerting:
  alert_relabel_configs:
  - action: hashmod
rule_files: ['*/a']
remote_read: [null]
remote_write: [null]
"""
    assert [(line, path) for line, _, path, _ in problems_of(source)] == [
        (2, "global.metric_name_escaping_scheme"),
        (5, "scrape_configs[0].scrape_intervall"),
        (7, "scrape_configs[1].scrape_timeout"),
        (8, "scrape_configs[1].scrape_protocols[0]"),
        (9, "scrape_configs[1].fallback_scrape_protocol"),
        (10, "scrape_configs[2].job_name"),
        (12, "scrape_configs[2].relabel_configs[0].modulus"),
        (15, "scrape_configs[2].relabel_configs[2].separator"),
        (17, "scrape_configs[3].metric_name_escaping_scheme"),
        (18, "scrape_configs[4]"),
        (19, "alerting"),
        (21, "alerting.alert_relabel_configs[0].modulus"),
        (22, "rule_files"),
        (22, "rule_files[0]"),
        (23, "remote_read"),
        (23, "remote_read[0]"),
        (24, "remote_write[0]"),
    ]


def test_jobs_are_not_held_against_a_global_section_that_was_refused() -> None:
    """What they would inherit is not known."""
    source = (
        "global: {nope: 1}\nscrape_configs: [{job_name: a, scrape_timeout: 2m}]\nalerting: {a: b}"
    )
    assert [path for _, _, path, _ in problems_of(source)] == ["global.nope", "alerting.a"]


def test_a_job_that_was_refused_takes_no_name() -> None:
    """A job of its name would otherwise be reported as well."""
    source = "scrape_configs: [{job_name: a, nope: 1}, {job_name: a}]"
    assert [path for _, _, path, _ in problems_of(source)] == ["scrape_configs[0].nope"]


def test_a_problem_is_placed_at_the_value_that_breaks_the_rule() -> None:
    """The caret stands under it, under its key where there is no value, or under the section."""
    assert problems_of("global: {scrape_timeout: 2m}")[0][:2] == (1, 26)
    assert problems_of("scrape_configs:\n- job_name:\n")[0][:2] == (2, 3)
    assert problems_of("scrape_configs:\n- metrics_path: x\n")[0][:2] == (2, 3)


def test_a_repeated_job_name_names_the_first() -> None:
    """Config 5.1."""
    with pytest.raises(ConfigError) as caught:
        parse(b"scrape_configs: [{job_name: x}, {job_name: a}, {job_name: a}]", "c.yml", {})
    assert caught.value.problems[0].hint == "scrape_configs[1] has it too"
