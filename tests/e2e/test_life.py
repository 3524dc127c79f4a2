"""The daemon's life: starting, reloading, stopping, and being killed."""

import os
import random
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from promscrape.model.labels import Labels
from tests.support.guard import guard
from tests.support.peers import Launcher, Scraper, eventually, run_promscrape
from tests.support.wal import logged_samples

LIFECYCLE = ("--web.enable-lifecycle",)
REPORT_SERIES = 5


def start(launcher: Launcher, *jobs: str) -> Scraper:
    """Start a daemon that scrapes itself under these job names."""
    daemon = launcher.promscrape("", flags=LIFECYCLE)
    configure(daemon, *jobs)
    assert daemon.request("POST", "/-/reload").status == 200
    return daemon


def configure(daemon: Scraper, *jobs: str) -> None:
    text = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
    for job in jobs:
        text += f"- {{job_name: {job}, static_configs: [{{targets: ['{daemon.address}']}}]}}\n"
    daemon.config_path.write_text(text)


def pools(daemon: Scraper) -> set[str]:
    return {target.scrape_pool for target in daemon.targets()}


def reload_metric(daemon: Scraper) -> float | None:
    return daemon.metric("prometheus_config_last_reload_successful")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_it_in_order(launcher: Launcher, number: signal.Signals) -> None:
    """Service 24, 25: exit code 0, the last line, and no lock left behind."""
    daemon = start(launcher, "self")
    daemon.wait_up()
    daemon.signal(number)
    eventually(lambda: daemon.exit_code is not None, what="the end")
    assert daemon.exit_code == 0
    assert "See you next time!" in daemon.output().splitlines()[-1]
    assert not (daemon.data_dir / "lock").exists()


def test_quit_ends_it(launcher: Launcher) -> None:
    """Service 24: over HTTP, where the lifecycle is enabled."""
    daemon = start(launcher, "self")
    answer = daemon.request("POST", "/-/quit")
    assert (answer.status, answer.text) == (200, "Requesting termination... Goodbye!")
    eventually(lambda: daemon.exit_code is not None, what="the end")
    assert daemon.exit_code == 0


def test_sighup_takes_over_a_changed_file(launcher: Launcher) -> None:
    """Service 22: jobs come and go."""
    daemon = start(launcher, "one")
    eventually(lambda: pools(daemon) == {"one"}, what="the first job")
    configure(daemon, "two")
    daemon.signal(signal.SIGHUP)
    eventually(lambda: pools(daemon) == {"two"}, what="the second job")
    assert daemon.metric("prometheus_sd_discovered_targets", name="scrape", config="one") is None


def test_a_refused_file_changes_nothing(launcher: Launcher) -> None:
    """Service 21: the answer is Prometheus's, the metric 0, the old job goes on; then it heals."""
    daemon = start(launcher, "one")
    eventually(lambda: pools(daemon) == {"one"}, what="the first job")
    good = daemon.config_path.read_text()
    daemon.config_path.write_text(good + "foo: bar\n")
    answer = daemon.request("POST", "/-/reload")
    line = good.count("\n") + 1
    assert answer.status == 500
    assert answer.text == (
        "failed to reload config: couldn't load configuration "
        f'(--config.file="{daemon.config_path}"): parsing YAML file {daemon.config_path}: '
        f"yaml: unmarshal errors:\n  line {line}: field foo not found in type config.plain\n"
    )
    assert reload_metric(daemon) == 0
    assert pools(daemon) == {"one"}
    daemon.config_path.write_text(good)
    assert daemon.request("PUT", "/-/reload").status == 200
    assert reload_metric(daemon) == 1


def test_a_bad_file_ends_the_start(tmp_path: Path) -> None:
    """Service 10, config: exit code 2, with file, line and column of the mistake."""
    path = tmp_path / "bad.yml"
    path.write_text("scrape_configs:\n- job_name: a\n  scrape_intervall: 5s\n")
    ended = run_promscrape(f"--config.file={path}", f"--storage.agent.path={tmp_path / 'data'}")
    assert ended.returncode == 2
    assert f"at={path}:3:3" in ended.stderr
    assert "field scrape_intervall not found in type config.ScrapeConfig" in ended.stderr
    assert "scrape_interval" in ended.stderr


def test_a_missing_file_ends_the_start(tmp_path: Path) -> None:
    """Service 10: named, with its absolute path."""
    path = tmp_path / "missing.yml"
    ended = run_promscrape(f"--config.file={path}")
    assert ended.returncode == 2
    assert f"Error loading config (--config.file={path})" in ended.stderr
    assert "no such file or directory" in ended.stderr


