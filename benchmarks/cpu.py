"""CPU time: of this process, of programs that have ended, and of programs that run."""

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(slots=True)
class Spent:
    """CPU seconds, user and system; filled in when what is measured is over."""

    cpu_s: float = 0.0


@contextmanager
def measured() -> Iterator[Spent]:
    """Measure what this process spends, all its threads included."""
    spent, before_s = Spent(), _usage_s(resource.RUSAGE_SELF)
    yield spent
    spent.cpu_s = _usage_s(resource.RUSAGE_SELF) - before_s


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Return the least CPU seconds of several runs; what comes on top is the machine's."""
    return min(_once(work) for _ in range(repeats))


def _once(work: Callable[[], object]) -> float:
    with measured() as spent:
        work()
    return spent.cpu_s


def of_program(argv: Sequence[str]) -> float:
    """Return the CPU seconds of a program from its start to its end; it must succeed."""
    before_s = _usage_s(resource.RUSAGE_CHILDREN)
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return _usage_s(resource.RUSAGE_CHILDREN) - before_s


def of_running(pid: int) -> float:
    """Return the CPU seconds of a running program since its start."""
    # The name in parentheses may hold blanks; what follows it are numbers (proc(5), stat).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def spent_on(pid: int, work: Callable[[], object], *, settle_s: float) -> float:
    """Return what a program spends on `work`, and in a while after it, beyond its idling."""
    before_s = of_running(pid)
    time.sleep(settle_s)
    idle_s = of_running(pid) - before_s
    before_s = of_running(pid)
    work()
    time.sleep(settle_s)
    return max(of_running(pid) - before_s - idle_s, 0.0)


def _usage_s(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime
