"""`check web-config`: files for `--web.config.file`, with the certificates that they name.

Source: Prometheus cmd/promtool/main.go, CheckWebConfig.
"""

from promscrape.command.console import Console
from promscrape.command.report import placed_report
from promscrape.errors import ConfigError
from promscrape.flags.invocation import Invocation
from promscrape.web.web_config import load_web_config


def check_web_config(invocation: Invocation, console: Console) -> int:
    """Check each file; return 1 if one of them failed."""
    code = 0
    for path in invocation.arguments:
        try:
            load_web_config(path)
        except ConfigError as exc:
            code = 1
            console.complain(f"{path} FAILED: {exc}")
            placed_report(exc, console)
        else:
            console.complain(f"{path} SUCCESS")
    return code
