"""What follows Prometheus's text of an error: all that is wrong, with places, for people."""

from promscrape.command.console import Console
from promscrape.errors import ConfigError


def placed_report(error: ConfigError, console: Console) -> None:
    """Write each problem with its line, a caret and a hint; nothing where no problem has a line."""
    if any(problem.line for problem in error.problems):
        console.complain(error.report())
