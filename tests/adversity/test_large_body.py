"""A target of very many series: no other target waits for it, and it costs no memory twice."""

import asyncio
import gzip
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar, final

import pytest
import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import SystemClock
from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import FetchError
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.client import Response
from promscrape.scrape.loop import ScrapeLoop
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.unpack import gunzip
from promscrape.twins import COMPILED
from tests.support.scraping import CannedClient, OneTarget, make_target
from tests.support.wal import open_storage

T = TypeVar("T")

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.one_loop]

# The plain twins need several times as long.
SERIES = 1_000_000 if COMPILED else 150_000
LONGEST_TURN_S = 0.05
MOST_LATE_S = 0.05
ATTEMPTS = 3
_BETWEEN_WAKES_S = 0.002
_SERIES = 'requests_total{{pod="deployment-{0:08d}-abcde",path="/api/v1/thing",code="200"}}'


def body_of(series: range, factor: int) -> bytes:
    lines = [f"{_SERIES.format(at)} {at * factor}.5\n" for at in series]
    return gzip.compress("".join(lines).encode(), 1)


@final
class Turns:
    """The longest that the event loop's own thread worked on between two turns of a bystander.

    Counted in time on the processor, so that other processes do not count.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            before_s = time.thread_time()
            await asyncio.sleep(0)
            self.longest_s = max(self.longest_s, time.thread_time() - before_s)
            await asyncio.sleep(0.001)


@final
class Wakes:
    """The longest that a bystander's timer was late, whoever was to blame: see `most_late_s`."""

    def __init__(self) -> None:
        self.longest_s = 0.0

    async def watch(self) -> None:
        while True:
            due_s = time.monotonic() + _BETWEEN_WAKES_S
            await asyncio.sleep(_BETWEEN_WAKES_S)
            self.longest_s = max(self.longest_s, time.monotonic() - due_s)


@final
class Large:
    """One target whose packed bodies are scraped into a real log."""

    def __init__(self, options: ScrapeOptions) -> None:
        self.client = CannedClient()
        self.client.unpack = lambda response: gunzip(response.body, 1 << 30)  # type: ignore[method-assign]
        job = OneTarget(ScrapeConfig(job_name="j"))
        self.target = make_target()
        self.loop = ScrapeLoop(
            self.target,
            job,
            self.client,
            SeriesCache(labels=options.storage.labels),
            options,
            0,
            structlog.get_logger(),
        )

    async def scrape(
        self, body: bytes | None, t_ms: int, bystander: Turns | Wakes | None = None
    ) -> float:
        """Scrape once; return the longest turn meanwhile, or wait for a wake.

        body: packed; None for a target that is down.
        """
        answer = FetchError("down") if body is None else Response(body, "text/plain", "gzip")
        self.client.answers.append(answer)
        bystander = bystander or Turns()
        watching = asyncio.create_task(bystander.watch())
        await self.loop.scrape(t_ms)
        watching.cancel()
        return bystander.longest_s

    @property
    def samples(self) -> int:
        report = self.target.report
        assert report is not None
        assert report.error == ""
        return report.samples


@asynccontextmanager
async def large(directory: Path) -> AsyncIterator[Large]:
    with ThreadPoolExecutor(2) as threads:

        async def in_thread(work: Callable[[], T]) -> T:
            return await asyncio.get_running_loop().run_in_executor(threads, work)

        async with open_storage(directory, segment_bytes=128 << 20) as storage:
            yield Large(
                ScrapeOptions(
                    storage=storage,
                    clock=SystemClock(),
                    metrics=ScrapeMetrics(CollectorRegistry()),
                    run_in_thread=in_thread,
                    user_agent="promscrape/test",
                    ceiling_bytes=1 << 30,
                )
            )


