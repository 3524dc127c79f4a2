"""A command run in this process: arguments in; streams and an exit code out."""

import io
from dataclasses import dataclass

from promscrape.command.console import Console
from promscrape.command.run import run


@dataclass(frozen=True, slots=True)
class End:
    """How a command ended, and what it wrote."""

    code: int
    out: str
    err: str


def run_command(*arguments: str) -> End:
    """Run a command of `promscrape` to its end."""
    out, err = io.StringIO(), io.StringIO()
    code = run(arguments, Console(out, err), width=80)
    return End(code, out.getvalue(), err.getvalue())
