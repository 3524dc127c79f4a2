"""The file that changes under the daemon, and files that end its start."""

from pathlib import Path

import pytest

from tests.support.peers import Launcher, Scraper, eventually, run_promscrape

EVERY_SECOND = "--config.auto-reload-interval=1s"


def text(interval: str, *jobs: str) -> str:
    listed = "".join(f"- {{job_name: {job}}}\n" for job in jobs)
    return f"global: {{scrape_interval: {interval}}}\nscrape_configs:\n{listed or '  []'}\n"


def metric(daemon: Scraper) -> float | None:
    return daemon.metric("prometheus_config_last_reload_successful")


def shown(daemon: Scraper) -> str:
    return daemon.get("/api/v1/status/config").text


@pytest.mark.parametrize("flag", ["--config.auto-reload", "--enable-feature=auto-reload-config"])
def test_a_changed_file_is_taken_over_by_itself(launcher: Launcher, flag: str) -> None:
    """Service 58, config 15.3: with the flag, and with the feature that it was once."""
    daemon = launcher.promscrape(text("30s"), flags=(flag, EVERY_SECOND))
    assert "scrape_interval: 30s" in shown(daemon)
    daemon.config_path.write_text(text("31s"))
    eventually(lambda: "scrape_interval: 31s" in shown(daemon), what="the new interval")
    assert "Configuration file change detected, reloading the configuration." in daemon.output()


@pytest.mark.parametrize("broken", ["global: [\n", "global: {nonsense: 1}\n"])
def test_a_file_that_was_broken_for_a_while_heals(launcher: Launcher, broken: str) -> None:
    """Config 55, 15.3: 1, 0, 1, and the configuration in effect is shown throughout."""
    flags = ("--config.auto-reload", EVERY_SECOND)
    daemon = launcher.promscrape(text("30s"), flags=flags)
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(broken)
    eventually(lambda: metric(daemon) == 0, what="the refusal")
    assert "scrape_interval: 30s" in shown(daemon)
    daemon.config_path.write_text(good)
    eventually(lambda: metric(daemon) == 1, what="the recovery")


def test_a_changed_included_file_is_taken_over_by_itself(launcher: Launcher) -> None:
    """Config 15.3: the checksum covers the files that the main file names."""
    flags = ("--config.auto-reload", EVERY_SECOND, "--scrape.discovery-reload-interval=100ms")
    daemon = launcher.promscrape("scrape_config_files: [jobs/*.yml]\n", flags=flags)
    jobs = daemon.config_path.parent / "jobs"
    jobs.mkdir()
    (jobs / "a.yml").write_text("scrape_configs: [{job_name: included}]\n")
    eventually(lambda: "included" in daemon.get("/api/v1/scrape_pools").text, what="the job")


def test_a_bad_included_file_leaves_scraping_as_it_was(launcher: Launcher) -> None:
    """Config 53, 15.2: the main file is in effect, its included one is not, and the metric is 0."""
    flags = ("--web.enable-lifecycle", "--scrape.discovery-reload-interval=100ms")
    daemon = launcher.promscrape(text("30s", "old"), flags=flags)
    eventually(lambda: "old" in daemon.get("/api/v1/scrape_pools").text, what="the job")
    included = daemon.config_path.parent / "more.yml"
    included.write_text("global: {}\n")
    daemon.config_path.write_text("scrape_config_files: [more.yml]\n" + text("31s", "new"))
    answer = daemon.request("POST", "/-/reload")
    assert answer.status == 500
    assert answer.text == (
        "failed to reload config: one or more errors occurred while applying the new "
        f'configuration (--config.file="{daemon.config_path}")\n'
    )
    assert f"at={included}:1:1" in daemon.output()
    assert "field global not found in type config.ScrapeConfigs" in daemon.output()
    assert metric(daemon) == 0
    assert "scrape_interval: 31s" in shown(daemon)
    assert '"old"' in daemon.get("/api/v1/scrape_pools").text


def test_a_bad_included_file_ends_the_start(tmp_path: Path) -> None:
    """Service 1.3: exit code 2, as for the main file."""
    path, included = tmp_path / "c.yml", tmp_path / "more.yml"
    path.write_text("scrape_config_files: [more.yml]\n")
    included.write_text("global: {}\n")
    ended = run_promscrape(f"--config.file={path}", f"--storage.agent.path={tmp_path / 'data'}")
    assert ended.returncode == 2
    assert "Error loading dynamic scrape config files from config" in ended.stderr
    assert f"at={included}:1:1" in ended.stderr


def test_a_configuration_that_cannot_be_applied_ends_the_start(tmp_path: Path) -> None:
    """Service 2, config 15.2 step 5: exit code 1, with Prometheus's chain of reasons."""
    path = tmp_path / "c.yml"
    path.write_text(
        "scrape_configs: [{job_name: a, scrape_failure_log_file: missing/failures.log}]\n"
    )
    ended = run_promscrape(
        f"--config.file={path}",
        f"--storage.agent.path={tmp_path / 'data'}",
        "--web.listen-address=127.0.0.1:0",
    )
    assert ended.returncode == 1
    *_, applying, fatal = ended.stderr.splitlines()
    assert "can't create json log file: open " in ended.stderr
    assert "Fatal error" in applying + fatal
    quoted = str(path).replace('"', '\\"')
    assert (
        f'error loading config from \\"{quoted}\\": one or more errors occurred while applying '
        f'the new configuration (--config.file=\\"{quoted}\\")'
    ) in ended.stderr
