"""Resident memory over an hour in which series end and others begin, all the time.

    python -m benchmarks.churn_hour [--minutes 60] [--targets 100] [--copies 20] [--interval 10]
                                    [--percent 1] [--flag=--name=value ...]

At each scrape so many percent of each target's series are replaced by ones that were never seen
before. Promscrape logs them and sends them on; each minute has a line. What is flat stays flat in
the second half: the first few minutes fill what is kept for a while by design.

    series      in memory, of them those of the last scrapes; `ended` are out of memory, and only
                known to be in the log still
    CPU         of the minute, a sample
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.cpu import of_running
from benchmarks.fleet import FleetSpec
from benchmarks.scrapers import Case, _config, _report, _resident_bytes, _served
from tests.support.peers import Launcher, Scraper, eventually

_MIB: Final = 1 << 20
_COLD_WITHIN_S: Final = 300.0
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute ended with."""

    number: int
    rss_bytes: int
    series: int
    ended: int
    cpu_ns: float
    missed: int
    late_p99_s: float
    disk_bytes: int

    def show(self) -> None:
        print(
            f"  {self.number:>6}{self.rss_bytes / _MIB:>10,.0f}{self.series:>12,}{self.ended:>12,}"
            f"{self.cpu_ns:>10,.0f}{self.missed:>8}{self.late_p99_s * 1e3:>9,.0f}"
            f"{self.disk_bytes / _MIB:>10,.0f}",
            flush=True,
        )


def main(argv: Sequence[str] | None = None) -> None:
    """Run as the arguments say, and print a line a minute."""
    options = _parser().parse_args(argv)
    case = Case(
        f"{options.targets} targets every {options.interval} s, {options.percent} % of the series"
        " never seen before each time",
        options.targets,
        options.interval,
        settle_s=0,
        window_s=60,
        copies=options.copies,
        churn_percent=options.percent,
        endless=True,
    )
    spec = case.spec()
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {case.what}")
    print(
        f"  {'minute':>6}{'MiB':>10}{'series':>12}{'ended':>12}{'ns/sample':>10}{'missed':>8}"
        f"{'p99 ms':>9}{'disk MiB':>10}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as home, _served(spec) as sink_port:
        launcher = Launcher(Path(home))
        try:
            url = f"http://127.0.0.1:{sink_port}/api/v1/write"
            config = f"{_config(case, spec)}remote_write:\n- url: {url}\n"
            scraper = launcher.promscrape(config, flags=options.flag)
            for minute in _minutes(scraper, case, spec, options.minutes):
                minute.show()
        finally:
            launcher.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.churn_hour")
    for name, default in (
        ("minutes", 60), ("targets", 100), ("copies", 20), ("interval", 10), ("percent", 1),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--flag", action="append", default=[], help="a flag of promscrape")
    return parser


def _minutes(scraper: Scraper, case: Case, spec: FleetSpec, count: int) -> Iterator[Minute]:
    """Yield what each minute ends with; the first begins when every target was scraped."""
    began_s = time.monotonic()
    eventually(
        lambda: _report(spec, began_s, time.monotonic()).asked == case.targets,
        what="a scrape of every target",
        within_s=_COLD_WITHIN_S,
    )
    since_s, cpu_s = time.monotonic(), of_running(scraper.pid)
    for number in range(count + 1):
        if number:
            time.sleep(max(since_s + 60 - time.monotonic(), 0))
        until_s, spent_s = time.monotonic(), of_running(scraper.pid)
        report = _report(spec, since_s if number else began_s, until_s)
        samples = max(report.scrapes * report.samples_a_target, 1)
        yield Minute(
            number,
            _resident_bytes(scraper.pid),
            _metric(scraper, "prometheus_agent_active_series"),
            _metric(scraper, "prometheus_agent_deleted_series"),
            (spent_s - (cpu_s if number else 0)) * 1e9 / samples,
            report.missed if number else 0,
            report.late_p99_s if number else 0,
            _metric(scraper, "prometheus_tsdb_wal_storage_size_bytes"),
        )
        since_s, cpu_s = until_s, spent_s


def _metric(scraper: Scraper, name: str) -> int:
    """Return a metric; -1 where the daemon is too busy to tell, as on a machine that is."""
    for _ in range(_TRIES):
        try:
            return int(scraper.metric(name) or 0)
        except OSError:
            continue
    return -1


if __name__ == "__main__":
    main()
