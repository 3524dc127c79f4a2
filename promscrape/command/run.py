"""From the arguments to the command that they name, and its exit code."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from promscrape.command.check_config import check_config
from promscrape.command.check_server import check_server
from promscrape.command.check_service_discovery import check_service_discovery
from promscrape.command.check_web_config import check_web_config
from promscrape.command.console import Console
from promscrape.command.print_config import print_config
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

_ACTIONS: Mapping[Command, Callable[[Invocation, Console], int]] = {
    CHECK_CONFIG: check_config,
    CHECK_WEB_CONFIG: check_web_config,
    CHECK_SERVICE_DISCOVERY: check_service_discovery,
    CHECK_HEALTHY: lambda invocation, console: _ask("healthy", invocation, console),
    CHECK_READY: lambda invocation, console: _ask("ready", invocation, console),
    PRINT_CONFIG: print_config,
}


def run(arguments: Sequence[str], console: Console, *, width: int) -> int:
    """Run the command that `arguments` begins with; return its exit code.

    width: of the terminal, for the usage.
    """
    parsed = parse_command(arguments, width=width)
    if isinstance(parsed, Exit):
        console.stdout.write(parsed.stdout)
        console.stderr.write(parsed.stderr)
        return parsed.code
    return _ACTIONS[parsed.command](parsed, console)


def _ask(word: str, invocation: Invocation, console: Console) -> int:
    return asyncio.run(check_server(str(invocation.values["url"]), word, console))
