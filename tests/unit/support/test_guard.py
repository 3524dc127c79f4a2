"""What becomes of processes whose run has ended without ending them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.peers import eventually

ROOT = Path(__file__).parents[3]
RUN = """\
import subprocess, sys
from tests.support.guard import guard

ended = subprocess.Popen(["true"])
guard(ended.pid)
ended.wait()
left = subprocess.Popen(["sleep", "600"], start_new_session={session})
guard(left.pid)
print(left.pid, flush=True)
sys.stdin.read()
left.returncode = 0  # what was not waited for would be a warning
"""


def is_running(pid: int) -> bool:
    """Whether a process is there that is not a corpse."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the guard needs /proc")
@pytest.mark.parametrize("session", [True, False])
@pytest.mark.parametrize("is_killed", [True, False])
def test_nothing_outlives_the_run_that_started_it(*, session: bool, is_killed: bool) -> None:
    """A run that is interrupted for good must not leave daemons that scrape on."""
    code = RUN.format(session=session)
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert run.stdin is not None
    assert run.stdout is not None
    with run.stdin, run.stdout:
        pid = int(run.stdout.readline())
        try:
            assert is_running(pid)
            if is_killed:
                run.send_signal(signal.SIGKILL)
            else:
                run.stdin.close()
            assert run.wait(30) == (-signal.SIGKILL if is_killed else 0)
            eventually(lambda: not is_running(pid), what="the end of what was left")
        finally:
            if is_running(pid):
                os.kill(pid, signal.SIGKILL)
