"""Promscrape beside vmagent and Prometheus's agent: one fleet, one configuration, one sink, one run.

Each is started in its turn, so that none has to share the machine with another. `cold` is all CPU
time from the start to the first scrape of every target; the other figures are of a window after
that. CPU time is the kernel's, of the whole process. What the fleet and the sink cost is not in it.
"""

import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import pytest

from benchmarks.cpu import of_running
from benchmarks.fleet import FleetSpec, Report, addresses
from benchmarks.sink import Counts
from promscrape.storage.remote.config import WriteMessage
from tests.support.peers import Launcher, Program, eventually, free_port

ROOT = Path(__file__).parents[1]
_MIB = 1 << 20
_COLD_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Case:
    """What is scraped, and for how long: a while to settle, then the window that is measured."""

    what: str
    targets: int
    interval_s: int
    settle_s: float
    window_s: float
    copies: int = 1
    samples: int = 0
    churn_percent: int = 0
    generations: int = 8
    endless: bool = False

    def spec(self) -> FleetSpec:
        return FleetSpec(
            port=free_port(),
            control_port=free_port(),
            targets=self.targets,
            interval_s=self.interval_s,
            copies=self.copies,
            samples=self.samples,
            churn_percent=self.churn_percent,
            generations=self.generations,
            endless=self.endless,
        )


NODE = Case("100 targets of 507 samples every second", 100, 1, settle_s=20, window_s=30)
WIDE = Case(
    # What a scraper makes at the first few scrapes, and keeps, is over by then.
    "100 targets of 10,140 samples every 10 s",
    100,
    10,
    settle_s=75,
    window_s=40,
    copies=20,
)
CASES: Final[Mapping[str, Case]] = {
    "node": NODE,
    "node_churn_1": Case(
        f"{NODE.what}, 1 % of the series new each time",
        100, 1, settle_s=20, window_s=30, churn_percent=1, generations=50,
    ),
    "node_churn_10": Case(
        f"{NODE.what}, 10 % of the series new each time",
        100, 1, settle_s=20, window_s=30, churn_percent=10, generations=50,
    ),
    "wide": WIDE,
    "wide_churn_1": Case(
        f"{WIDE.what}, 1 % of the series new each time",
        100, 10, settle_s=20, window_s=40, copies=20, churn_percent=1,
    ),
    "wide_endless_1": Case(
        f"{WIDE.what}, 1 % of the series never seen before each time",
        100, 10, settle_s=20, window_s=40, copies=20, churn_percent=1, endless=True,
    ),
    "small": Case(
        "5,000 targets of 20 samples every 10 s", 5000, 10, settle_s=20, window_s=30, samples=20
    ),
    "huge": Case(
        "one target of 1,000,000 samples every 30 s",
        1, 30, settle_s=30, window_s=60, copies=1973, generations=2,
    ),
}  # fmt: skip

