"""`exec_sd_configs`: targets that a command lists. Prometheus has no such kind."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import ClassVar, Final, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import ExecMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.static import target_groups
from promscrape.discovery.target_group import TargetGroup
from promscrape.discovery.target_group_json import decode_groups
from promscrape.errors import DiscoveryError, PromscrapeError
from promscrape.flags.features import EXEC_SD
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

COMMAND_LABEL = "__meta_exec_command"

# What a command gets of the daemon's own environment, which may hold the credentials of others.
_INHERITED: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")
_MAX_OUTPUT_BYTES = 1 << 26
_SHOWN_BYTES = 500  # of what it writes to stderr
_READ_BYTES = 1 << 16
_PATIENCE_S = 5.0


@final
class ExecSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry."""

    go_type: ClassVar[str] = "exec.plain"
    go_item: ClassVar[str] = "*exec.SDConfig"

    command: tuple[str, ...] = ()
    refresh_interval: Duration = Duration(60_000)
    timeout: Duration = Duration()  # 0: the refresh interval
    environment: Mapping[str, Secret] = {}

    def check(self) -> Iterator[InvalidValue]:
        if not self.command:
            yield InvalidValue("exec SD configuration requires a command", at=("command",))
        elif not PurePath(self.command[0]).is_absolute():
            yield InvalidValue(
                f"the command {quote(self.command[0])} is no absolute path",
                at=("command", 0),
                hint="no shell is involved: write the program's full path, and each argument as "
                "an item of its own",
            )
        for index, argument in enumerate(self.command):
            if "\0" in argument:
                yield InvalidValue("a command cannot hold a zero byte", at=("command", index))
        for name, value in self.environment.items():
            if not name or "=" in name or "\0" in name or "\0" in value.reveal():
                yield InvalidValue(
                    f"{quote(name)} cannot be set in an environment", at=("environment",)
                )
        if self.timeout > self.refresh_interval:
            yield InvalidValue("timeout is greater than refresh_interval", at=("timeout",))
        yield from check_interval(self.refresh_interval)


@final
class ExecRefresher:
    """Runs the command, without a shell, and reads target groups in JSON from its output."""

    def __init__(
        self, config: ExecSDConfig, context: ProviderContext, metrics: ExecMetrics
    ) -> None:
        self._command, self._metrics, self._log = config.command, metrics, context.log
        self._timeout = config.timeout or config.refresh_interval
        self._environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        self._environment |= {name: value.reveal() for name, value in config.environment.items()}
        self._last_length = 0

    async def refresh(self) -> Sequence[TargetGroup]:
        try:
            configs = decode_groups(await self._run())
        except PromscrapeError:
            self._metrics.failures.inc()
            raise
        # Arguments may hold what is nobody's business.
        program = self._command[0]
        groups = [
            TargetGroup(group.targets, {**group.labels, COMMAND_LABEL: program}, group.source)
            for group in target_groups(configs)
        ]
        vanished = range(len(groups), self._last_length)
        self._last_length = len(groups)
        return groups + [TargetGroup((), {}, str(index)) for index in vanished]

    async def close(self) -> None:
        pass

    async def _run(self) -> bytes:
        """Return what the command wrote. Raises DiscoveryError unless it ended well, and in time."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                cwd="/",
                env=self._environment,
                # A group of its own, so that what it starts can be ended with it.
                start_new_session=True,
            )
        except OSError as exc:
            reason = (exc.strerror or "").lower()
            raise DiscoveryError(f"fork/exec {self._command[0]}: {reason}") from exc
        try:
            async with asyncio.timeout(self._timeout.seconds):
                output, said = await _communicate(process)
                status = await process.wait()
        except TimeoutError as exc:
            raise DiscoveryError(
                f"{self._command[0]} did not end, or left its output open, within {self._timeout}"
            ) from exc
        finally:
            await _end(process)
        if status:
            how = f"signal {-status}" if status < 0 else f"exit status {status}"
            raise DiscoveryError(f"{self._command[0]} ended with {how}{_shown(said)}")
        if said:
            self._log.debug("Command wrote to stderr", command=self._command[0], stderr=said)
        return output


async def _communicate(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """Return all of stdout, and the beginning of stderr. Raises DiscoveryError for too much."""
    assert process.stdout is not None
    assert process.stderr is not None
    said = asyncio.create_task(_beginning(process.stderr), name="discovery:exec:stderr")
    output = bytearray()
    try:
        while part := await process.stdout.read(_READ_BYTES):
            output += part
            if len(output) > _MAX_OUTPUT_BYTES:
                raise DiscoveryError(f"the output is larger than {_MAX_OUTPUT_BYTES >> 20} MiB")
        return bytes(output), await said
    finally:
        said.cancel()
        await asyncio.wait([said])


async def _beginning(stream: asyncio.StreamReader) -> bytes:
    """Read to the end, so that the writer never waits, and keep as much as is shown."""
    kept = b""
    while part := await stream.read(_READ_BYTES):
        kept += part[: _SHOWN_BYTES - len(kept)]
    return kept


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the command and what it has started, unless all of that has ended by itself."""
    if process.returncode is not None and _is_read(process):
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # What left the group lives on; it may keep the output open for as long as it likes.
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_S):
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(_READ_BYTES):
                    pass  # asyncio waits for all output before it says that a process has ended.
            await process.wait()


def _is_read(process: asyncio.subprocess.Process) -> bool:
    streams = (process.stdout, process.stderr)
    return all(stream is not None and stream.at_eof() for stream in streams)


def _shown(said: bytes) -> str:
    text = said.decode(errors="replace").strip()
    return f": {quote(text)}" if text else ""


def _make(config: ExecSDConfig, context: ProviderContext, metrics: ExecMetrics) -> Provider:
    if EXEC_SD not in context.features:
        raise DiscoveryError(f"exec_sd_configs runs commands, and needs --enable-feature={EXEC_SD}")
    return Refreshed(ExecRefresher(config, context, metrics), config.refresh_interval, context)


KIND = Kind("exec", ExecSDConfig, ExecMetrics, _make, (COMMAND_LABEL,))
