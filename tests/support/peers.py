"""Real programs for end-to-end tests: the daemon itself and those that it has to get along with.

Each listens on a free port of 127.0.0.1, writes its output to a file, is ready when its own
endpoint says so, and is ended by its pid. The calls block; a test that serves a target on its own
event loop makes them through `asyncio.to_thread`.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.guard import guard

T = TypeVar("T")

# The daemon as the Python that runs the tests has it installed.
PROMSCRAPE = (sys.executable, "-m", "promscrape")

POLL_S = 0.02
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 20.0

_LOG_TAIL = 4000  # characters of a program's output in the message of a failed test


def eventually(check: Callable[[], T], *, what: str, within_s: float = 15.0) -> T:
    """Return the first true result of `check`, polled; raise AssertionError at the deadline."""
    deadline_s = time.monotonic() + within_s
    while not (result := check()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {within_s:g} s: {what} (last: {result!r})")
        time.sleep(POLL_S)
    return result


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def installed(binary: str) -> str:
    """Return the path of a program that a distribution's package brings, or skip the test."""
    # Daemons lie in sbin, which is not on everybody's PATH.
    path = shutil.which(binary, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"{binary} is not installed")
    return path


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


class Program:
    """One running program, started by the constructor and owned by the test that stops it."""

    def __init__(self, argv: Sequence[str], *, port: int, ready_path: str, home: Path) -> None:
        self.port, self.home = port, home
        self._name = Path(argv[0]).name
        self._ready_path, self._log = ready_path, home / "output.log"
        with self._log.open("ab") as log:
            # A session of its own keeps Ctrl+C for pytest, which then ends the program in order.
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=home,
                start_new_session=True,
            )
        guard(self._process.pid)

    @property
    def address(self) -> str:
        """`host:port`, as a target is written."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number where a signal ended it."""
        return self._process.poll()

    def output(self) -> str:
        """Return what it wrote to stdout and stderr so far."""
        return self._log.read_text(errors="replace")

    def wait_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return once its ready endpoint answers 200; AssertionError if it ends or never does."""
        eventually(self._is_ready, what=f"{self} to be ready", within_s=within_s)

    def _is_ready(self) -> bool:
        if self.exit_code is not None:
            raise AssertionError(
                f"{self} ended with {self.exit_code}:\n{self.output()[-_LOG_TAIL:]}"
            )
        try:
            return self.get(self._ready_path).status == http.HTTPStatus.OK
        except OSError:  # it does not listen yet
            return False

    def request(
        self, method: str, path: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, text)
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def metric(self, name: str, /, **labels: str) -> float | None:
        """Return a sample of its own /metrics, or None; `labels` must be all that it has."""
        for family in text_string_to_metric_families(self.get("/metrics").text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, within_s: float = STOP_WITHIN_S) -> int:
        """End it with SIGTERM and return its exit code; AssertionError where it does not end."""
        self._process.terminate()
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            tail = self.output()[-_LOG_TAIL:]
            raise AssertionError(f"{self} did not end in {within_s:g} s:\n{tail}") from None

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would, and wait until the kernel has done it."""
        self._process.kill()
        self._process.wait()

    def __str__(self) -> str:
        return f"{self._name} on {self.address}"


class Point(NamedTuple):
    t_s: float
    value: float


class Sample(NamedTuple):
    """One element of an instant query's result."""

    labels: dict[str, str]
    value: float
    t_s: float


class Series(NamedTuple):
    """One element of a range query's or a range selector's result, oldest point first."""

    labels: dict[str, str]
    points: list[Point]


class ActiveTarget(msgspec.Struct, rename="camel"):
    """What tests look at in an entry of /api/v1/targets."""

    scrape_pool: str
    discovered_labels: dict[str, str]
    labels: dict[str, str]
    health: str
    last_error: str
    last_scrape: str
    scrape_url: str


class _Envelope(msgspec.Struct, Generic[T]):
    status: str
    data: T


class _Targets(msgspec.Struct, rename="camel"):
    active_targets: list[ActiveTarget]


