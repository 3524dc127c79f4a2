"""Google IAM's kinds of credentials, against a provider that checks what it is shown."""

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from promscrape.errors import ConfigError
from promscrape.storage.remote.cloud_auth import GoogleIAMConfig
from promscrape.storage.remote.outcome import Outcome, Verdict
from tests.support.clock import ManualClock
from tests.support.http_server import RecordingServer
from tests.support.identity_provider import IdentityProvider
from tests.unit.storage.remote.signing.destination import client_of, sent_once

SCOPE = "https://www.googleapis.com/auth/monitoring.write"


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider(ManualClock().now_ns() // 1_000_000_000) as provider:
        yield provider


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer() as server:
        yield server


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def service_account(path: Path, provider: IdentityProvider, key: rsa.RSAPrivateKey) -> str:
    """Write the file that Google's console offers for a service account."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    content = {
        "type": "service_account",
        "project_id": "project",
        "private_key_id": "key-1",
        "private_key": pem,
        "client_email": "me@project.example",
        "token_uri": f"{provider.url}/token",
    }
    path.write_text(json.dumps(content))
    return str(path)


async def sent(
    server: RecordingServer, file: str = "", environ: Mapping[str, str] | None = None
) -> Outcome:
    return await sent_once(
        server.url, environ or {}, google_iam=GoogleIAMConfig(credentials_file=file)
    )


async def test_a_service_account_signs_for_a_token(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    """Config section 10: `credentials_file`; the provider verifies signature and claims."""
    provider.google_key = key.public_key()
    file = service_account(tmp_path / "key.json", provider, key)
    outcome = await sent(server, file)
    assert outcome.verdict is Verdict.ACCEPTED, outcome
    assert server.sent("Authorization") == ["Bearer token-1"]


async def test_the_default_credentials_are_found(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    """Without a file: the variable, then the well-known place."""
    provider.google_key = key.public_key()
    file = service_account(tmp_path / "key.json", provider, key)
    named = {"GOOGLE_APPLICATION_CREDENTIALS": file}
    assert (await sent(server, environ=named)).verdict is Verdict.ACCEPTED
    known = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    known.parent.mkdir(parents=True)
    service_account(known, provider, key)
    assert (await sent(server, environ={"HOME": str(tmp_path)})).verdict is Verdict.ACCEPTED
    assert provider.given == 2


async def test_another_key_is_refused(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path, key: rsa.RSAPrivateKey
) -> None:
    """A recoverable error that names the file; the assertion is not in it."""
    provider.google_key = rsa.generate_private_key(65537, 2048).public_key()
    file = service_account(tmp_path / "key.json", provider, key)
    outcome = await sent(server, file)
    assert outcome.verdict is Verdict.RETRY
    assert "the signature is wrong" in outcome.error
    assert f"check that the key in {file} is still valid" in outcome.error


async def test_a_user_s_refresh_token_is_exchanged(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path
) -> None:
    """What `gcloud auth application-default login` leaves behind."""
    provider.refresh_tokens.add("refresh")
    content = {
        "type": "authorized_user",
        "client_id": "id",
        "client_secret": "hidden",
        "refresh_token": "refresh",
        "token_uri": f"{provider.url}/token",
    }
    file = tmp_path / "user.json"
    file.write_text(json.dumps(content))
    assert (await sent(server, str(file))).verdict is Verdict.ACCEPTED
    provider.refresh_tokens.clear()
    outcome = await sent(server, str(file))
    assert outcome.verdict is Verdict.RETRY
    assert "log in again: gcloud auth application-default login" in outcome.error


async def test_a_machine_asks_its_metadata_server(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """Without any file: the service account of the machine."""
    assert (await sent(server, environ={"GCE_METADATA_HOST": provider.host})).verdict is (
        Verdict.ACCEPTED
    )
    assert provider.resources == [SCOPE]
    provider.is_down = True
    outcome = await sent(server, environ={"GCE_METADATA_HOST": provider.host})
    assert outcome.verdict is Verdict.RETRY
    assert "503 Service Unavailable: maintenance; set credentials_file" in outcome.error


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(None, "no such file or directory", id="missing"),
        pytest.param("{", "download the JSON key of the service account again", id="cut"),
        pytest.param('{"type": "external_account"}', "has the type 'external_account'", id="type"),
        pytest.param(
            '{"type": "service_account", "private_key": "s3cr3t"}', "cannot be used", id="key"
        ),
    ],
)
async def test_a_file_that_cannot_be_used_is_named(
    server: RecordingServer, tmp_path: Path, content: str | None, error: str
) -> None:
    """A recoverable error; the next request reads the file again."""
    file = tmp_path / "key.json"
    if content is not None:
        file.write_text(content)
    outcome = await sent(server, str(file))
    assert outcome.verdict is Verdict.RETRY
    assert error in outcome.error
    assert str(file) in outcome.error
    assert "s3cr3t" not in outcome.error


async def test_without_cryptography_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where a key has to sign: a machine's identity needs no package."""
    monkeypatch.setattr("promscrape.storage.remote.signing.rsa_key.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'promscrape\[google\]'"):
        client_of(
            "http://h/", ManualClock(), {}, google_iam=GoogleIAMConfig(credentials_file="key.json")
        )
    await client_of("http://h/", ManualClock(), {}, google_iam=GoogleIAMConfig()).close()
