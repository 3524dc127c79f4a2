"""The command line: arguments, logs, the event loop, the exit code."""

import asyncio
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import uvloop
from structlog.typing import FilteringBoundLogger

from promscrape import logs
from promscrape.flags import features
from promscrape.flags.command_line import Exit, parse
from promscrape.flags.flags import Flags
from promscrape.flags.invocation import selects_command
from promscrape.version import Version


class Runnable(Protocol):
    """What a command line starts: the daemon."""

    async def run(self) -> int:
        """Run until it is told to stop; return the exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments (without the program's name) say; return the exit code.

    That is one of the commands where the arguments begin with its name, and else the daemon.
    """
    given = sys.argv[1:] if arguments is None else arguments
    return _run_command(given) if selects_command(given) else run(given, _build_daemon)


def run(arguments: Sequence[str], build: Callable[[Flags, FilteringBoundLogger], Runnable]) -> int:
    """Run the daemon that `build` makes of the arguments; return the exit code."""
    flags = parse(arguments, version=Version.current().block(), width=_terminal_width())
    if isinstance(flags, Exit):
        sys.stdout.write(flags.stdout)
        sys.stderr.write(flags.stderr)
        return flags.code
    log = _configure_logs(flags)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(build(flags, log).run())
    except Exception:
        # A bug, too, leaves a record in the log's own form instead of a bare traceback.
        log.exception("Fatal error")
        return 1


def _run_command(arguments: Sequence[str]) -> int:
    # Imported late, as the daemon is.
    from promscrape.command.console import Console  # noqa: PLC0415
    from promscrape.command.run import run as run_command  # noqa: PLC0415

    # What the configuration has to be warned of goes to stderr, in the form of the daemon's log.
    logs.configure(logs.LogLevel.WARN, logs.LogFormat.LOGFMT, sys.stderr)
    return run_command(arguments, Console(sys.stdout, sys.stderr), width=_terminal_width())


def _build_daemon(flags: Flags, log: FilteringBoundLogger) -> Runnable:
    # Imported late: --help, --version and a mistyped flag answer in a third of the time.
    from promscrape.daemon import Daemon  # noqa: PLC0415
    from promscrape.process import (  # noqa: PLC0415
        collect_garbage_less_often,
        give_large_memory_back,
        raise_file_limit,
        take_short_turns,
    )

    collect_garbage_less_often()
    give_large_memory_back()
    take_short_turns()
    raise_file_limit()
    return Daemon(flags, log)


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns


def _configure_logs(flags: Flags) -> FilteringBoundLogger:
    # Logs are UTF-8, as JSON must be, in every locale.
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    log = logs.configure(flags.log_level, flags.log_format, sys.stderr)
    for notice in features.notices(flags.features):
        write = log.warning if notice.warning else log.info
        write(notice.event, option=notice.option)
    return log