Start = Callable[[Launcher, str, str], tuple[Program, Path]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One scraper's figures in one case."""

    name: str
    cold_ns: float
    cpu_ns: float
    rss_bytes: int
    wire_bytes: float
    disk_bytes: float
    report: Report
    samples: int
    series: int


def remote_write() -> None:
    """Measure promscrape without a destination and with one of each version, beside the others."""
    found = {one.name: one for one in run(NODE, starts={**WRITERS, **PEERS})}
    alone = found[LOG_ONLY]
    print(f"\n  {'remote write, beside the rest':34}{'ns/sample':>9}{'B/sample':>10}")
    for name in (FIRST, SECOND):
        one = found[name]
        print(f"  {name:34}{one.cpu_ns - alone.cpu_ns:>9,.0f}{one.wire_bytes:>10.1f}")


def run(
    case: Case, names: Sequence[str] = (), starts: "Mapping[str, Start] | None" = None
) -> list[Measured]:
    """Measure every scraper that is installed in one case, and print its table.

    starts: the scrapers; None for those that speak the first version of remote write.
    """
    spec = case.spec()
    print(f"\n  {case.what}")
    print(
        f"  {'':18}{'cold':>9}{'CPU':>9}{'samples':>11}{'memory':>9}{'memory':>9}{'wire':>8}"
        f"{'disk':>8}{'missed':>8}{'late p50':>10}{'p99':>8}{'max':>8}{'ratio':>7}"
    )
    print(
        f"  {'':18}{'ns/sample':>9}{'ns/sample':>9}{'/s/core':>11}{'MiB':>9}{'B/series':>9}"
        f"{'B/sample':>8}{'B/sample':>8}{'scrapes':>8}{'ms':>10}{'ms':>8}{'ms':>8}"
    )
    results: list[Measured] = []
    with tempfile.TemporaryDirectory() as home, _served(spec) as sink_port:
        for name, start in (starts or (NODE_STARTS if case is NODE else STARTS)).items():
            if names and name not in names:
                continue
            folder = Path(home, name)
            folder.mkdir()
            launcher = Launcher(folder)
            try:
                results.append(_measured(name, start, launcher, case, spec, sink_port))
            except pytest.skip.Exception as exc:
                print(f"  {name:18}({exc})")
                continue
            finally:
                launcher.close()
            _show(results[-1], results[0])
    return results


def _measured(
    name: str, start: Start, launcher: Launcher, case: Case, spec: FleetSpec, sink_port: int
) -> Measured:
    since_s = time.monotonic()
    config = _config(case, spec)
    program, data = start(launcher, config, f"http://127.0.0.1:{sink_port}/api/v1/write")

    def is_cold_over() -> bool:
        return _report(spec, since_s, time.monotonic()).asked == case.targets

    eventually(is_cold_over, what="a scrape of every target", within_s=_COLD_WITHIN_S)
    cold_s = of_running(program.pid)
    time.sleep(case.settle_s)
    from_s, cpu_s, sink, disk = (
        time.monotonic(),
        of_running(program.pid),
        _sink(sink_port),
        _size(data),
    )
    time.sleep(case.window_s)
    to_s, spent_s = time.monotonic(), of_running(program.pid) - cpu_s
    report = _report(spec, from_s, to_s)
    samples = max(report.scrapes * report.samples_a_target, 1)
    series = case.targets * report.samples_a_target
    return Measured(
        name=name,
        cold_ns=cold_s * 1e9 / series,
        cpu_ns=spent_s * 1e9 / samples,
        rss_bytes=_resident_bytes(program.pid),
        wire_bytes=(_sink(sink_port).body_bytes - sink.body_bytes) / samples,
        disk_bytes=max(_size(data) - disk, 0) / samples,
        report=report,
        samples=samples,
        series=series,
    )


def _show(one: Measured, first: Measured) -> None:
    report = one.report
    print(
        f"  {one.name:18}{one.cold_ns:>9,.0f}{one.cpu_ns:>9,.0f}"
        f"{1e9 / max(one.cpu_ns, 1):>11,.0f}{one.rss_bytes / _MIB:>9,.0f}"
        f"{one.rss_bytes / one.series:>9,.0f}{one.wire_bytes:>8.1f}{one.disk_bytes:>8.1f}"
        f"{report.missed:>8}{report.late_p50_s * 1e3:>10.1f}{report.late_p99_s * 1e3:>8.1f}"
        f"{report.late_max_s * 1e3:>8.1f}{one.cpu_ns / max(first.cpu_ns, 1):>7.2f}"
    )


def _promscrape(launcher: Launcher, config: str, url: str) -> tuple[Program, Path]:
    scraper = launcher.promscrape(_with_destination(config, url))
    return scraper, scraper.data_dir


def _promscrape_plain(launcher: Launcher, config: str, url: str) -> tuple[Program, Path]:
    scraper = launcher.promscrape(_with_destination(config, url), is_plain=True)
    return scraper, scraper.data_dir


def _promscrape_v2(launcher: Launcher, config: str, url: str) -> tuple[Program, Path]:
    message = f"  protobuf_message: {WriteMessage.V2}\n"
    scraper = launcher.promscrape(_with_destination(config, url) + message)
    return scraper, scraper.data_dir


def _promscrape_alone(launcher: Launcher, config: str, _url: str) -> tuple[Program, Path]:
    scraper = launcher.promscrape(config)
    return scraper, scraper.data_dir


def _agent(launcher: Launcher, config: str, url: str) -> tuple[Program, Path]:
    scraper = launcher.prometheus_agent(_with_destination(config, url))
    return scraper, scraper.data_dir


def _vmagent(launcher: Launcher, config: str, url: str) -> tuple[Program, Path]:
    flags = ["-promscrape.maxScrapeSize=1GB"]
    program = launcher.vmagent(config, remote_write=url, flags=flags)
    return program, program.home / "data"


FIRST, SECOND, LOG_ONLY = "promscrape", "promscrape 2.0", "promscrape, log"
PLAIN = "promscrape, plain"
PEERS: Final[Mapping[str, Start]] = {"vmagent": _vmagent, "Prometheus agent": _agent}
STARTS: Final[Mapping[str, Start]] = {FIRST: _promscrape, **PEERS}
# What a machine without a C compiler has, in the case that it is held to.
NODE_STARTS: Final[Mapping[str, Start]] = {**STARTS, PLAIN: _promscrape_plain}
# Debian's vmagent and Prometheus do not speak the second version.
WRITERS: Final[Mapping[str, Start]] = {
    FIRST: _promscrape,
    SECOND: _promscrape_v2,
    LOG_ONLY: _promscrape_alone,
}


def _config(case: Case, spec: FleetSpec) -> str:
    targets = "".join(f"\n    - {host}:{spec.port}" for host in addresses(spec))
    return (
        f"global: {{scrape_interval: {case.interval_s}s, scrape_timeout: {case.interval_s}s}}\n"
        f"scrape_configs:\n- job_name: fleet\n  static_configs:\n  - targets:{targets}\n"
    )


def _with_destination(config: str, url: str) -> str:
    return f"{config}remote_write:\n- url: {url}\n"


@contextmanager
def _served(spec: FleetSpec) -> Iterator[int]:
    """Run the fleet and the sink; yield the sink's port."""
    sink_port = free_port()
    text = msgspec.json.encode(spec).decode()
    argvs = [["benchmarks.fleet", text], ["benchmarks.sink", str(sink_port)]]
    processes = [subprocess.Popen([sys.executable, "-m", *argv], cwd=ROOT) for argv in argvs]
    try:
        eventually(lambda: _answers(spec.control_port), what="the fleet", within_s=120)
        eventually(lambda: _answers(sink_port), what="the sink")
        yield sink_port
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    try:
        _get(port, "/report")
    except OSError:
        return False
    return True


def _get(port: int, path: str) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        content: bytes = answer.read()
        return content


def _report(spec: FleetSpec, since_s: float, until_s: float) -> Report:
    content = _get(spec.control_port, f"/report?{since_s},{until_s}")
    return msgspec.json.decode(content, type=Report)


def _sink(port: int) -> Counts:
    return msgspec.json.decode(_get(port, "/report"), type=Counts)


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
