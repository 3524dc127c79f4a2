"""Processes that go before all others of the machine, so that what is timed in them is their own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_FIRST, _SECOND = 2, 1


@contextmanager
def first_in_line() -> Iterator[None]:
    """Let this process go before others, where it may; what it starts does not."""
    _set(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, _FIRST)
    try:
        yield
    finally:
        _set(0, os.SCHED_OTHER, 0)


def put_second(pid: int) -> None:
    """Let a process go before all but the first one, where this may say so."""
    _set(pid, os.SCHED_RR, _SECOND)


def _set(pid: int, policy: int, priority: int) -> None:
    with suppress(PermissionError):
        os.sched_setscheduler(pid, policy, os.sched_param(priority))
