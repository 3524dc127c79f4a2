"""Ends what tests have started where the run itself cannot: because it was killed, or gave up.

    process = subprocess.Popen(argv)
    guard(process.pid)

The first call starts a watcher that outlives the run. It reads a pipe whose other end only the run
holds, and ends what it was told of when that end closes, however it came to that. It needs /proc,
which tells a process from a later one of the same number; where there is none, it ends nothing.
"""

import atexit
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_START_TIME = 19  # the field of /proc/<pid>/stat, counted from the one behind the name


def guard(pid: int) -> None:
    """Have a process, with its group if it leads one, ended when this process ends."""
    pipe = _watcher().stdin
    assert pipe is not None
    # The run goes on even if somebody killed the watcher.
    with suppress(BrokenPipeError):
        pipe.write(f"{pid} {_start_time(pid)}\n".encode())


@cache
def _watcher() -> "subprocess.Popen[bytes]":
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        start_new_session=True,  # Ctrl+C is for the run
    )
    atexit.register(watcher.communicate)
    return watcher


def _start_time(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; "" where there is none to be seen."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # A name may hold anything, a parenthesis and blanks included.
    return stat.rpartition(")")[2].split()[_START_TIME]


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def _watch() -> None:
    watched = [line.split() for line in sys.stdin]  # until the run has ended
    for pid, *start_time in watched:
        if start_time and start_time == [_start_time(int(pid))]:
            _end(int(pid))


if __name__ == "__main__":
    _watch()
