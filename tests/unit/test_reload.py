"""The first load, and every later one in its turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import LogCapture

from promscrape.config.root import Config
from promscrape.errors import ConfigError
from promscrape.process import ProcessMetrics
from promscrape.reload import Reloader
from tests.support.clock import ManualClock

T = TypeVar("T")

CHANGED = "Configuration file change detected, reloading the configuration."
FAILED = "Error reloading config"


@dataclass
class Bench:
    """A reloader of a file that the test writes, and what came of it.

    refuse: whether a component will not take the next configuration over. gate: takes over wait.
    """

    path: Path
    clock: ManualClock = field(default_factory=ManualClock)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    applied: list[Config] = field(default_factory=list)
    logs: LogCapture = field(default_factory=LogCapture)
    refuse: bool = False
    gate: asyncio.Event | None = None

    def __post_init__(self) -> None:
        self.reloader = Reloader(
            str(self.path),
            self.apply,
            clock=self.clock,
            metrics=ProcessMetrics(self.registry),
            run_in_thread=self.run_here,
            log=structlog.wrap_logger(None, processors=[self.logs]),
        )

    async def run_here(self, work: Callable[[], T], /) -> T:
        return work()

    async def apply(self, config: Config) -> None:
        if self.gate is not None:
            await self.gate.wait()
        self.applied.append(config)
        if self.refuse:
            raise ConfigError("one or more errors occurred while applying the new configuration")

    def write(self, interval: str) -> None:
        self.path.write_text(f"global: {{scrape_interval: {interval}}}\n")

    @property
    def interval(self) -> str:
        return str(self.reloader.config.global_.scrape_interval)

    @property
    def metric(self) -> float | None:
        return self.registry.get_sample_value("prometheus_config_last_reload_successful")

    @property
    def events(self) -> list[str]:
        return [entry["event"] for entry in self.logs.entries]

    @asynccontextmanager
    async def running(self, watch_interval_s: float | None = 30.0) -> AsyncIterator[None]:
        await self.reloader.load(watched=watch_interval_s is not None)
        task = asyncio.create_task(self.reloader.run(watch_interval_s))
        await self.clock.advance(0)
        yield
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path / "c.yml")
    bench.write("30s")
    return bench


async def test_a_first_load_that_fails_says_why(bench: Bench) -> None:
    """Service 1.3: the error with the file's absolute name, after each problem with its place."""
    bench.path.write_text("glob: {}\n")
    with pytest.raises(ConfigError):
        await bench.reloader.load()
    problem, last = bench.logs.entries
    assert problem["at"] == f"{bench.path}:1:1"
    assert problem["hint"] == "did you mean `global`?"
    assert last["event"] == f"Error loading config (--config.file={bench.path})"
    assert last["file"] == str(bench.path)


async def test_a_reload_takes_the_file_over(bench: Bench) -> None:
    """Config 15.2: loaded, applied, logged and counted."""
    async with bench.running(None):
        bench.write("5s")
        await bench.reloader.reload()
        assert (bench.interval, len(bench.applied), bench.metric) == ("5s", 1, 1)
        assert bench.events == [
            "Loading configuration file",
            "Completed loading of configuration file",
        ]


async def test_a_bad_file_changes_nothing(bench: Bench) -> None:
    """Config 56: twice in a row, and the time of the last success stands."""
    async with bench.running(None):
        loaded_s = bench.reloader.last_s
        bench.write("5x")
        for _ in range(2):
            with pytest.raises(ConfigError, match="couldn't load configuration"):
                await bench.reloader.reload()
        assert (bench.interval, bench.applied, bench.metric) == ("30s", [], 0)
        assert not bench.reloader.last_ok
        assert bench.reloader.last_s == loaded_s
        assert bench.events.count(FAILED) == 2


async def test_a_component_that_refuses_makes_it_a_failure(bench: Bench) -> None:
    """Config 15.2: the others have the new file by then, and it shows."""
    async with bench.running(None):
        bench.write("5s")
        bench.refuse = True
        with pytest.raises(ConfigError, match="one or more errors"):
            await bench.reloader.reload()
        assert (bench.interval, bench.metric) == ("5s", 0)


