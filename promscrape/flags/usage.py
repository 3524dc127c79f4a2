"""The texts of `--help`: the flags in two columns, as kingpin lays them out."""

import textwrap
from collections.abc import Sequence

from promscrape.flags import kind as kinds
from promscrape.flags.commands import COMMANDS, Command
from promscrape.flags.table import TABLE, Flag
from promscrape.model.quoting import quote
from promscrape.version import PROGRAM

_DESCRIPTION = (
    "A Prometheus-compatible scraper: discovers targets, scrapes them, keeps the samples."
)
_INDENT = 2
_WIDEST_NAME = 29  # a longer name gets a line of its own
_NARROWEST_HELP = 20


def usage(width: int) -> str:
    """Return the usage of the daemon for a terminal of `width` columns, and name the commands."""
    lines = [f"usage: {PROGRAM} [<flags>]", "", _DESCRIPTION, "", "Flags:", *_flags(TABLE, width)]
    lines += ["", "Commands, in place of the flags; each has a --help:"]
    for command in COMMANDS:
        lines += [f"{' ' * _INDENT}{_synopsis(command)}", *_wrapped(command.help, width, 2)]
    return "\n".join([*lines, ""])


def command_usage(command: Command, width: int) -> str:
    """Return the usage of a command for a terminal of `width` columns."""
    lines = [f"usage: {PROGRAM} {_synopsis(command)}", "", *_wrapped(command.help, width, 0)]
    return "\n".join([*lines, "", "Flags:", *_flags(command.flags, width), ""])


def _synopsis(command: Command) -> str:
    argument = f" <{command.argument}>" if command.argument else ""
    word = f" <{command.word}>" if command.word else ""
    return f"{command.name} [<flags>]{argument}{'...' if command.many else ''}{word}"


def _wrapped(text: str, width: int, level: int) -> list[str]:
    indent = " " * (_INDENT * level)
    lines = textwrap.wrap(text, max(width - len(indent), _NARROWEST_HELP), break_on_hyphens=False)
    return [f"{indent}{line}" for line in lines]


def _flags(table: Sequence[Flag], width: int) -> list[str]:
    rows = [(_left(flag), flag.help) for flag in table if not flag.hidden]
    name_width = max(len(left) for left, _ in rows if len(left) <= _WIDEST_NAME)
    indent = " " * (_INDENT + name_width + _INDENT)
    help_width = max(width - len(indent), _NARROWEST_HELP)
    lines: list[str] = []
    for left, text in rows:
        help_lines = textwrap.wrap(text, help_width, break_on_hyphens=False)
        first = f"{' ' * _INDENT}{left}"
        if len(left) <= name_width:
            first = f"{first:{len(indent)}}{help_lines.pop(0)}"
        lines += [first, *(f"{indent}{line}" for line in help_lines)]
    return lines


def _left(flag: Flag) -> str:
    name = f"[no-]{flag.name}" if flag.is_boolean else flag.name
    text = f"-{flag.short}, --{name}" if flag.short else f"    --{name}"
    if not flag.is_boolean:
        text += f"={_placeholder(flag)}"
    return f"{text} ..." if flag.repeatable else text


def _placeholder(flag: Flag) -> str:
    if flag.placeholder or not flag.default:
        return flag.placeholder or flag.name.upper()
    is_quoted = flag.kind is kinds.TEXT and not flag.repeatable
    return quote(flag.default) if is_quoted else flag.default
