"""Credentials from a command, as cloud providers' kubeconfig files have it (K-7).

Source: Kubernetes client authentication, client.authentication.k8s.io/v1; client-go
plugin/pkg/client/auth/exec.
"""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, final

import msgspec

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.credential import Credential
from promscrape.discovery.kubernetes.deadline import deadline
from promscrape.errors import ConfigError, DiscoveryError
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

_API: Final = "client.authentication.k8s.io"
_VERSIONS: Final = (f"{_API}/v1", f"{_API}/v1beta1")
_MOST_BYTES: Final = 1 << 20
_COMMAND_S: Final = 60
_NS_PER_S: Final = 1_000_000_000


@final
class ExecVariable(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


@final
class ExecConfig(msgspec.Struct, rename="camel", frozen=True):
    """The section `exec` of a user."""

    command: str = ""
    api_version: str = ""
    args: tuple[str, ...] | None = None
    env: tuple[ExecVariable, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


@final
class _Status(msgspec.Struct, rename="camel", frozen=True):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: dt.datetime | None = None


@final
class _ExecCredential(msgspec.Struct, rename="camel", frozen=True):
    api_version: str = ""
    status: _Status | None = None


@final
class ExecCredentials:
    """Runs a command for credentials, and again once they expire or are not accepted.

    What it prints to standard error is not shown: it can hold secrets. Raises ConfigError for a
    section that cannot be obeyed.

    cluster: describes the cluster to the command, where it is to be told.
    """

    def __init__(
        self,
        config: ExecConfig,
        directory: Path,
        cluster: Callable[[], Mapping[str, object]],
        clock: Clock,
    ) -> None:
        _check(config)
        self._config, self._cluster, self._clock = config, cluster, clock
        # A path is relative to the file, a bare name is looked up on PATH.
        has_path = "/" in config.command
        self._command = str(directory / config.command) if has_path else config.command
        self._lock = asyncio.Lock()  # held while the command runs, so that it runs once for all
        self._credential: Credential | None = None
        self._expires_ns: int | None = None

    async def current(self) -> Credential:
        async with self._lock:
            if self._credential is None or self._is_expired():
                self._credential = await self._run()
            return self._credential

    def reject(self, credential: Credential) -> None:
        # Of several watches that are refused at once, one has the command run again.
        if credential is self._credential:
            self._credential = None

    def _is_expired(self) -> bool:
        return self._expires_ns is not None and self._clock.now_ns() >= self._expires_ns

    async def _run(self) -> Credential:
        output = await self._output()
        try:
            answer = msgspec.json.decode(output, type=_ExecCredential)
        except msgspec.DecodeError as exc:
            raise self._failure(f"its output is no ExecCredential: {exc}") from None
        status = answer.status
        if answer.api_version != self._config.api_version:
            raise self._failure(
                f"it returned the version {quote(answer.api_version)}, not "
                f"{quote(self._config.api_version)}"
            )
        if status is None or not (status.token or status.client_certificate_data):
            raise self._failure("it returned neither a token nor a client certificate")
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise self._failure("it returned a client certificate or a key, and not both")
        if not status.token.isprintable():
            raise self._failure("its token cannot be sent: it has more than one line")
        expires = status.expiration_timestamp
        self._expires_ns = None if expires is None else int(expires.timestamp() * _NS_PER_S)
        return Credential(
            f"Bearer {status.token}" if status.token else "",
            status.client_certificate_data,
            Secret(status.client_key_data),
        )

    async def _output(self) -> bytes:
        """Return what the command prints. Raises DiscoveryError."""
        try:
            process = await asyncio.create_subprocess_exec(
                self._command,
                *(self._config.args or ()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment(),
            )
        except OSError as exc:
            hint = f": {self._config.install_hint.strip()}" if self._config.install_hint else ""
            reason = os.strerror(exc.errno).lower() if exc.errno else str(exc)
            raise self._failure(f"{reason}{hint}") from exc
        assert process.stdout is not None
        try:
            async with deadline(self._clock, _COMMAND_S):
                output = await _read_all(process.stdout)
                code = await process.wait() if output is not None else None
        except TimeoutError as exc:
            raise self._failure(f"it did not end within {_COMMAND_S} s") from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if output is None:
            raise self._failure(f"its output is over {_MOST_BYTES} bytes")
        if code:
            raise self._failure(f"it failed with exit code {code}")
        return output

    def _environment(self) -> dict[str, str]:
        spec: dict[str, object] = {"interactive": False}
        if self._config.provide_cluster_info:
            spec["cluster"] = self._cluster()
        told = {"kind": "ExecCredential", "apiVersion": self._config.api_version, "spec": spec}
        variables = {one.name: one.value for one in self._config.env or ()}
        info = msgspec.json.encode(told).decode()
        return {**os.environ, **variables, "KUBERNETES_EXEC_INFO": info}

    def _failure(self, reason: str) -> DiscoveryError:
        return DiscoveryError(f"getting credentials: exec: {quote(self._command)}: {reason}")


async def _read_all(stream: asyncio.StreamReader) -> bytes | None:
    """Return all that comes, None where it is too much."""
    output = bytearray()
    while part := await stream.read(1 << 16):
        output += part
        if len(output) > _MOST_BYTES:
            return None
    return bytes(output)


def _check(config: ExecConfig) -> None:
    if not config.command:
        raise ConfigError("exec: command must be specified to use exec authentication plugin")
    if config.api_version not in _VERSIONS:
        known = " or ".join(_VERSIONS)
        raise ConfigError(
            f"exec plugin: invalid apiVersion {quote(config.api_version)}: use {known}"
        )
    if config.interactive_mode == "Always":
        raise ConfigError("exec plugin cannot support interactive mode: there is no terminal")
