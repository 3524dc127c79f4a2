"""docs/flags.md says what the table of flags says, no more and no less."""

import re
from pathlib import Path

from promscrape.flags.commands import COMMANDS, Command
from promscrape.flags.features import FEATURES
from promscrape.flags.flags import Flags, default_of, field_of
from promscrape.flags.kind import print_value
from promscrape.flags.table import HELP, SETTINGS, TABLE, VERSION, Flag

DOCS = Path(__file__).parents[3] / "docs" / "flags.md"


def rows_of(section: str) -> list[list[str]]:
    """Return the cells of the first table after the heading, without its head."""
    text = DOCS.read_text().partition(section)[2]
    lines = re.findall(r"^\|.*\|$", text.partition("\n## ")[0], re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def documented(flag: Flag) -> list[str]:
    name = f"`-{flag.short}`, `--{flag.name}`" if flag.short else f"`--{flag.name}`"
    marks = [mark for mark in ("repeatable", "hidden") if getattr(flag, mark)]
    return [name, ", ".join([flag.kind.name, *marks]), f"`{flag.default}`" if flag.default else ""]


def test_the_documented_flags_are_the_accepted_ones() -> None:
    """Service 1.2: names, kinds and defaults, in both directions and in one order."""
    rows = rows_of("# Command-line flags\n")
    assert [row[:3] for row in rows] == [documented(flag) for flag in (HELP, VERSION, *SETTINGS)]
    assert all(row[3] for row in rows)


def test_the_documented_commands_are_the_known_ones() -> None:
    """Service 9: with their arguments, and with each of their flags in the text."""
    rows = rows_of("## Commands\n")
    section = DOCS.read_text().partition("## Commands\n")[2].partition("\n## ")[0]
    assert [row[:2] for row in rows] == [documented_command(command) for command in COMMANDS]
    for command in COMMANDS:
        assert all(f"`--{flag.name}`" in section for flag in command.flags if flag is not HELP)


def documented_command(command: Command) -> list[str]:
    dots = " ..." if command.many else ""
    word = f" `{command.word}`" if command.word else ""
    return [f"`{command.name}`", f"`{command.argument}`{dots}{word}" if command.argument else ""]


def test_the_documented_features_are_the_known_ones() -> None:
    """Service 1.4: what a feature does here stands in one place and is true."""
    rows = rows_of("## Features\n")
    assert rows == [[f"`{name}`", effect.value] for name, effect in sorted(FEATURES.items())]


def test_the_refused_flags_are_listed() -> None:
    """Service 1.3: every server-only flag that is answered with exit code 3."""
    text = DOCS.read_text().partition("## Flags of the Prometheus server\n")[2]
    listed = re.findall(r"^- `--(.+)`$", text.partition("\n## ")[0], re.MULTILINE)
    assert listed == sorted(flag.name for flag in TABLE if flag.server_only)


def test_every_flag_has_a_field_and_every_field_a_flag() -> None:
    """Service 1.2: what is read from the command line is what the daemon sees."""
    assert [field_of(flag) for flag in SETTINGS] == list(Flags.__struct_fields__)


def test_every_default_is_one_that_could_be_given() -> None:
    """Service 6.5: the flags page shows a default in the form that it has in the usage."""
    for flag in SETTINGS:
        assert print_value(default_of(flag)) == flag.default or not flag.default


def test_names_are_unique_and_flags_explain_themselves() -> None:
    """Service 1.1: a flag without help would be an empty line in the usage."""
    names = [flag.name for flag in TABLE]
    assert len(names) == len(set(names))
    assert all(flag.help for flag in TABLE if not flag.server_only)
