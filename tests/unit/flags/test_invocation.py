"""The commands' part of the command line: arguments in, a command or an end out."""

from pathlib import Path

import pytest

from promscrape.flags.command_line import Exit, parse
from promscrape.flags.commands import CHECK_CONFIG, CHECK_READY, COMMANDS, PRINT_CONFIG
from promscrape.flags.invocation import Invocation, parse_command, selects_command
from promscrape.model.duration import Duration


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "c.yml"
    path.touch()
    return str(path)


def ended(*arguments: str) -> Exit:
    parsed = parse_command(arguments, width=80)
    assert isinstance(parsed, Exit)
    return parsed


def invoked(*arguments: str) -> Invocation:
    parsed = parse_command(arguments, width=80)
    assert isinstance(parsed, Invocation), parsed
    return parsed


@pytest.mark.parametrize("arguments", [["check"], ["check", "foo"], ["print-config"]])
def test_the_first_word_selects_a_command(arguments: list[str]) -> None:
    """Service 9: whatever follows, the daemon is not started."""
    assert selects_command(arguments)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--config.file", "check"], ["checks"]])
def test_anything_else_is_the_daemon_s(arguments: list[str]) -> None:
    """Service 1.1: a value that is spelled like a command is a value."""
    assert not selects_command(arguments)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["check"], "must select a subcommand of 'check'"),
        (["check", "foo"], 'expected command but got "foo"'),
        (["check", "--bogus"], "unknown long flag '--bogus'"),
        (["check", "config"], "required argument 'config-files' not provided"),
        (["check", "config", "x"], "path 'x' does not exist"),
        (["check", "config", "/"], "'/' is a directory"),
        (["check", "config", "--bogus", "x"], "unknown long flag '--bogus'"),
        (["check", "config", "--lint"], "expected argument for flag '--lint'"),
        (["check", "config", "--lint=a", "--lint=b"], "flag 'lint' cannot be repeated"),
        (["check", "web-config"], "required argument 'web-config-files' not provided"),
        (["check", "ready", "x"], "unexpected x"),
        (["print-config"], "required argument 'config-file' not provided"),
        (["print-config", "x", "y"], "unexpected y"),
    ],
)
def test_a_wrong_argument_ends_it(arguments: list[str], error: str) -> None:
    """Service 9, 51: promtool's texts, and exit code 1."""
    assert ended(*arguments) == Exit(1, stderr=f"promscrape: error: {error}, try --help\n")


def test_flags_stand_before_and_after_the_files(file: str) -> None:
    """Service 9.1: as kingpin reads them; what is not given has its default."""
    invocation = invoked("check", "config", "--lint", "all", file, "--syntax-only", file)
    assert invocation.command is CHECK_CONFIG
    assert invocation.arguments == (file, file)
    assert invocation.values == {
        "help": False,
        "syntax-only": True,
        "lint": "all",
        "lint-fatal": False,
        "query.lookback-delta": Duration(300_000),
        "agent": True,
    }


def test_files_can_be_named_like_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Service 1.1: `--` ends the flags."""
    monkeypatch.chdir(tmp_path)
    Path("--lint").touch()
    assert invoked("print-config", "--", "--lint").arguments == ("--lint",)
    assert invoked("print-config", "--", "--lint").command is PRINT_CONFIG


def test_a_server_has_an_address_without_being_given_one() -> None:
    """Service 9.4: that of a daemon with its default flags, as a client reaches it."""
    assert invoked("check", "ready").values["url"] == "http://localhost:9090"
    assert invoked("check", "ready").command is CHECK_READY


def test_every_command_has_its_usage() -> None:
    """Service 9: on stdout, with exit code 0, also for the group."""
    for command in COMMANDS:
        help_ = ended(*command.name.split(), "--help")
        assert help_.code == 0
        assert help_.stdout.startswith(f"usage: promscrape {command.name} [<flags>]")
        assert all(f"{flag.name}" in help_.stdout for flag in command.flags)
    assert ended("check", "--help").stdout.count("usage: ") == len(COMMANDS) - 1


def test_the_daemon_s_usage_names_the_commands() -> None:
    """Service 9: whoever asks for help hears of them."""
    usage = parse(["--help"], version="", width=80)
    assert isinstance(usage, Exit)
    for command in COMMANDS:
        assert f"\n  {command.name} [<flags>]" in usage.stdout
