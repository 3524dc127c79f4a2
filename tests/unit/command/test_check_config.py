"""`check config`: verdicts, texts, streams and exit codes."""

from pathlib import Path

import pytest

from tests.support.command import End, run_command

JOB = "scrape_configs:\n- job_name: a\n"
TOO_LONG = (
    "  FAILED: too long scrape interval found, data point will be marked as stale - "
    "job: a, interval: 10m\n"
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(text: str, *flags: str) -> End:
    """Check a file `f` with this text."""
    Path("f").write_text(text)
    return run_command("check", "config", *flags, "f")


def succeeded(name: str = "f") -> str:
    return f"Checking {name}\n SUCCESS: {name} is valid prometheus config file syntax\n\n"


def test_a_sound_file_is_a_success() -> None:
    """Service 51: on stdout alone, with exit code 0."""
    assert check(f"{JOB}  static_configs: [{{targets: ['a:1']}}]\n") == End(0, succeeded(), "")


def test_a_wrong_file_fails_in_prometheus_words_and_in_ours() -> None:
    """Service 51, 9.1: scripts find the text that they know, people the place and a remedy."""
    end = check("scrape_configs:\n- job_nme: a\n  scrape_interval: 5x\n")
    assert (end.code, end.out) == (1, "Checking f\n\n")
    assert end.err == (
        '  FAILED: parsing YAML file f: unknown unit "x" in duration "5x"\n'
        "f:2:3: scrape_configs[0].job_nme: field job_nme not found in type config.ScrapeConfig\n"
        "    - job_nme: a\n"
        "      ^\n"
        "    hint: did you mean `job_name`?\n"
        'f:3:20: scrape_configs[0].scrape_interval: unknown unit "x" in duration "5x"\n'
        "      scrape_interval: 5x\n"
        "                       ^\n"
        "    hint: the units are y, w, d, h, m, s and ms\n"
    )


def test_every_file_is_checked_and_one_that_fails_decides() -> None:
    """Service 9.1: an empty line after each, and the last one is checked, too."""
    Path("bad").write_text("foo\n")
    Path("good").write_text(JOB)
    end = run_command("check", "config", "good", "bad", "good")
    assert (end.code, end.out) == (1, f"{succeeded('good')}Checking bad\n\n{succeeded('good')}")


def test_a_missing_file_is_a_wrong_argument() -> None:
    """Service 51: before anything is checked."""
    assert run_command("check", "config", "x") == End(
        1, "", "promscrape: error: path 'x' does not exist, try --help\n"
    )


def test_server_sections_are_refused_as_by_an_agent() -> None:
    """Config 60, 3.3: with and without --agent, for that is what the daemon will do."""
    for flags in ([], ["--agent"]):
        end = check("rule_files: [r.yml]\n", *flags)
        assert end.code == 1
        assert end.err.startswith("  FAILED: field rule_files is not allowed in agent mode\n")


def test_a_server_is_not_checked_for() -> None:
    """Service 1.2: --no-agent asks for what promscrape is not."""
    end = check(JOB, "--no-agent")
    assert (end.code, end.out) == (1, "")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (
            "  TLS\n",
            'error checking client cert file "{home}/x": stat {home}/x: no such file or directory',
        ),
        (
            "  tls_config: {cert_file: f, key_file: y}\n",
            'error checking client key file "{home}/y": stat {home}/y: no such file or directory',
        ),
        (
            "  bearer_token_file: x\n",
            'error checking authorization credentials or bearer token file "{home}/x": stat {home}',
        ),
        (
            "  kubernetes_sd_configs: [{role: pod, api_server: 'https://a', TLS}]\n",
            'error checking client cert file "{home}/x": stat {home}/x: no such file or directory',
        ),
    ],
)
def test_named_files_must_be_there(tmp_path: Path, lines: str, text: str) -> None:
    """Service 52, 9.1: but not where only the syntax is asked for."""
    lines = lines.replace("TLS", "tls_config: {cert_file: x, key_file: y}")
    end = check(JOB + lines)
    assert end.code == 1
    assert end.err.startswith(f"  FAILED: {text.format(home=tmp_path)}")
    assert end.err.endswith(": no such file or directory\n")
    assert check(JOB + lines, "--syntax-only").code == 0


@pytest.mark.parametrize(
    "line",
    [
        "  tls_config: {ca_file: x}\n",
        "  basic_auth: {username: a, password_file: x}\n",
        "  oauth2: {client_id: a, client_secret_file: x, token_url: 'http://a'}\n",
    ],
)
def test_some_named_files_may_come_later(line: str) -> None:
    """Service 9.1: promtool does not look at these, and neither does this."""
    assert check(JOB + line).code == 0


