"""Credentials from a command, run as cloud providers' kubeconfig files have it."""

import asyncio
import datetime as dt
import json
import sys
from pathlib import Path

import pytest
import trustme

from promscrape.discovery.kubernetes.exec_credential import (
    ExecConfig,
    ExecCredentials,
    ExecVariable,
)
from promscrape.errors import ConfigError, DiscoveryError
from tests.support.clock import ManualClock
from tests.support.kubernetes_selector import JSON
from tests.support.tls import cert_pem, key_pem

V1 = "client.authentication.k8s.io/v1"


class Plugin:
    """A command that counts its runs, and prints what it was told to."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = ManualClock()
        self.script = directory / "plugin"
        self.prints(token="first")

    def prints(self, expires_s: float | None = None, **status: str) -> None:
        if expires_s is not None:
            now_s = self.clock.now_ns() / 1e9
            expires = dt.datetime.fromtimestamp(now_s + expires_s, dt.UTC)
            status["expirationTimestamp"] = expires.isoformat().replace("+00:00", "Z")
        self.prints_text(json.dumps({"kind": "ExecCredential", "apiVersion": V1, "status": status}))

    def prints_text(self, text: str, *, then: str = "") -> None:
        self.script.write_text(
            f"#!{sys.executable}\n"
            "import os, sys\n"
            f"with open({str(self.directory / 'runs')!r}, 'a') as runs:\n"
            "    print(os.environ['KUBERNETES_EXEC_INFO'], sys.argv[1:],"
            " os.environ.get('PROFILE'), file=runs)\n"
            "print('a secret', file=sys.stderr)\n"
            f"print({text!r}, flush=True)\n{then}\n"
        )
        self.script.chmod(0o755)

    @property
    def runs(self) -> list[str]:
        path = self.directory / "runs"
        return path.read_text().splitlines() if path.exists() else []

    def credentials(
        self, *, tells_cluster: bool = False, command: str = "./plugin"
    ) -> ExecCredentials:
        config = ExecConfig(
            command=command,
            api_version=V1,
            args=("token", "--quiet"),
            env=(ExecVariable("PROFILE", "dev"),),
            install_hint="get it from example.com",
            provide_cluster_info=tells_cluster,
        )
        return ExecCredentials(config, self.directory, lambda: {"server": "https://a"}, self.clock)


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    return Plugin(tmp_path)


async def test_a_command_is_run_once(plugin: Plugin) -> None:
    """K-7: with its arguments and variables, and what the protocol says it is told."""
    credentials = plugin.credentials()
    both = await asyncio.gather(credentials.current(), credentials.current())
    assert [one.authorization for one in both] == ["Bearer first"] * 2
    (run,) = plugin.runs
    info, _, rest = run.partition("} ")
    assert json.loads(f"{info}}}") == {
        "kind": "ExecCredential",
        "apiVersion": V1,
        "spec": {"interactive": False},
    }
    assert rest == "['token', '--quiet'] dev"


async def test_a_command_is_told_of_the_cluster_where_it_asks(plugin: Plugin) -> None:
    """K-7: provideClusterInfo."""
    await plugin.credentials(tells_cluster=True).current()
    assert '"cluster":{"server":"https://a"}' in plugin.runs[0]


async def test_a_command_runs_again_when_its_credentials_expire(plugin: Plugin) -> None:
    """K-7: and not before."""
    credentials = plugin.credentials()
    plugin.prints(token="first", expires_s=600)
    assert (await credentials.current()).authorization == "Bearer first"
    plugin.prints(token="second")
    await plugin.clock.advance(599)
    assert (await credentials.current()).authorization == "Bearer first"
    await plugin.clock.advance(1)
    assert (await credentials.current()).authorization == "Bearer second"
    await plugin.clock.advance(1_000_000)
    await credentials.current()
    assert len(plugin.runs) == 2


async def test_a_command_runs_again_when_its_credentials_are_refused(plugin: Plugin) -> None:
    """K-7: once for all watches that were refused with the same ones."""
    credentials = plugin.credentials()
    first = await credentials.current()
    plugin.prints(token="second")
    credentials.reject(first)
    assert (await credentials.current()).authorization == "Bearer second"
    credentials.reject(first)
    await credentials.current()
    assert len(plugin.runs) == 2


async def test_a_command_can_bring_a_certificate(plugin: Plugin) -> None:
    """K-7: beside a token, or without one."""
    leaf = trustme.CA().issue_cert("promscrape")
    cert, key = cert_pem(leaf), key_pem(leaf)
    plugin.prints(clientCertificateData=cert, clientKeyData=key)
    made = await plugin.credentials().current()
    assert (made.authorization, made.cert, made.key.reveal()) == ("", cert, key)


GOOD: JSON = {"kind": "ExecCredential", "apiVersion": V1}


@pytest.mark.parametrize(
    ("text", "then", "reason"),
    [
        ("", "", "its output is no ExecCredential"),
        ("{}", "", 'it returned the version "", not'),
        (json.dumps(GOOD), "", "neither a token nor a client certificate"),
        (json.dumps({**GOOD, "status": {}}), "", "neither a token nor a client certificate"),
        (
            json.dumps({**GOOD, "status": {"clientCertificateData": "c"}}),
            "",
            "a client certificate or a key, and not both",
        ),
        (json.dumps({**GOOD, "status": {"token": "a\nb"}}), "", "more than one line"),
        ("x" * ((1 << 20) + 1), "", "its output is over 1048576 bytes"),
        ("{}", "sys.exit(3)", "it failed with exit code 3"),
    ],
)
async def test_what_a_command_gets_wrong_is_said(
    plugin: Plugin, text: str, then: str, reason: str
) -> None:
    """K-7: without what it wrote to standard error."""
    plugin.prints_text(text, then=then)
    with pytest.raises(DiscoveryError) as failure:
        await plugin.credentials().current()
    assert reason in str(failure.value)
    assert str(failure.value).startswith("getting credentials: exec: ")
    assert "secret" not in str(failure.value)


async def test_a_command_that_does_not_end_is_ended(plugin: Plugin) -> None:
    """K-7: it has a minute."""
    plugin.prints_text("", then="import time\ntime.sleep(600)")
    waiting = asyncio.create_task(plugin.credentials().current())
    while not plugin.runs:
        await asyncio.sleep(0.01)
    await plugin.clock.advance(60)
    with pytest.raises(DiscoveryError, match="it did not end within 60 s"):
        await waiting


async def test_a_command_that_is_not_there_comes_with_its_hint(plugin: Plugin) -> None:
    """K-7: installHint says where to get it."""
    with pytest.raises(DiscoveryError, match="no such file or directory: get it from example"):
        await plugin.credentials(command="./missing").current()


async def test_a_bare_name_is_looked_up_on_the_path(plugin: Plugin) -> None:
    """K-7: and not beside the kubeconfig file."""
    with pytest.raises(DiscoveryError, match="no such file or directory"):
        await plugin.credentials(command="plugin").current()


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (ExecConfig(api_version=V1), "command must be specified"),
        (ExecConfig(command="a", api_version="v1alpha1"), 'invalid apiVersion "v1alpha1"'),
        (ExecConfig(command="a", api_version=V1, interactive_mode="Always"), "interactive mode"),
    ],
)
def test_a_section_that_cannot_be_obeyed_is_refused(config: ExecConfig, reason: str) -> None:
    """K-7: when the provider is made."""
    with pytest.raises(ConfigError, match=reason):
        ExecCredentials(config, Path(), dict, ManualClock())
