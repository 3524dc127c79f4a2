import asyncio
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import SystemClock
from promscrape.storage.interface import AppendCode
from promscrape.storage.wal.checkpoint import write_checkpoint
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.directory import list_checkpoints, list_segments
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.reader import read_segments
from promscrape.storage.wal.recovery import Recovery
from tests.support.churn_writer import STEADY, series_of, time_of, values_of
from tests.support.guard import guard
from tests.support.wal import Target, bits, logged_samples, metric, no_pace, open_storage
from tests.support.wal_writer import bits_of, labels_of, options_for

KILLS = 20


def write_until_killed(
    directory: Path, first: int, enough: Callable[[int], bool], module: str = "wal_writer"
) -> int:
    """Start a writer, kill it once it has written enough, and return the last scrape it reported.

    `enough` is asked with the number of scrapes that were reported so far.
    """
    writer = subprocess.Popen(
        [sys.executable, "-m", f"tests.support.{module}", str(directory), str(first)],
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    guard(writer.pid)
    assert writer.stdout is not None
    with writer.stdout as reports:
        seen = b""
        while not enough(seen.count(b"\n")) and (read := reports.read(4096)):
            seen += read
        writer.send_signal(signal.SIGKILL)
        while read := reports.read(4096):
            seen += read
    assert writer.wait() == -signal.SIGKILL
    # The last line may be torn as well.
    return int(seen.rpartition(b"\n")[0].rpartition(b"\n")[2])


def scrapes_in(wal: Path) -> Mapping[int, Mapping[str, int]]:
    """Return the bits of each series, by scrape."""
    scrapes: dict[int, dict[str, int]] = defaultdict(dict)
    for series, samples in logged_samples(wal).items():
        for t_ms, value in samples:
            assert series not in scrapes[t_ms], "a sample stands twice"
            scrapes[t_ms][series] = value
    return scrapes


@cache
def expected_of(scrape: int) -> Mapping[str, int]:
    return dict(zip(map(str, labels_of(scrape)), bits_of(scrape), strict=True))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    """S19, storage 2.7: at twenty moments, with rotations, syncs and truncations going on.

    Every scrape that was reported is there, bit for bit, and every scrape that is there is whole.
    """
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    rng, first = random.Random(seed), 1
    for _ in range(KILLS):
        kill_after = rng.randrange(1, 150)
        first = kill_and_check(tmp_path, first, lambda count, most=kill_after: count >= most)  # type: ignore[misc]  # bound early


@pytest.mark.slow
def test_what_was_committed_survives_a_kill_behind_a_truncation(tmp_path: Path) -> None:
    """S19, S29: the checkpoint stands for the segments that are gone."""
    wal = tmp_path / "wal"
    first = kill_and_check(tmp_path, 1, lambda _: wal.exists() and bool(list_checkpoints(wal)))
    kill_and_check(tmp_path, first, lambda count: count >= 50)
    assert list_checkpoints(wal)


def kill_and_check(directory: Path, first: int, enough: Callable[[int], bool]) -> int:
    """Write from scrape `first` on until the kill, look at what is left; return the next scrape."""
    reported = write_until_killed(directory, first, enough)
    metrics = WalMetrics(CollectorRegistry())
    Recovery(options_for(directory), metrics, structlog.get_logger(), no_pace()).run()
    scrapes = scrapes_in(directory / "wal")
    assert set(range(1, reported + 1)) <= set(scrapes)
    for scrape, samples in scrapes.items():
        assert samples == expected_of(scrape), scrape
    return max(scrapes) + 1


KILL_WITHIN_A_CHECKPOINT = """
import os, signal, sys
from pathlib import Path
from promscrape.clock import SystemClock
from promscrape.storage.wal.checkpoint import write_checkpoint
from promscrape.storage.wal.compression import Compression

def records():
    yield from [os.urandom(1 << 20)] * 3
    os.kill(os.getpid(), signal.SIGKILL)

write_checkpoint(
    Path(sys.argv[1]), 3, records(),
    segment_bytes=1 << 20, compression=Compression.SNAPPY, clock=SystemClock(),
)
"""


async def test_a_kill_within_a_checkpoint_leaves_the_old_state(tmp_path: Path) -> None:
    """S29: what was begun is removed at the next checkpoint, and nobody reads it before."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [metric("a")])
        for t_ms in range(1, 10):
            target.scrape([1.0], t_ms)
            storage._parts.writer.rotate()
    wal = tmp_path / "wal"
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILL_WITHIN_A_CHECKPOINT, str(wal)
    )
    assert await killed.wait() == -signal.SIGKILL
    unfinished = wal / "checkpoint.00000003.tmp"
    assert len(list(unfinished.iterdir())) > 1
    async with open_storage(tmp_path) as storage:
        assert storage.statistics().corruptions == 0
        assert storage.statistics().active_series == 1
        await storage.truncate(0)
        assert not unfinished.exists()
        assert list_checkpoints(wal) == [6]
    assert [sample[0] for sample in logged_samples(wal)[str(metric("a"))]] == list(range(1, 10))


async def test_a_kill_between_a_checkpoint_and_the_removals_costs_nothing(tmp_path: Path) -> None:
    """S29, storage 5.4: the checkpoint has its name before the first segment goes."""
    async with open_storage(tmp_path) as storage:
        target = Target(storage, [metric("a")])
        for t_ms in range(1, 7):
            target.scrape([1.0], t_ms)
            storage._parts.writer.rotate()
    wal = tmp_path / "wal"
    write_checkpoint(
        wal,
        3,
        [logged.framed.record for logged in read_segments(wal, range(4))],
        segment_bytes=1 << 20,
        compression=Compression.SNAPPY,
        clock=SystemClock(),
    )
    expected = list(range(1, 7))
    async with open_storage(tmp_path) as storage:
        assert storage.statistics().active_series == 1
        assert [t_ms for t_ms, _ in logged_samples(wal)[str(metric("a"))]] == expected
        await storage.truncate(0)
        assert list_segments(wal).start > 3
    assert [t_ms for t_ms, _ in logged_samples(wal)[str(metric("a"))]] == expected


@pytest.mark.slow
def test_series_that_come_and_go_survive_kills(tmp_path: Path) -> None:
    """S20, S21: forgotten before a kill, forgotten by the replay, and back after both.

    Each sample is there once, and memory does not get back what was forgotten.
    """
    reported: list[int] = []
    first = 1
    for _ in range(6):
        last = write_until_killed(tmp_path, first, lambda count: count >= 70, "churn_writer")
        reported += range(first, last + 1)
        # The kernel may have one scrape more than was reported; a process takes a while to start.
        first = last + 2
    samples = logged_samples(tmp_path / "wal")
    for scrape in reported:
        for labels, value in zip(series_of(scrape), values_of(scrape), strict=True):
            assert samples[str(labels)].count((time_of(scrape), bits(value))) == 1
    last_ms = time_of(reported[-1])
    asyncio.run(assert_little_is_in_memory(tmp_path, last_ms))


async def assert_little_is_in_memory(directory: Path, last_ms: int) -> None:
    async with open_storage(directory) as storage:
        # Of each run one series is left without a marker, as at any end of the daemon.
        assert len(STEADY) < storage.statistics().active_series < len(STEADY) + 6 + 9
        assert storage._metrics.unknown_series_samples.value == 0
        late = Target(storage, STEADY[:1]).scrape([1], last_ms)
        assert late.codes == bytes((AppendCode.OUT_OF_ORDER,))
