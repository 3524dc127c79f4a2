"""Targets that a command lists."""

import asyncio
import os
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from promscrape.discovery.exec_ import KIND, ExecSDConfig
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import ExecMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.errors import DiscoveryError
from promscrape.flags.features import EXEC_SD
from promscrape.model.duration import Duration
from promscrape.model.secret import Secret
from tests.support.discovery import Discovered, discovering

ONE = """print('[{"targets": ["a:1"], "labels": {"x": "y"}}]')"""


def make(config: ExecSDConfig, context: ProviderContext, metrics: ExecMetrics) -> Provider:
    enabled = ProviderContext(
        context.job,
        context.clock,
        context.log,
        context.user_agent,
        context.refreshes,
        frozenset({EXEC_SD}),
    )
    return KIND.make(config, enabled, metrics)


ENABLED = Kind("exec", ExecSDConfig, KIND.metrics, make, KIND.labels)


def config_of(script: str, *arguments: str, **values: object) -> ExecSDConfig:
    config = ExecSDConfig(command=(sys.executable, "-c", textwrap.dedent(script), *arguments))
    return msgspec.structs.replace(config, **values)


@asynccontextmanager
async def running(script: str, *arguments: str, **values: object) -> AsyncIterator[Discovered]:
    async with discovering(ENABLED, config_of(script, *arguments, **values)) as discovered:
        yield discovered


async def failure(discovered: Discovered) -> str:
    """Wait for the first failed refresh, and return what the log says of it."""
    async with asyncio.timeout(20):
        while not discovered.refresh_failures:
            await asyncio.sleep(0.002)
    assert discovered.registry.get_sample_value("promscrape_sd_exec_failures_total") == 1
    return str(discovered.logs.entries[0]["err"])


async def test_the_output_is_a_list_of_groups() -> None:
    """Issue 6: as an HTTP server would answer; arguments are no label."""
    async with running(ONE, "--token=hunter2") as discovered:
        (group,) = await discovered.published.update(1)
        assert group.source == "0"
        assert group.labels == {"x": "y", "__meta_exec_command": sys.executable}
        assert discovered.published.addresses == ["a:1"]


async def test_a_shorter_list_empties_the_positions_that_are_gone(tmp_path: Path) -> None:
    """As for an HTTP server."""
    path = tmp_path / "list"
    path.write_text('[{"targets": ["a:1"]}, {"targets": ["b:1"]}]')
    script = "import sys; print(open(sys.argv[1]).read())"
    async with running(script, str(path), refresh_interval=Duration(500)) as discovered:
        await discovered.published.update(1)
        path.write_text('[{"targets": ["c:1"]}]')
        async with asyncio.timeout(20):
            while discovered.published.addresses != ["c:1"]:
                await asyncio.sleep(0.01)


async def test_arguments_are_not_for_a_shell() -> None:
    """Issue 6: what is written is what the program gets."""
    script = 'import sys, json; print(json.dumps([{"targets": sys.argv[1:]}]))'
    arguments = ["$HOME", "a b", "; rm -rf /", "*", "`id`"]
    async with running(script, *arguments) as discovered:
        (group,) = await discovered.published.update(1)
        assert [target["__address__"] for target in group.targets] == arguments


async def test_the_environment_is_not_the_daemons(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 6: which may hold the credentials of others."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    script = """
        import os, json
        print(json.dumps([{"targets": ["a:1"], "labels": dict(os.environ, cwd=os.getcwd())}]))
    """
    environment = {"TOKEN": Secret("abc")}
    async with running(script, environment=environment) as discovered:
        (group,) = await discovered.published.update(1)
        assert group.labels["TOKEN"] == "abc"
        assert group.labels["PATH"] == os.environ["PATH"]
        assert group.labels["cwd"] == "/"
        assert "hunter2" not in str(group)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import sys; sys.stderr.write('no such site'); sys.exit(3)", 'status 3: "no such site"'),
        ("import os; os.kill(os.getpid(), 9)", "ended with signal 9"),
        (f"{ONE}; raise SystemExit(1)", "ended with exit status 1"),
        ("print('nothing')", "JSON is malformed"),
        ("print('[{}, null]')", "nil target group item found (index 1)"),
        ("", "Input data was truncated"),
    ],
)
async def test_a_run_that_fails_says_nothing(script: str, error: str) -> None:
    """Issue 6: what it wrote counts only where it ended well."""
    async with running(script) as discovered:
        assert error in await failure(discovered)
        assert discovered.published.updates == []


async def test_a_program_that_is_not_there_is_a_failed_refresh() -> None:
    """Issue 6: it may be installed later."""
    async with discovering(ENABLED, ExecSDConfig(command=("/no/such/program",))) as discovered:
        assert await failure(discovered) == "fork/exec /no/such/program: no such file or directory"


async def test_what_is_written_to_stderr_is_shown_in_part() -> None:
    """Issue 6: a program that never stops to complain neither waits nor fills the memory."""
    script = "import sys; sys.stderr.write('x' * (1 << 22)); sys.exit(1)"
    async with running(script) as discovered:
        assert len(await failure(discovered)) < 700


async def test_endless_output_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Issue 6: and the program is ended."""
    monkeypatch.setattr("promscrape.discovery.exec_._MAX_OUTPUT_BYTES", 1 << 20)
    async with running("while True: print('x' * 1000)") as discovered:
        assert "the output is larger than 1 MiB" in await failure(discovered)


async def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """Issue 6: nothing of it is left when the next run begins."""
    path = tmp_path / "pids"
    script = """
        import os, subprocess, sys, time
        child = subprocess.Popen(["sleep", "600"])
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(600)
    """
    async with running(script, str(path), timeout=Duration(3000)) as discovered:
        assert "did not end, or left its output open, within 3s" in await failure(discovered)
        for pid in path.read_text().split():
            await gone(int(pid))


async def test_a_child_that_keeps_the_output_open_is_ended() -> None:
    """Issue 6: a program that puts itself into the background is no list."""
    script = """
        import subprocess
        subprocess.Popen(["sleep", "600"])
        print("[]", flush=True)
    """
    async with running(script, timeout=Duration(3000)) as discovered:
        assert "left its output open" in await failure(discovered)


async def test_a_run_ends_with_its_provider(tmp_path: Path) -> None:
    """M-13: a reload leaves no program behind."""
    path = tmp_path / "pid"
    script = """
        import os, sys, time
        with open(sys.argv[1] + ".new", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".new", sys.argv[1])
        time.sleep(600)
    """
    async with running(script, str(path)), asyncio.timeout(20):
        while not path.exists():
            await asyncio.sleep(0.002)
    await gone(int(path.read_text()))


async def gone(pid: int) -> None:
    """Wait until a process has ended; its remains may wait for a parent that has gone, too."""
    async with asyncio.timeout(20):
        while is_running(pid):
            await asyncio.sleep(0.002)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_commands_are_off_until_the_command_line_allows_them() -> None:
    """Issue 6: who may write the configuration may not therefore run programs."""
    with pytest.raises(DiscoveryError, match="needs --enable-feature=exec-sd"):
        Discovered(KIND, config_of(ONE))
