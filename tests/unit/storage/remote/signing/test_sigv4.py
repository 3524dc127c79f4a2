"""Signatures that a server checks for real, and the keys that they are made with."""

import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promscrape.errors import ConfigError
from promscrape.model.secret import Secret
from promscrape.storage.remote.cloud_auth import SigV4Config
from promscrape.storage.remote.outcome import Verdict
from tests.support.aws_server import AwsServer
from tests.support.clock import ManualClock
from tests.unit.storage.remote.signing.destination import client_of, send, sent_once

KEYS = SigV4Config(region="eu-west-1", access_key="AKID", secret_key=Secret("s3cr3t"))


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[AwsServer]:
    """Keep botocore away from this machine's own credentials, and from AWS."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    async with AwsServer() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
        yield server


async def test_a_request_is_signed_with_the_section_s_keys(server: AwsServer) -> None:
    """Config section 10: for Amazon's Prometheus service, over the body and all headers."""
    url = f"{server.url}/workspaces/ws-1/api%20v1/remote_write?x=1&a=b%2Fc"
    outcome = await sent_once(url, sigv4=KEYS, headers={"X-Tenant": "a  b"})
    assert outcome.verdict is Verdict.ACCEPTED, outcome
    (signed,) = server.signed
    assert (signed.access_key, signed.region, signed.service) == ("AKID", "eu-west-1", "aps")
    assert {"host", "x-amz-date", "content-encoding", "x-tenant"} <= signed.headers


async def test_another_service_can_be_named(server: AwsServer) -> None:
    """Config section 10: `service_name`."""
    config = SigV4Config(
        region="r", access_key="AKID", secret_key=Secret("s3cr3t"), service_name="es"
    )
    assert (await sent_once(server.url, sigv4=config)).verdict is Verdict.ACCEPTED
    assert server.signed[0].service == "es"


async def test_a_wrong_secret_does_not_pass(server: AwsServer) -> None:
    """The server's check is one: what it does not know, it refuses."""
    config = SigV4Config(region="r", access_key="AKID", secret_key=Secret("wrong"))
    outcome = await sent_once(server.url, sigv4=config)
    assert outcome.status == 403
    assert outcome.error.endswith(": SignatureDoesNotMatch")


async def test_keys_and_region_come_from_a_profile(server: AwsServer, tmp_path: Path) -> None:
    """Config section 10: `profile`, as the SDK reads it."""
    (tmp_path / "credentials").write_text(
        "[mine]\naws_access_key_id = AKID\naws_secret_access_key = s3cr3t\n"
    )
    (tmp_path / "config").write_text("[profile mine]\nregion = ap-south-1\n")
    outcome = await sent_once(server.url, sigv4=SigV4Config(profile="mine"))
    assert outcome.verdict is Verdict.ACCEPTED, outcome
    assert server.signed[0].region == "ap-south-1"


async def test_a_role_is_assumed_once(server: AwsServer) -> None:
    """Config section 10: `role_arn` and `external_id`; STS is asked with the section's keys."""
    arn = "arn:aws:iam::123456789012:role/writer"
    config = SigV4Config(
        region="eu-west-1",
        access_key="AKID",
        secret_key=Secret("s3cr3t"),
        role_arn=arn,
        external_id="ext",
    )
    client = client_of(server.url, ManualClock(), {}, sigv4=config)
    try:
        for _ in range(2):
            assert (await send(client)).verdict is Verdict.ACCEPTED
    finally:
        await client.close()
    assert [(form["RoleArn"], form["ExternalId"]) for form in server.roles] == [(arn, "ext")]
    assert [(one.access_key, one.service, one.token) for one in server.signed] == [
        ("AKID", "sts", ""),
        ("ROLE", "aps", "session-token"),
        ("ROLE", "aps", "session-token"),
    ]


async def test_a_role_that_is_refused_is_asked_for_again(server: AwsServer) -> None:
    """A recoverable error: rights can be given while the daemon runs."""
    server.secrets.clear()
    config = SigV4Config(
        region="r", access_key="AKID", secret_key=Secret("s3cr3t"), role_arn="arn:aws:iam::1:role/w"
    )
    client = client_of(server.url, ManualClock(), {}, sigv4=config)
    try:
        outcome = await send(client)
        assert outcome.verdict is Verdict.RETRY
        assert "sigv4: could not get credentials: An error occurred (AccessDenied)" in outcome.error
        assert "s3cr3t" not in outcome.error
        server.secrets["AKID"] = "s3cr3t"
        assert (await send(client)).verdict is Verdict.ACCEPTED
    finally:
        await client.close()


async def test_credentials_that_are_nowhere_are_a_recoverable_error(server: AwsServer) -> None:
    """The error names what can be done."""
    outcome = await sent_once(server.url, sigv4=SigV4Config(region="r"))
    assert outcome.verdict is Verdict.RETRY
    assert "sigv4: could not get credentials: there are none" in outcome.error
    assert "set access_key and secret_key, profile, or AWS_ACCESS_KEY_ID" in outcome.error


@pytest.mark.parametrize(
    ("config", "error"),
    [
        pytest.param(SigV4Config(), "region not configured in sigv4", id="region"),
        pytest.param(
            SigV4Config(profile="nobody", region="r"),
            r"profile \(nobody\) could not be found",
            id="profile",
        ),
    ],
)
async def test_what_cannot_sign_is_refused_when_it_is_applied(
    server: AwsServer, config: SigV4Config, error: str
) -> None:
    """Config 9.3: the load succeeds, the take-over fails."""
    with pytest.raises(ConfigError, match=error):
        client_of(server.url, ManualClock(), {}, sigv4=config)


async def test_without_botocore_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discovery P-4, as for every extra."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr("promscrape.storage.remote.signing.choice.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'promscrape\[aws\]'"):
        client_of("http://h/", ManualClock(), {}, sigv4=KEYS)
