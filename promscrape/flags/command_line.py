"""From the program's arguments to its flags, or to what ends it at once.

The order of the checks, their texts, where these go and the exit codes are Prometheus's.
Source: Prometheus cmd/prometheus/main.go, main; alecthomas/kingpin 2.4 app.go, Parse.
"""

from collections.abc import Sequence

import msgspec

from promscrape.flags import features
from promscrape.flags.flags import Flags, build
from promscrape.flags.kind import Value
from promscrape.flags.parser import Arguments, Match, read_arguments
from promscrape.flags.table import HELP, VERSION
from promscrape.flags.usage import usage
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.size import Size
from promscrape.version import PROGRAM

_SEGMENT_SIZES = (Size.parse("10MB"), Size.parse("256MB"))


class Exit(msgspec.Struct, frozen=True):
    """What to print, and the code to end with."""

    code: int
    stdout: str = ""
    stderr: str = ""


def parse(arguments: Sequence[str], *, version: str, width: int) -> Flags | Exit:
    """Return the flags, all of them valid, or how to end.

    version: the text that `--version` prints. width: of the terminal, for the usage.
    """
    read = read_arguments(arguments)
    given = [match.flag for match in read.matches]
    # As in the reference --version wins over any error behind it, --help over bad values only.
    if VERSION in given:
        return Exit(0, stdout=f"{version}\n")
    if read.error is not None:
        return _syntax_error(read.error)
    if HELP in given:
        return Exit(0, stdout=usage(width))
    try:
        flags = build(values_of(read.matches))
    except InvalidValue as exc:
        return Exit(2, stdout=usage(width), stderr=_parsing_failed(str(exc)))
    return _check_mode(read, flags) or _check_values(flags) or flags


def _syntax_error(error: str) -> Exit:
    return Exit(1, stderr=f"{_parsing_failed(error)}{PROGRAM}: error: {error}\n")


def _parsing_failed(error: str) -> str:
    return f"Error parsing command line arguments: {error}\n"


def values_of(matches: Sequence[Match]) -> dict[str, Value]:
    """Return the values of the flags that were given, by their names. Raises InvalidValue."""
    values: dict[str, Value] = {}
    for match in matches:
        flag, earlier = match.flag, values.get(match.flag.name)
        if flag.repeatable:
            values[flag.name] = (*(earlier if isinstance(earlier, tuple) else ()), match.text)
        elif earlier is not None:
            raise InvalidValue(f"flag '{flag.name}' cannot be repeated")
        else:
            values[flag.name] = flag.kind.parse(match.text)
    return values


def _check_mode(read: Arguments, flags: Flags) -> Exit | None:
    conflict = features.conflict(flags.features)
    if conflict:
        return Exit(1, stderr=f"Error parsing feature list: {conflict}\n")
    refused = [f"--{match.flag.name}" for match in read.matches if match.flag.server_only]
    if not flags.agent:
        refused.append("--no-agent")
    if refused:
        listed = " ".join(quote(name) for name in refused)
        return Exit(3, stderr=f"The following flag(s) can not be used in agent mode: [{listed}]")
    return None


def _check_values(flags: Flags) -> Exit | None:
    if flags.storage_agent_checkpoint_batch_size <= 0:
        return Exit(1, stderr="--storage.agent.checkpoint-batch-size must be greater than 0.\n")
    if not 0 < flags.auto_gomemlimit_ratio <= 1:
        return Exit(
            1,
            stderr="--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1.",
        )
    smallest, largest = _SEGMENT_SIZES
    segment_size = flags.storage_agent_wal_segment_size
    if segment_size and not smallest <= segment_size <= largest:
        return Exit(
            1,
            stderr="flag 'storage.agent.wal-segment-size' must be set between 10MB and 256MB\n",
        )
    if flags.web_max_connections <= 0:
        return Exit(1, stderr="--web.max-connections must be greater than 0.\n")
    return _check_web(flags)


def _check_web(flags: Flags) -> Exit | None:
    try:
        flags.external_url()
    except InvalidValue as exc:
        return Exit(2, stderr=f"parse external URL {quote(flags.web_external_url)}: {exc}\n")
    try:
        flags.cors_origin()
    except InvalidValue as exc:
        origin = quote(flags.web_cors_origin)
        return Exit(2, stderr=f"could not compile CORS regex string {origin}: {exc}\n")
    return None
