"""Every command: what runs, prints and ends, in the daemon's place.

    promscrape command [flags] argument ...

Those that begin with `check` are promtool's, with its flags, texts and exit codes.
Source: Prometheus cmd/promtool/main.go.
"""

import msgspec

from promscrape.flags import kind as kinds
from promscrape.flags.table import HELP, Flag


class Command(msgspec.Struct, frozen=True):
    """One command.

    name: the words that select it.
    argument: what its arguments, which name files, are called; "" where it takes none.
    many: it takes any number of them, but not none; otherwise exactly one.
    word: what an argument after them, which names no file, is called; "" where it takes none.
    """

    name: str
    help: str
    flags: tuple[Flag, ...] = (HELP,)
    argument: str = ""
    many: bool = False
    word: str = ""


_URL = Flag(
    "url",
    default="http://localhost:9090",
    help="Where the daemon is reached, with its route prefix.",
)

CHECK_CONFIG = Command(
    "check config",
    "Check configuration files, and the files that they name, without starting anything.",
    (
        HELP,
        Flag(
            "syntax-only",
            kinds.BOOLEAN,
            default="false",
            help="Leave alone the files that the configuration names.",
        ),
        Flag(
            "lint",
            default="duplicate-rules",
            help="Lint checks to apply, separated by commas. "
            "One of: [all, duplicate-rules, none, too-long-scrape-interval]",
        ),
        Flag(
            "lint-fatal",
            kinds.BOOLEAN,
            default="false",
            help="Let what lint checks find make the exit code 3.",
        ),
        Flag(
            "query.lookback-delta",
            kinds.DURATION,
            default="5m",
            help="The lookback of the server that the samples go to, "
            "which too-long-scrape-interval compares with.",
        ),
        Flag(
            "agent",
            kinds.BOOLEAN,
            default="true",
            help="Accepted: promscrape is always an agent.",
        ),
    ),
    argument="config-files",
    many=True,
)
CHECK_WEB_CONFIG = Command(
    "check web-config",
    "Check files for --web.config.file, and the certificates that they name.",
    argument="web-config-files",
    many=True,
)
CHECK_SERVICE_DISCOVERY = Command(
    "check service-discovery",
    "Let the service discovery of a job run, and print the targets that it finds, with their "
    "labels before and after relabeling.",
    (
        HELP,
        Flag(
            "timeout",
            kinds.DURATION,
            default="30s",
            help="How long to wait for targets.",
        ),
        Flag(
            "enable-feature",
            help="Names of features to enable, separated by commas; exec-sd is the one that matters.",
            repeatable=True,
        ),
    ),
    argument="config-file",
    word="job",
)
CHECK_HEALTHY = Command(
    "check healthy", "Ask a running daemon, or a Prometheus, if it is healthy.", (HELP, _URL)
)
CHECK_READY = Command(
    "check ready", "Ask a running daemon, or a Prometheus, if it is ready.", (HELP, _URL)
)
PRINT_CONFIG = Command(
    "print-config",
    "Print the configuration that takes effect: defaults and inheritance filled in, "
    "secrets masked.",
    argument="config-file",
)

COMMANDS = (
    CHECK_CONFIG,
    CHECK_WEB_CONFIG,
    CHECK_SERVICE_DISCOVERY,
    CHECK_HEALTHY,
    CHECK_READY,
    PRINT_CONFIG,
)
"""All commands, in the order of the usage."""