async def test_hangups_during_a_reload_are_one_more(bench: Bench) -> None:
    """Service 23: a burst of three gives at most two reloads."""
    bench.gate = asyncio.Event()
    async with bench.running(None):
        for _ in range(3):
            bench.reloader.hangup.set()
            await bench.clock.advance(0)
        bench.gate.set()
        await bench.clock.advance(0)
        assert len(bench.applied) == 2


async def test_reloads_do_not_overlap(bench: Bench) -> None:
    """Config 15.1: one at a time, each with what the file says when its turn has come."""
    bench.gate = asyncio.Event()
    async with bench.running(None):
        bench.write("5s")
        first = asyncio.create_task(bench.reloader.reload())
        await bench.clock.advance(0)
        second = asyncio.create_task(bench.reloader.reload())
        await bench.clock.advance(0)
        bench.write("6s")
        bench.gate.set()
        await first
        await second
        intervals = [str(config.global_.scrape_interval) for config in bench.applied]
        assert intervals == ["5s", "6s"]


async def test_a_changed_file_is_taken_over_at_the_next_look(bench: Bench) -> None:
    """Config 15.3: not before the interval is over, and not again without another change."""
    async with bench.running():
        bench.write("5s")
        await bench.clock.advance(29)
        assert bench.interval == "30s"
        await bench.clock.advance(1)
        assert (bench.interval, bench.events.count(CHANGED)) == ("5s", 1)
        await bench.clock.advance(90)
        assert len(bench.applied) == 1


async def test_without_the_flag_the_file_is_not_looked_at(bench: Bench) -> None:
    """Config 15.3: the default is off."""
    async with bench.running(None):
        bench.write("5s")
        await bench.clock.advance(1000)
        assert bench.interval == "30s"


async def test_a_bad_file_is_tried_again_until_it_is_fixed(bench: Bench) -> None:
    """Config 15.3: the metric stays 0 and the log repeats, without any further change."""
    async with bench.running():
        bench.write("5x")
        await bench.clock.advance(90)
        assert bench.metric == 0
        assert bench.events.count(FAILED) == 3
        bench.write("5s")
        await bench.clock.advance(30)
        assert (bench.metric, bench.interval) == (1, "5s")


@pytest.mark.parametrize("broken", ["global: [\n", "global: {scrape_intervall: 1s}\n"])
async def test_a_file_that_is_put_back_counts_as_loaded(bench: Bench, broken: str) -> None:
    """Config 55, 15.3: 1, 0, 1, and not only after an error of syntax as in the reference."""
    good = bench.path.read_text()
    async with bench.running():
        bench.path.write_text(broken)
        await bench.clock.advance(30)
        assert (bench.metric, bench.interval) == (0, "30s")
        bench.path.write_text(good)
        await bench.clock.advance(30)
        assert (bench.metric, bench.interval, len(bench.applied)) == (1, "30s", 1)
        await bench.clock.advance(300)
        assert len(bench.applied) == 1


async def test_a_component_that_refused_is_asked_again(bench: Bench) -> None:
    """Config 15.3: what failed may have been the disk, and the file is right."""
    async with bench.running():
        bench.refuse = True
        bench.write("5s")
        await bench.clock.advance(30)
        bench.refuse = False
        await bench.clock.advance(30)
        assert (bench.metric, len(bench.applied)) == (1, 2)


async def test_a_missing_file_is_tried_and_logged(bench: Bench) -> None:
    """Config 15.3: no checksum is a reason to try, and to say so."""
    async with bench.running():
        bench.path.unlink()
        await bench.clock.advance(30)
        assert bench.metric == 0
        assert bench.events == [
            "Failed to generate checksum during configuration reload",
            CHANGED,
            "Loading configuration file",
            FAILED,
        ]


async def test_a_reload_by_hand_counts_as_seen(bench: Bench) -> None:
    """Config 15.3: the checksum is remembered, and the interval starts again."""
    async with bench.running():
        await bench.clock.advance(20)
        bench.write("5s")
        await bench.reloader.reload()
        bench.write("6s")
        await bench.clock.advance(29)
        assert bench.interval == "5s"
        await bench.clock.advance(1)
        assert (bench.interval, len(bench.applied)) == ("6s", 2)
        await bench.clock.advance(60)
        assert len(bench.applied) == 2
