"""From the arguments to the command that they name, and its exit code."""

import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TypeAlias

from promscrape import logs
from promscrape.command.console import Console
from promscrape.flags.command_line import Exit
from promscrape.flags.commands import (
    CHECK_CONFIG,
    CHECK_HEALTHY,
    CHECK_READY,
    CHECK_SERVICE_DISCOVERY,
    CHECK_WEB_CONFIG,
    PRINT_CONFIG,
    Command,
)
from promscrape.flags.invocation import Invocation, parse_command
from promscrape.log_options import LogFormat, LogLevel
from promscrape.process_settings import collect_garbage_less_often

Action: TypeAlias = Callable[[Invocation, Console], int]

# By module and function: one runs and the process ends, and `check config`, which runs before each
# commit, would wait as long again for the HTTP client and the discovery of the others.
_ACTIONS: Mapping[Command, tuple[str, str]] = {
    CHECK_CONFIG: ("check_config", "check_config"),
    CHECK_WEB_CONFIG: ("check_web_config", "check_web_config"),
    CHECK_SERVICE_DISCOVERY: ("check_service_discovery", "check_service_discovery"),
    CHECK_HEALTHY: ("check_server", "check_healthy"),
    CHECK_READY: ("check_server", "check_ready"),
    PRINT_CONFIG: ("print_config", "print_config"),
}


def start(arguments: Sequence[str], *, width: int) -> int:
    """Run a command on the streams of the process; return its exit code."""
    collect_garbage_less_often()  # Before the command is imported: all of that stays.
    # What the configuration has to be warned of goes to stderr, in the form of the daemon's log.
    logs.configure(LogLevel.WARN, LogFormat.LOGFMT, sys.stderr)
    code = run(arguments, Console(sys.stdout, sys.stderr), width=width)
    gc.freeze()  # The process ends: its memory need not be looked through once more.
    return code


def run(arguments: Sequence[str], console: Console, *, width: int) -> int:
    """Run the command that `arguments` begins with; return its exit code.

    width: of the terminal, for the usage.
    """
    parsed = parse_command(arguments, width=width)
    if isinstance(parsed, Exit):
        console.stdout.write(parsed.stdout)
        console.stderr.write(parsed.stderr)
        return parsed.code
    return action_of(parsed.command)(parsed, console)


def action_of(command: Command) -> Action:
    """Import and return what does a command."""
    module, function = _ACTIONS[command]
    action: Action = getattr(import_module(f"promscrape.command.{module}"), function)
    return action
