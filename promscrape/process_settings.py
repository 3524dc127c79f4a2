"""How the interpreter and the system treat the process: set before the daemon is imported."""

import contextlib
import ctypes
import functools
import gc
import os
import resource
import sys
from collections.abc import Mapping

_OBJECTS_BETWEEN_COLLECTIONS = 10_000

_TURN_S = 0.0005

# The numbers of glibc's options, and what they are set to.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MALLOC_OPTIONS = ((_M_MMAP_THRESHOLD, 2 << 20), (_M_TRIM_THRESHOLD, 4 << 20), (_M_ARENA_MAX, 1))


def collect_garbage_less_often() -> None:
    """Let the search for reference cycles start after thousands of new objects, not hundreds.

    Loading thousands of targets makes objects that all stay: with Python's default half of the
    time would go into looking through them in vain.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def take_short_turns() -> None:
    """Let the event loop's thread wait half a millisecond for a worker thread, not five.

    A scrape wakes the event loop several times. With Python's default each of these wakes waits
    five milliseconds while a thread works on a very large body: with a hundred targets a second
    they come faster than that, and add up.
    """
    sys.setswitchinterval(_TURN_S)


def raise_file_limit() -> None:
    """Let the process open as many files as the system lets it have at most.

    Each target has a connection that stays open. Prometheus's users never set the limit that
    mostly stands at 1024: the runtime of Go raises it at every start. What is started later has the
    limit that was set, as Go's children do: there are programs that close every file they may have,
    or wait with `select`.
    """
    given = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = given[1]
    # On Linux uvloop starts a program by a fork in which such hooks run, those of threading and
    # logging among them. Once the program runs it is too late: a shell has soon started others.
    restore = functools.partial(resource.setrlimit, resource.RLIMIT_NOFILE, given)
    # There are systems that have no number for "as many as you like".
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        os.register_at_fork(after_in_child=restore)


def give_large_memory_back(environ: Mapping[str, str] = os.environ) -> bool:
    """Let what is over 2 MiB be given back to the system at once; return whether that took effect.

    The columns of a million series grow by being moved. By its defaults glibc moves those below
    32 MiB within memory that it shares out in small pieces too, and a part that nobody uses stays
    between them: a quarter of the process. It also keeps such memory for each thread, of which only
    one works on series at a time. Whoever sets glibc's own variables (`MALLOC_...`) is left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or any(name.startswith("MALLOC_") for name in environ):
        return False
    return all(mallopt(option, value) == 1 for option, value in _MALLOC_OPTIONS)
