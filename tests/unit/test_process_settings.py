"""How the interpreter and the system treat the process."""

import platform
import resource
import subprocess
import sys

import pytest

from promscrape.process_settings import give_large_memory_back, take_short_turns

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


_RAISING = """
import asyncio, resource, sys, uvloop
from promscrape.process_settings import raise_file_limit

most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
raise_file_limit()
own = resource.getrlimit(resource.RLIMIT_NOFILE)

async def limits_of_child():
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "ulimit -Sn; ulimit -Hn", stdout=asyncio.subprocess.PIPE
    )
    return (await child.communicate())[0].split()

with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    print(most, *own, *map(bytes.decode, runner.run(limits_of_child())))
"""


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    """Service 10: as with Go's programs, whatever the shell says; `process_max_fds` shows it.

    What the process starts has the limits that it had itself.
    """
    run = subprocess.run(
        [sys.executable, "-c", _RAISING], capture_output=True, text=True, check=True
    )
    most, *own, soft_of_child, most_of_child = run.stdout.split()
    assert own == [most, most]
    assert most_of_child == ("unlimited" if int(most) == resource.RLIM_INFINITY else most)
    if sys.platform == "linux":  # Elsewhere uvloop does not fork.
        assert soft_of_child == "200"