@pytest.mark.timeout(300)
async def test_no_other_target_waits_for_a_large_one(tmp_path: Path) -> None:
    """L4, L5: cold, warm, with half of the series gone, and with the others back."""
    whole, half = range(SERIES), range(SERIES // 2)
    # Made before: to pack them would be what the others wait for.
    bodies = [body_of(series, 7) for series in (whole, whole, whole, half, whole)]
    async with large(tmp_path) as target:
        longest = []
        for number, body in enumerate(bodies):
            longest.append(await target.scrape(body, 1_700_000_000_000 + number * 15_000))
            assert target.samples == (SERIES // 2 if number == 3 else SERIES)
    assert max(longest) < LONGEST_TURN_S, longest


# In a process of its own, set up as the daemon's is.
_WAKING = """
import asyncio, sys
from pathlib import Path
import uvloop
from promscrape import process_settings
from tests.adversity.test_large_body import most_late_s

process_settings.collect_garbage_less_often()
process_settings.give_large_memory_back({})
process_settings.take_short_turns()
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    print(*runner.run(most_late_s(Path(sys.argv[1]))))
"""


async def most_late_s(directory: Path) -> list[float]:
    """Return how late the latest wake was beside each scrape."""
    whole, half = body_of(range(SERIES), 7), body_of(range(SERIES // 2), 7)
    others = body_of(range(SERIES, SERIES + SERIES // 2), 7)
    late_s = []
    async with large(directory) as target:
        for number, body in enumerate((whole, whole, half, others, whole, None)):
            t_ms = 1_700_000_000_000 + number * 15_000
            late_s.append(await target.scrape(body, t_ms, Wakes()))
            assert body is None or target.samples
    return late_s


@pytest.mark.timeout(600)
@pytest.mark.skipif(not COMPILED, reason="the plain twins work on whole sets and dicts of texts")
async def test_no_timer_is_late_beside_a_large_target(tmp_path: Path) -> None:
    """L4: cold, warm, with half of the series gone, with others in place of them, and down.

    A thread that keeps the interpreter's lock does so each time, while a busy machine does not hold
    up the same process three times in a row: one good run of three says that nobody kept it.
    """
    runs = []
    for attempt in range(ATTEMPTS):
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _WAKING, str(tmp_path / str(attempt))),
            stdout=asyncio.subprocess.PIPE,
        )
        written, _ = await run.communicate()
        assert run.returncode == 0
        runs.append([float(late_s) for late_s in written.splitlines()[-1].split()])
        if max(runs[-1]) < MOST_LATE_S:
            return
    raise AssertionError(runs)


# In a process of its own, with malloc as in the daemon's: what other tests have freed lies in wait
# for the arrays here, and what is scattered among it stays.
_MEASURING = """
import asyncio, sys
from pathlib import Path
from promscrape.process_settings import give_large_memory_back
from tests.adversity.test_large_body import bodies_taken

give_large_memory_back({})
print(*asyncio.run(bodies_taken(Path(sys.argv[1]))))
"""


async def bodies_taken(directory: Path) -> tuple[float, float]:
    """Return the most memory that a first and a third scrape took, in sizes of the body."""
    packed = body_of(range(SERIES), 7)
    size = len(gunzip(packed, 1 << 30))
    taken = []
    async with large(directory) as target:
        for number in range(3):
            _reset_peak()
            before = _resident_bytes("VmRSS")
            await target.scrape(packed, 1_700_000_000_000 + number * 15_000)
            assert target.samples == SERIES
            taken.append((_resident_bytes("VmHWM") - before) / size)
    return taken[0], taken[2]


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _resident_bytes(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"no {name} in /proc/self/status")


@pytest.mark.timeout(300)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux says the peak")
async def test_a_scrape_needs_less_memory_than_three_bodies(tmp_path: Path) -> None:
    """At their first sight, with all that is remembered of the series; later, beyond that."""
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _MEASURING, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    written, _ = await run.communicate()
    assert run.returncode == 0
    first, later = map(float, written.split()[-2:])
    # The plain twins keep an object a series.
    assert first < (3.0 if COMPILED else 20.0)
    assert later < 1.5
