"""How the interpreter and the system treat the process."""

import platform
import resource
import subprocess
import sys

import pytest

from promscrape.process_settings import (
    give_large_memory_back,
    raise_file_limit,
    take_short_turns,
)

_ALLOCATING = """
from pathlib import Path
from promscrape.process_settings import give_large_memory_back

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