class _Vector(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Matrix(msgspec.Struct):
    metric: dict[str, str]
    values: list[tuple[float, str]]


class _Result(msgspec.Struct, Generic[T]):
    result: list[T]


class Scraper(Program):
    """Prometheus, as server or agent, or promscrape: what has its flags and its HTTP API."""

    def __init__(
        self, argv: Sequence[str], *, port: int, home: Path, config_path: Path, data_dir: Path
    ) -> None:
        self.config_path, self.data_dir = config_path, data_dir
        super().__init__(argv, port=port, ready_path="/-/ready", home=home)

    def api(self, path: str, kind: type[T], **parameters: str) -> T:
        """Return the `data` of an answer of /api/v1, decoded as `kind`; AssertionError if it failed."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        answer = self.get(f"/api/v1/{path}{query}")
        if answer.status != http.HTTPStatus.OK:
            raise AssertionError(f"{path} on {self}: {answer.status} {answer.text}")
        return msgspec.json.decode(answer.text, type=_Envelope[kind]).data  # type: ignore[valid-type]  # a type at run time

    def targets(self) -> list[ActiveTarget]:
        return self.api("targets", _Targets).active_targets

    def wait_up(self, within_s: float = 30.0) -> list[ActiveTarget]:
        """Return the targets once there are some and each was scraped with success."""

        def all_up() -> list[ActiveTarget]:
            targets = self.targets()
            return targets if {target.health for target in targets} == {"up"} else []

        return eventually(all_up, what=f"the targets of {self} to be up", within_s=within_s)

    def query(self, expression: str, **parameters: str) -> list[Sample]:
        """Return the result of an instant query; `time` is the one parameter worth giving."""
        answer = self.api("query", _Result[_Vector], query=expression, **parameters)
        return [Sample(one.metric, float(one.value[1]), one.value[0]) for one in answer.result]

    def query_range(
        self, expression: str, *, start_s: float, end_s: float, step_s: float
    ) -> list[Series]:
        window = {"start": str(start_s), "end": str(end_s), "step": str(step_s)}
        answer = self.api("query_range", _Result[_Matrix], query=expression, **window)
        return _series(answer.result)

    def raw(self, selector: str, *, at_s: float | None = None) -> list[Series]:
        """Return the stored samples of a range selector such as `up[5m]`, as they were scraped."""
        time_s = {} if at_s is None else {"time": str(at_s)}
        return _series(self.api("query", _Result[_Matrix], query=selector, **time_s).result)


def _series(matrix: Sequence[_Matrix]) -> list[Series]:
    return [
        Series(row.metric, [Point(t_s, float(value)) for t_s, value in row.values])
        for row in matrix
    ]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a scraper is started: its command, and the flag that takes its data directory."""

    name: str
    argv: Sequence[str]
    data_flag: str


def run_promscrape(*flags: str, within_s: float = 30.0) -> "subprocess.CompletedProcess[str]":
    """Run the daemon's command line to its end: for `--version`, and for starts that must fail."""
    return subprocess.run(
        [*PROMSCRAPE, *flags], capture_output=True, text=True, timeout=within_s, check=False
    )


ProgramT = TypeVar("ProgramT", bound=Program)


class Launcher:
    """Starts programs and ends, in reverse order, those that the test has not ended itself."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._programs: list[Program] = []

    def node_exporter(self) -> Program:
        port = free_port()
        argv = [installed("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}"]
        return self.own(Program(argv, port=port, ready_path="/", home=self._new_home("node")))

    def alertmanager(self) -> Program:
        port, home = free_port(), self._new_home("alertmanager")
        config = home / "alertmanager.yml"
        config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        argv = [
            installed("prometheus-alertmanager"),
            f"--config.file={config}",
            f"--storage.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",  # no gossip, and no second port
        ]
        return self.own(Program(argv, port=port, ready_path="/-/ready", home=home))

    def haproxy(self) -> Program:
        """Start HAProxy with the exporter that it has built in, at /metrics."""
        port, home = free_port(), self._new_home("haproxy")
        config = home / "haproxy.cfg"
        config.write_text(
            "defaults\n"
            "    mode http\n"
            "    timeout client 10s\n"
            "    timeout server 10s\n"
            "    timeout connect 10s\n"
            "frontend metrics\n"
            f"    bind 127.0.0.1:{port}\n"
            "    http-request use-service prometheus-exporter if { path /metrics }\n"
        )
        argv = [installed("haproxy"), "-db", "-f", str(config)]
        return self.own(Program(argv, port=port, ready_path="/metrics", home=home))

    def prometheus(
        self,
        config: str = "",
        *,
        data_dir: Path | None = None,
        flags: Sequence[str] = (),
        port: int | None = None,
    ) -> Scraper:
        """Start a Prometheus server; by default it scrapes nothing and only answers queries."""
        kind = _Kind("prometheus", (installed("prometheus"),), "storage.tsdb.path")
        return self._scraper(kind, config, data_dir, flags, port)

    def prometheus_agent(
        self, config: str, *, data_dir: Path | None = None, flags: Sequence[str] = ()
    ) -> Scraper:
        argv = (installed("prometheus"), "--enable-feature=agent")
        kind = _Kind("agent", argv, "storage.agent.path")
        return self._scraper(kind, config, data_dir, flags)

    def victoria_metrics(self) -> Program:
        """Start VictoriaMetrics, which takes remote write at /api/v1/write and has /api/v1/export.

        What comes twice, with the same time, is kept once.
        """
        port, home = free_port(), self._new_home("victoria-metrics")
        argv = [
            installed("victoria-metrics"),
            f"-storageDataPath={home / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            "-dedup.minScrapeInterval=1ms",
            "-retentionPeriod=1",
        ]
        return self.own(Program(argv, port=port, ready_path="/health", home=home))

    def vmagent(self, config: str, *, remote_write: str, flags: Sequence[str] = ()) -> Program:
        """Start VictoriaMetrics's agent; its destinations are no part of its configuration."""
        port, home = free_port(), self._new_home("vmagent")
        config_path = home / "prometheus.yml"
        config_path.write_text(config)
        argv = [
            installed("vmagent"),
            f"-promscrape.config={config_path}",
            f"-remoteWrite.url={remote_write}",
            f"-remoteWrite.tmpDataPath={home / 'data'}",
            f"-httpListenAddr=127.0.0.1:{port}",
            *flags,
        ]
        return self.own(Program(argv, port=port, ready_path="/ready", home=home))

    def promscrape(
        self,
        config: str,
        *,
        data_dir: Path | None = None,
        flags: Sequence[str] = (),
        port: int | None = None,
        is_plain: bool = False,
    ) -> Scraper:
        """Start the daemon; `data_dir` and `port` of an ended one make it a restart.

        is_plain: let it run the plain twins.
        """
        argv = ("env", "PROMSCRAPE_PURE_PYTHON=1", *PROMSCRAPE) if is_plain else PROMSCRAPE
        kind = _Kind("promscrape", argv, "storage.agent.path")
        return self._scraper(kind, config, data_dir, flags, port)

    def _scraper(
        self,
        kind: "_Kind",
        config: str,
        data_dir: Path | None,
        flags: Sequence[str],
        port: int | None = None,
    ) -> Scraper:
        port, home = port or free_port(), self._new_home(kind.name)
        config_path, data_dir = home / "prometheus.yml", data_dir or home / "data"
        config_path.write_text(config)
        argv = [
            *kind.argv,
            f"--config.file={config_path}",
            f"--{kind.data_flag}={data_dir}",
            f"--web.listen-address=127.0.0.1:{port}",
            *flags,
        ]
        return self.own(
            Scraper(argv, port=port, home=home, config_path=config_path, data_dir=data_dir)
        )

    def _new_home(self, name: str) -> Path:
        home = self._home / f"{name}-{len(self._programs)}"
        home.mkdir()
        return home

    def own(self, program: ProgramT) -> ProgramT:
        """Return `program` once it is ready; from now on it is ended with the others."""
        self._programs.append(program)
        program.wait_ready()
        return program

    def close(self) -> None:
        """End what still runs; raises the first failure to end after all were tried."""
        failures = []
        for program in reversed(self._programs):
            try:
                if program.exit_code is None:
                    program.stop()
            except AssertionError as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
