"""What the process says of itself."""

import asyncio
import platform
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from promscrape.process import (
    LimitsCollector,
    NetworkCollector,
    ProcessMetrics,
    give_large_memory_back,
    keep_heap_trimmed,
    raise_file_limit,
    take_short_turns,
    task_count,
)
from promscrape.runtime import Limits, Source
from promscrape.twins import COMPILED
from promscrape.version import Version
from tests.support.clock import ManualClock

LIMITS = Limits(3, 1 << 30, Source.CGROUP_V2, Source.CGROUP_V2)


def test_the_build_is_told_in_prometheus_s_way_and_in_our_own() -> None:
    """Service 10: `goversion` carries Python's version; `core` the twin that runs."""
    registry = CollectorRegistry()
    ProcessMetrics(registry)
    families = {family.name: family for family in registry.collect()}
    (theirs,) = families["prometheus_build_info"].samples
    (ours,) = families["promscrape_build_info"].samples
    version = Version.current()
    assert theirs.labels["version"] == ours.labels["version"] == version.version
    assert theirs.labels["goversion"] == version.go_version
    assert ours.labels["core"] == ("cython" if COMPILED else "python")


def test_the_limits_are_read_when_they_are_collected() -> None:
    """Service 10, 11: agreed stand-ins for Go's numbers; no memory limit is infinite."""
    registry = CollectorRegistry()
    limits = [LIMITS]
    LimitsCollector(lambda: limits[-1], registry)
    assert registry.get_sample_value("go_sched_gomaxprocs_threads") == 3
    assert registry.get_sample_value("go_gc_gomemlimit_bytes") == 1 << 30
    limits.append(replace(LIMITS, memory_bytes=None))
    assert registry.get_sample_value("go_gc_gomemlimit_bytes") == float("inf")


_ALLOCATING = """
from pathlib import Path
from promscrape.process import give_large_memory_back

def heap_bytes():
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("[heap]"):
            begin, end = line.split()[0].split("-")
            return int(end, 16) - int(begin, 16)

assert give_large_memory_back({})
# By default glibc would take from now on what is as large as this from the heap.
large = bytearray(30 << 20)
del large
before = heap_bytes()
columns = [bytearray(3 << 20) for _ in range(10)]
print(heap_bytes() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has such options")
def test_large_memory_comes_from_the_system_and_goes_back() -> None:
    """Not from the heap, where what lies behind it would keep it."""
    run = subprocess.run(
        [sys.executable, "-c", _ALLOCATING], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 3 << 20


def test_whoever_sets_up_glibc_is_left_alone() -> None:
    """Its variables are for people who know better."""
    assert not give_large_memory_back({"MALLOC_ARENA_MAX": "4"})


_FRAGMENTED = """
from pathlib import Path
from promscrape.process import give_large_memory_back, trim_heap

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

assert give_large_memory_back({})
pieces = [bytearray(300_000) for _ in range(200)]
del pieces[::2]
before = resident_bytes()
assert trim_heap()
print(before - resident_bytes())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can do that")
def test_free_memory_between_what_is_in_use_goes_back_to_the_system() -> None:
    """Not only what lies at the end of the heap."""
    run = subprocess.run(
        [sys.executable, "-c", _FRAGMENTED], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) > 20 << 20


async def test_the_heap_is_trimmed_again_and_again() -> None:
    """Bodies leave room behind all the time."""
    clock, moments_s = ManualClock(), list[float]()

    def trim() -> bool:
        moments_s.append(clock.monotonic_s())
        return True

    trimming = asyncio.create_task(keep_heap_trimmed(clock, trim))
    await clock.advance(95)
    trimming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trimming
    assert moments_s == [0, 30, 60, 90]


async def test_where_nothing_can_be_trimmed_nobody_tries_again() -> None:
    """On musl and on macOS."""
    await keep_heap_trimmed(ManualClock(), lambda: False)


def test_the_event_loop_waits_for_no_long_turn_of_a_thread() -> None:
    """L4: a scrape waits for a thread at each of its wakes."""
    before_s = sys.getswitchinterval()
    try:
        take_short_turns()
        assert sys.getswitchinterval() <= 0.001
    finally:
        sys.setswitchinterval(before_s)


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    """Service 10: as with Go's programs, whatever the shell says; `process_max_fds` shows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_tasks_stand_for_goroutines() -> None:
    """Service 10: the running loop's."""
    assert task_count() >= 1


def test_outside_of_a_loop_there_are_no_tasks() -> None:
    """A registry may be collected anywhere."""
    assert task_count() == 0


def test_network_bytes_are_the_kernel_s(tmp_path: Path) -> None:
    """Service 10: process_network_*."""
    netstat = tmp_path / "netstat"
    netstat.write_text(
        "TcpExt: SyncookiesSent\nTcpExt: 0\nIpExt: InNoRoutes InOctets OutOctets\nIpExt: 0 11 22\n"
    )
    registry = CollectorRegistry()
    NetworkCollector(registry, netstat)
    assert registry.get_sample_value("process_network_receive_bytes_total") == 11
    assert registry.get_sample_value("process_network_transmit_bytes_total") == 22


def test_a_system_that_does_not_count_says_nothing(tmp_path: Path) -> None:
    """MacOS has no such file."""
    registry = CollectorRegistry()
    NetworkCollector(registry, tmp_path / "none")
    assert registry.get_sample_value("process_network_receive_bytes_total") is None