def test_files_of_targets_are_read(tmp_path: Path) -> None:
    """Service 9.1: their form, and whether the targets in them could be scraped."""
    text = f"{JOB}  file_sd_configs: [{{files: ['t*.yml']}}]\n"
    Path("t1.yml").write_text("- targets: [a:1]\n")
    assert check(text) == End(0, succeeded(), "")
    Path("t2.yml").write_text("- targets: ['http://bad']\n")
    end = check(text)
    assert end.err == (
        f'  FAILED: instance 0 in group {tmp_path}/t2.yml:0: "http://bad" is not a valid hostname\n'
    )
    Path("t2.yml").write_text("- target: [a:1]\n")
    end = check(text)
    assert end.err.startswith(
        f'  FAILED: checking SD file "{tmp_path}/t*.yml": yaml: unmarshal errors:\n'
        "  line 1: field target not found in type "
    )
    assert f"{tmp_path}/t2.yml:1:3: [0].target: " in end.err
    assert check(text, "--syntax-only").code == 0


def test_files_of_targets_that_are_not_there_are_warned_of(tmp_path: Path) -> None:
    """Service 52: something else may write them after the start."""
    end = check(f"{JOB}  file_sd_configs: [{{files: [t.json]}}]\n")
    warning = f'  WARNING: file "{tmp_path}/t.json" for file_sd in scrape job "a" does not exist\n'
    assert end == End(0, f"Checking f\n{warning}{succeeded().partition(chr(10))[2]}", "")


@pytest.mark.parametrize("flags", [[], ["--syntax-only"]])
def test_static_targets_are_built_after_relabeling(flags: list[str]) -> None:
    """Service 9.1: also where only the syntax is asked for."""
    end = check(
        f"{JOB}  relabel_configs: [{{target_label: __address__, replacement: 'http://bad'}}]\n"
        "  static_configs: [{targets: [a]}, {targets: [b, c]}]\n",
        *flags,
    )
    assert end.code == 1
    assert end.err == ('  FAILED: instance 0 in group 0: "http://bad" is not a valid hostname\n')


def test_included_files_are_part_of_it(tmp_path: Path) -> None:
    """Service 9.1, config 6: their mistakes are placed in them."""
    Path("jobs.yml").write_text("scrape_configs: [{job_name: a, scrape_interval: 1x}]\n")
    text = "scrape_config_files: [jobs.yml]\n"
    end = check(text)
    assert end.err.startswith(
        f'  FAILED: error loading scrape configs: "{tmp_path}/jobs.yml": unknown unit "x"'
    )
    assert f"{tmp_path}/jobs.yml:1:49: scrape_configs[0].scrape_interval: " in end.err
    assert check(text, "--syntax-only").code == 0


@pytest.mark.parametrize(
    ("flags", "code", "err"),
    [
        ([], 0, ""),
        (["--lint=too-long-scrape-interval"], 0, TOO_LONG),
        (["--lint=all"], 0, TOO_LONG),
        (["--lint=all", "--lint-fatal"], 3, TOO_LONG),
        (["--lint-fatal"], 0, ""),
        (["--lint=none,too-long-scrape-interval", "--lint-fatal"], 0, ""),
        (["--lint=all", "--syntax-only", "--lint-fatal"], 0, ""),
        (["--lint=all", "--query.lookback-delta=11m"], 0, ""),
        (["--lint=all", "--query.lookback-delta=10m"], 0, TOO_LONG),
    ],
)
def test_a_long_interval_is_a_matter_of_lint(flags: list[str], code: int, err: str) -> None:
    """Service 53: found when it is looked for, and fatal when it is called so."""
    end = check(f"{JOB}  scrape_interval: 10m\n", *flags)
    assert end == End(code, succeeded(), err)


def test_a_file_that_fails_outweighs_lint() -> None:
    """Service 9.1: exit code 1 says that the daemon would not start."""
    Path("long").write_text(f"{JOB}  scrape_interval: 10m\n")
    Path("bad").write_text("foo\n")
    end = run_command("check", "config", "--lint=all", "--lint-fatal", "long", "bad")
    assert end.code == 1


def test_an_unknown_lint_option_is_warned_of() -> None:
    """Service 9.1: on stdout, and the check goes on."""
    end = check(JOB, "--lint=foo,duplicate-rules")
    assert end == End(0, f'WARNING: unknown lint option: "foo"\n{succeeded()}', "")
