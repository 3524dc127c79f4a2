"""The program as a process sees it: arguments in; streams and an exit code out."""

import asyncio
import json
import logging
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
import uvloop
from structlog.typing import FilteringBoundLogger

from promscrape.cli import main, run
from promscrape.flags.flags import Flags
from promscrape.start import Runnable


@dataclass(frozen=True, slots=True)
class Fake:
    """A daemon that does one thing and returns its exit code."""

    flags: Flags
    log: FilteringBoundLogger
    act: Callable[["Fake"], int]

    async def run(self) -> int:
        return self.act(self)


def building(act: Callable[[Fake], int]) -> Callable[[Flags, FilteringBoundLogger], Runnable]:
    return lambda flags, log: Fake(flags, log, act)


def refuse(_: Flags, __: FilteringBoundLogger) -> Runnable:
    raise AssertionError("the daemon was built")


@pytest.fixture(autouse=True)
def _undo_logs() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, show = root.handlers, root.level, warnings.showwarning
    yield
    logging.captureWarnings(capture=False)
    root.handlers, warnings.showwarning = handlers, show
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--bogus"], 1), (["--log.level=x"], 2), (["--storage.tsdb.path=x"], 3), (["--help"], 0)],
)
def test_what_ends_at_once_starts_nothing(arguments: list[str], code: int) -> None:
    """Service 2, 3, 7, 9: the exit code says which kind of end it was."""
    assert run(arguments, refuse) == code


def test_errors_go_to_stderr_and_the_usage_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """Service 6, 1.1: `--help | less` works, and an error survives `>/dev/null`."""
    assert main(["--web.read-timeout=abc"]) == 2
    streams = capsys.readouterr()
    assert streams.out.startswith("usage: promscrape [<flags>]\n")
    assert streams.err == (
        'Error parsing command line arguments: not a valid duration string: "abc"\n'
    )


def test_the_daemon_gets_its_flags_and_runs_on_uvloop() -> None:
    """Service 1.2: what was typed arrives, and the loop is the fast one."""

    def act(daemon: Fake) -> int:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        assert daemon.flags.config_file == "other.yml"
        return 7

    assert run(["--config.file=other.yml"], building(act)) == 7


def test_json_logs_are_objects_of_their_level_and_above(capsys: pytest.CaptureFixture[str]) -> None:
    """Service 50: every line of stderr parses, and the filter of the flag holds."""

    def act(daemon: Fake) -> int:
        daemon.log.info("hidden")
        daemon.log.bind(component="web").warning("Shown", err=ValueError("x\ny"))
        logging.getLogger("asyncio").error("also shown")
        return 0

    assert run(["--log.format=json", "--log.level=WARN"], building(act)) == 0
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [record["msg"] for record in records] == ["Shown", "also shown"]
    assert all({"time", "level", "source", "msg"} <= record.keys() for record in records)


def test_features_are_named_in_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    """Service 58: an unknown name is a warning, and the process runs."""
    argument = "--enable-feature=nope,old-ui"
    assert run([argument], building(lambda _: 0)) == 0
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("time=")
    assert "level=WARN" in first
    assert first.endswith('msg="Unknown option for --enable-feature" option=nope')
    assert "level=INFO" in second
    assert second.endswith("option=old-ui")


def test_a_bug_leaves_one_log_record_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    """Service 50: not even the end of the process breaks the form of the log."""

    def act(daemon: Fake) -> int:
        raise LookupError("never\nmind")

    assert run(["--log.format=json"], building(act)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert (record["level"], record["msg"], record["err"]) == (
        "ERROR",
        "Fatal error",
        "never\nmind",
    )
    assert record["traceback"].endswith("LookupError: never\nmind")


def test_a_log_is_utf8_whatever_the_locale() -> None:
    """Service 50: JSON is UTF-8, and a container's locale is mostly C."""
    script = "from promscrape.cli import run; run(['--enable-feature=\\xfc'], lambda *_: 1 / 0)"
    end = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", script],
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert "option=ü" in end.stderr.decode("utf-8").splitlines()[0]


def test_the_package_runs_as_a_module() -> None:
    """Service 1: `python -m promscrape --version --bogus` prints the version block, exit code 0."""
    end = subprocess.run(
        [sys.executable, "-m", "promscrape", "--version", "--bogus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (end.returncode, end.stderr) == (0, "")
    first = end.stdout.splitlines()[0]
    assert re.fullmatch(r"promscrape, version \S+ \(branch: .*, revision: .*\)", first)


def test_a_command_runs_in_place_of_the_daemon(tmp_path: Path) -> None:
    """Service 9: the first argument selects it, and warnings of the file go to stderr."""
    path = tmp_path / "c.yml"
    path.write_text("global: {external_labels: {a: '${PROMSCRAPE_NOT_SET}'}}\n")
    end = subprocess.run(
        [sys.executable, "-m", "promscrape", "check", "config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert end.returncode == 0
    assert end.stdout == (
        f"Checking {path}\n SUCCESS: {path} is valid prometheus config file syntax\n\n"
    )
    assert 'msg="Empty environment variable" name=PROMSCRAPE_NOT_SET' in end.stderr
