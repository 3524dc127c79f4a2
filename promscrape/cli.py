"""The command line: from arguments to a command or the daemon, and to the exit code.

Whatever a command or the daemon needs is imported once the arguments have asked for it: `--help`,
`--version` and a mistyped flag answer in half of the time.
"""

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from promscrape.flags.command_line import Exit, parse
from promscrape.flags.invocation import selects_command
from promscrape.version import Version

if TYPE_CHECKING:
    from promscrape.start import Build


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments (without the program's name) say; return the exit code.

    That is one of the commands where the arguments begin with its name, and else the daemon.
    """
    given = sys.argv[1:] if arguments is None else arguments
    return _run_command(given) if selects_command(given) else run(given)


def run(arguments: Sequence[str], build: "Build | None" = None) -> int:
    """Run the daemon, or what `build` makes of the arguments; return the exit code."""
    flags = parse(arguments, version=Version.current().block(), width=_terminal_width())
    if isinstance(flags, Exit):
        sys.stdout.write(flags.stdout)
        sys.stderr.write(flags.stderr)
        return flags.code
    from promscrape.start import build_daemon, start  # noqa: PLC0415 - see above

    return start(flags, build or build_daemon)


def _run_command(arguments: Sequence[str]) -> int:
    from promscrape.command.run import start  # noqa: PLC0415 - see above

    return start(arguments, width=_terminal_width())


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns
