"""From the program's arguments to the command that they select, or to what ends it at once.

The texts and the exit code are promtool's. Source: alecthomas/kingpin 2.4 app.go, cmd.go.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from promscrape.flags.command_line import Exit, values_of
from promscrape.flags.commands import COMMANDS, Command
from promscrape.flags.flags import default_of
from promscrape.flags.kind import Value
from promscrape.flags.parser import Arguments, read_arguments
from promscrape.flags.table import HELP
from promscrape.flags.usage import command_usage
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.version import PROGRAM

_GROUPS = frozenset(command.name.partition(" ")[0] for command in COMMANDS)


class Invocation(msgspec.Struct, frozen=True):
    """A command, the values of its flags by their names, and its arguments."""

    command: Command
    values: Mapping[str, Value]
    arguments: tuple[str, ...]


def selects_command(arguments: Sequence[str]) -> bool:
    """Whether the program's arguments begin with a command; otherwise they are the daemon's."""
    return bool(arguments) and arguments[0] in _GROUPS


def parse_command(arguments: Sequence[str], *, width: int) -> Invocation | Exit:
    """Return the command that the arguments select, or how to end.

    width: of the terminal, for the usage.
    """
    first, *rest = arguments
    group = [command for command in COMMANDS if command.name.partition(" ")[0] == first]
    if group[0].name == first:
        return _parse(group[0], rest, width)
    for command in group:
        if rest and command.name == f"{first} {rest[0]}":
            return _parse(command, rest[1:], width)
    read = read_arguments(rest, [HELP], most_positional=None)
    if [match.flag for match in read.matches] == [HELP]:
        return Exit(0, stdout="\n".join(command_usage(command, width) for command in group))
    if read.error is not None:
        return _refused(read.error)
    if read.positional:
        return _refused(f"expected command but got {quote(read.positional[0])}")
    return _refused(f"must select a subcommand of '{first}'")


def _parse(command: Command, arguments: Sequence[str], width: int) -> Invocation | Exit:
    most = None if command.many else bool(command.argument) + bool(command.word)
    read = read_arguments(arguments, command.flags, most_positional=most)
    if read.error is not None:
        return _refused(read.error)
    if any(match.flag is HELP for match in read.matches):
        return Exit(0, stdout=command_usage(command, width))
    try:
        given = values_of(read.matches)
    except InvalidValue as exc:
        return _refused(str(exc))
    refused = _check_arguments(command, read)
    if refused is not None:
        return _refused(refused)
    values = {flag.name: given.get(flag.name, default_of(flag)) for flag in command.flags}
    return Invocation(command, values, read.positional)


def _check_arguments(command: Command, read: Arguments) -> str | None:
    """Return what is wrong with the names of files, None if nothing is."""
    if command.argument and not read.positional:
        return f"required argument '{command.argument}' not provided"
    files = read.positional[:1] if command.word else read.positional
    for name in files:
        path = Path(name)
        if not path.exists():
            return f"path '{name}' does not exist"
        if path.is_dir():
            return f"'{name}' is a directory"
    if command.word and len(read.positional) == len(files):
        return f"required argument '{command.word}' not provided"
    return None


def _refused(error: str) -> Exit:
    return Exit(1, stderr=f"{PROGRAM}: error: {error}, try --help\n")
