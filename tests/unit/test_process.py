"""What the process says of itself."""

import asyncio
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from promscrape.process import (
    LimitsCollector,
    NetworkCollector,
    ProcessMetrics,
    keep_heap_trimmed,
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
    limits.append(msgspec.structs.replace(LIMITS, memory_bytes=None))
    assert registry.get_sample_value("go_gc_gomemlimit_bytes") == float("inf")


_FRAGMENTED = """
from pathlib import Path
from promscrape.process import trim_heap
from promscrape.process_settings import give_large_memory_back

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
