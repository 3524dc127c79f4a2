"""What it costs to load a large configuration, and to load it again unchanged.

Two promises are measured: 10,000 static targets in 200 jobs load in under 2 s of CPU, and an
unchanged reload takes under 1 s and touches no loop.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog

from benchmarks.cpu import best_of, measured, of_program, of_running, spent_on
from promscrape.config.load import load
from promscrape.discovery.static import StaticConfig, target_groups
from promscrape.process_settings import collect_garbage_less_often
from promscrape.scrape.manager import ScrapeManager
from tests.support.clock import ManualClock, settle
from tests.support.peers import Launcher, Scraper, eventually, installed
from tests.support.scraping import make_options
from tests.support.storage import RecordingStorage

JOBS, TARGETS_PER_JOB = 200, 50
TARGETS = JOBS * TARGETS_PER_JOB
LIMIT_LOAD_S, LIMIT_RELOAD_S = 2.0, 1.0

# Longer than the five seconds in which target changes are gathered, by either program.
SETTLE_S = 7.0


def config_text() -> str:
    """Return the file: each job with a rule and two labels, its targets on loopback.

    An interval of a day keeps scrapes, of which none would succeed, out of the figures.
    """
    lines = ["global: {scrape_interval: 1d, scrape_timeout: 10s}", "scrape_configs:"]
    for job in range(JOBS):
        lines += [f"- job_name: job-{job:03}", "  static_configs:", "  - targets:"]
        lines += [f"    - 127.{job}.{target}.1:1" for target in range(TARGETS_PER_JOB)]
        lines += [
            "    labels: {environment: production, team: web}",
            "  relabel_configs:",
            "  - source_labels: [__address__]",
            r"    regex: (.+):\d+",
            "    target_label: instance",
        ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Print the figures of this process, then those of whole programs beside each other."""
    collect_garbage_less_often()  # As the daemon does at its start.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "prometheus.yml")
        path.write_text(config_text())
        print(f"  {TARGETS} static targets in {JOBS} jobs, {path.stat().st_size // 1000} kB")
        figure("load the file", best_of(3, lambda: load(str(path))), limit_s=LIMIT_LOAD_S)
        asyncio.run(in_process(str(path)))
        checks(path)
        daemons(Path(directory), path.read_text())


def figure(what: str, cpu_s: float, *, limit_s: float | None = None, note: str = "") -> None:
    limit = "" if limit_s is None else f"  (promised: under {limit_s:g} s)"
    print(f"  {what:<52} {cpu_s:7.3f} s CPU{limit}{note}")


async def in_process(path: str) -> None:
    """Take the file over, and take it over again, with everything but the scrapes."""
    manager = ScrapeManager(
        make_options(RecordingStorage(), ManualClock()), structlog.get_logger("benchmark")
    )
    async with manager:
        with measured() as spent:
            await take_over(manager, path)
        figure("load it and make its targets and loops", spent.cpu_s, limit_s=LIMIT_LOAD_S)
        await settle()
        before = loops_of(manager)
        with measured() as spent:
            await take_over(manager, path)
        after = loops_of(manager)
        touched = sum(after[key] is not loop for key, loop in before.items())
        assert len(after) == len(before) == TARGETS
        figure(
            "reload it unchanged",
            spent.cpu_s,
            limit_s=LIMIT_RELOAD_S,
            note=f", {touched} of {TARGETS} loops touched",
        )


async def take_over(manager: ScrapeManager, path: str) -> None:
    """Do what the daemon does with a file, up to the synchronized targets."""
    config = load(path)
    await manager.apply(config)
    sets = {
        job.job_name: target_groups(job.discovery.of(StaticConfig)) for job in config.scrape_configs
    }
    await manager._sync(sets)


def loops_of(manager: ScrapeManager) -> Mapping[tuple[str, int], object]:
    return {
        (job, key): loop for job, pool in manager.pools.items() for key, loop in pool._loops.items()
    }


def checks(path: Path) -> None:
    """Compare whole programs, the start of the interpreter included."""
    own = [sys.executable, "-m", "promscrape", "check", "config", str(path)]
    figure("promscrape check config, the whole program", of_program(own))
    if has("promtool"):
        argv = [installed("promtool"), "check", "config", str(path)]
        figure("promtool check config, the whole program", of_program(argv))


def daemons(home: Path, config: str) -> None:
    """Compare daemons: from the start to the last target, and a reload of the same file."""
    launcher = Launcher(home)
    try:
        daemon = launcher.promscrape(config, flags=["--web.enable-lifecycle"])
        report("promscrape", daemon)
        daemon.stop()
        if has("prometheus"):
            peer = launcher.prometheus_agent(config, flags=["--web.enable-lifecycle"])
            report("Prometheus agent", peer)
    finally:
        launcher.close()


def report(name: str, daemon: Scraper) -> None:
    time.sleep(SETTLE_S)  # Asking before would cost the daemon more than what is measured.
    figure(f"{name}: start, with all targets", of_running(daemon.pid))
    eventually(lambda: len(daemon.targets()) == TARGETS, what="all targets", within_s=120)

    def reload() -> None:
        answer = daemon.request("POST", "/-/reload")
        assert answer.status == 200, answer.text

    figure(f"{name}: unchanged reload", spent_on(daemon.pid, reload, settle_s=SETTLE_S))


def has(program: str) -> bool:
    try:
        installed(program)
    except pytest.skip.Exception:
        print(f"  ({program} is not installed)")
        return False
    return True
