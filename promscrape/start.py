"""The start of the daemon: logs, the interpreter's settings, the event loop.

The settings come before most of the imports, which make objects that all stay: without that the
garbage collector would go through them again and again in vain.
"""

import asyncio
import gc
import io
import sys
from collections.abc import Callable
from typing import Protocol, TypeAlias

import uvloop
from structlog.typing import FilteringBoundLogger

from promscrape import logs, process_settings
from promscrape.flags import features
from promscrape.flags.flags import Flags


class Runnable(Protocol):
    """What a command line starts: the daemon."""

    async def run(self) -> int:
        """Run until it is told to stop; return the exit code."""


Build: TypeAlias = Callable[[Flags, FilteringBoundLogger], Runnable]
"""Makes the daemon from its flags and the log."""


def start(flags: Flags, build: Build) -> int:
    """Run the daemon that `build` makes; return its exit code."""
    log = _configure_logs(flags)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(build(flags, log).run())
    except Exception:
        # A bug, too, leaves a record in the log's own form instead of a bare traceback.
        log.exception("Fatal error")
        return 1


def build_daemon(flags: Flags, log: FilteringBoundLogger) -> Runnable:
    process_settings.collect_garbage_less_often()
    process_settings.give_large_memory_back()
    process_settings.take_short_turns()
    process_settings.raise_file_limit()
    # Imported late: after the settings, and where a failure is a record of the log.
    from promscrape.daemon import Daemon  # noqa: PLC0415

    # What has been imported stays, and is never looked through again: some 20 ms each time.
    gc.freeze()
    return Daemon(flags, log)


def _configure_logs(flags: Flags) -> FilteringBoundLogger:
    # Logs are UTF-8, as JSON must be, in every locale.
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    log = logs.configure(flags.log_level, flags.log_format, sys.stderr)
    for notice in features.notices(flags.features):
        write = log.warning if notice.warning else log.info
        write(notice.event, option=notice.option)
    return log