def test_a_taken_port_ends_the_start(launcher: Launcher, tmp_path: Path) -> None:
    """Service 13: exit code 1 and what is the matter."""
    daemon = start(launcher, "self")
    ended = run_promscrape(
        f"--config.file={daemon.config_path}",
        f"--storage.agent.path={tmp_path / 'other'}",
        f"--web.listen-address={daemon.address}",
    )
    assert ended.returncode == 1
    assert "Unable to start web listener" in ended.stderr


def test_a_directory_has_one_owner(launcher: Launcher) -> None:
    """S19: the second process is refused, the first goes on."""
    daemon = start(launcher, "self")
    ended = run_promscrape(
        f"--config.file={daemon.config_path}",
        f"--storage.agent.path={daemon.data_dir}",
        "--web.listen-address=127.0.0.1:0",
    )
    assert ended.returncode == 1
    assert "opening storage failed: " in ended.stderr
    daemon.wait_up()


def test_a_restart_goes_on_with_the_log(launcher: Launcher) -> None:
    """S20, T18: the samples of both lives are one series, at the same place in the interval."""
    daemon = start(launcher, "self")
    daemon.wait_up()
    assert daemon.stop() == 0
    config = daemon.config_path.read_text()
    again = launcher.promscrape(config, data_dir=daemon.data_dir, port=daemon.port)
    again.wait_up()
    assert again.stop() == 0
    labels = {"__name__": "up", "job": "self", "instance": daemon.address}
    times = [
        t_ms for t_ms, _ in logged_samples(daemon.data_dir / "wal")[str(Labels.from_map(labels))]
    ]
    assert len(times) >= 2
    assert len({round(t_ms / 10) % 100 for t_ms in times}) <= 3


@pytest.mark.timeout(300)
def test_what_was_reported_survives_sigkill_twenty_times(launcher: Launcher) -> None:
    """S19, S31: killed at random moments, it starts again by itself, and no scrape is torn."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - a failure can be repeated
    chance = random.Random(seed)
    daemon = start(launcher, "self")
    daemon.stop()
    config = daemon.config_path.read_text().replace("1s", "100ms")
    seen: set[str] = set()
    for _ in range(20):
        running = launcher.promscrape(
            config,
            data_dir=daemon.data_dir,
            port=daemon.port,
            flags=("--scrape.discovery-reload-interval=100ms",),
        )
        running.wait_up()
        watch_scrapes(running, seen, chance.uniform(0.05, 0.6))
        running.kill()
    launcher.promscrape(config, data_dir=daemon.data_dir, port=daemon.port).stop()
    check_scrapes(daemon, seen)


def watch_scrapes(daemon: Scraper, seen: set[str], for_s: float) -> None:
    """Remember the scrapes that the API shows, which it does once they are committed."""
    deadline_s = time.monotonic() + for_s
    while time.monotonic() < deadline_s:
        seen.update(target.last_scrape for target in daemon.targets() if target.health == "up")


def check_scrapes(daemon: Scraper, seen: set[str]) -> None:
    """Each scrape that was shown is in the log, and each that is in it is there whole."""
    samples = logged_samples(daemon.data_dir / "wal")
    per_scrape = Counter(t_ms for series in samples.values() for t_ms, _ in series)
    labels = {"job": "self", "instance": daemon.address}
    name = str(Labels.from_map({"__name__": "scrape_samples_scraped", **labels}))
    scraped = {t_ms: value_of(value) for t_ms, value in samples[name]}
    shown = {round(datetime.fromisoformat(text).timestamp() * 1000) for text in seen}
    assert len(shown) >= 20
    assert shown - scraped.keys() == set()
    torn = {t_ms for t_ms, count in scraped.items() if per_scrape[t_ms] < count + REPORT_SERIES}
    assert torn == set()


def value_of(bits: int) -> float:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    assert isinstance(value, float)
    return value


def test_a_signal_while_the_file_is_read_ends_it_in_order(tmp_path: Path) -> None:
    """Service 3: SIGTERM before it is ready is a graceful stop, too; SIGHUP is kept."""
    config = tmp_path / "pipe.yml"
    os.mkfifo(config)
    argv = [sys.executable, "-m", "promscrape", f"--config.file={config}"]
    with subprocess.Popen(argv, stderr=subprocess.PIPE, cwd=tmp_path, text=True) as daemon:
        guard(daemon.pid)
        with config.open("w") as pipe:  # opens once the daemon reads
            daemon.send_signal(signal.SIGHUP)
            daemon.send_signal(signal.SIGTERM)
            pipe.write("")
        _, errors = daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert "See you next time!" in errors
