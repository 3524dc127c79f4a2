"""Azure AD's methods, against a provider that checks what it is shown."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
)
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates

from promscrape.model.secret import Secret
from promscrape.storage.remote.cloud_auth import (
    AzureADConfig,
    AzureCertificate,
    AzureOAuth,
    AzureSDK,
    ManagedIdentity,
    WorkloadIdentity,
)
from promscrape.storage.remote.outcome import Outcome, Verdict
from tests.support.clock import ManualClock
from tests.support.http_server import RecordingServer
from tests.support.identity_provider import IdentityProvider
from tests.support.tls import cert_pem, key_pem
from tests.unit.storage.remote.signing.destination import sent_once

ID = "12345678-1234-1234-1234-123456789012"
PUBLIC = "https://monitor.azure.com//.default"


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider(ManualClock().now_ns() // 1_000_000_000) as provider:
        yield provider


@pytest.fixture
async def server() -> AsyncIterator[RecordingServer]:
    async with RecordingServer() as server:
        yield server


async def sent(
    server: RecordingServer,
    provider: IdentityProvider,
    config: AzureADConfig,
    environ: Mapping[str, str] | None = None,
) -> Outcome:
    where = {
        "AZURE_AUTHORITY_HOST": provider.url,
        "AZURE_POD_IDENTITY_AUTHORITY_HOST": provider.url,
    }
    return await sent_once(server.url, {**where, **(environ or {})}, azuread=config)


def oauth(secret: str) -> AzureADConfig:
    return AzureADConfig(
        oauth=AzureOAuth(client_id=ID, client_secret=Secret(secret), tenant_id="tenant")
    )


async def test_an_application_shows_its_secret(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """Config 10.2: `oauth`, for the audience of the public cloud's metrics."""
    provider.secrets[ID] = "hidden"
    assert (await sent(server, provider, oauth("hidden"))).verdict is Verdict.ACCEPTED
    assert provider.resources == [PUBLIC]
    assert server.sent("Authorization") == ["Bearer token-1"]


@pytest.mark.parametrize(
    ("config", "scope"),
    [
        pytest.param({"cloud": "AzureChina"}, "https://monitor.azure.cn//.default", id="china"),
        pytest.param(
            {"cloud": "AzureGovernment"}, "https://monitor.azure.us//.default", id="government"
        ),
        pytest.param({"scope": "api://mine/.default"}, "api://mine/.default", id="own"),
    ],
)
async def test_the_scope_is_the_cloud_s_or_the_section_s(
    server: RecordingServer, provider: IdentityProvider, config: dict[str, str], scope: str
) -> None:
    """Config section 10: `cloud` and `scope`."""
    provider.secrets[ID] = "hidden"
    section = AzureADConfig(oauth=oauth("hidden").oauth, **config)  # type: ignore[arg-type]  # texts all
    assert (await sent(server, provider, section)).verdict is Verdict.ACCEPTED
    assert provider.resources == [scope]


async def test_a_refusal_is_recoverable_and_names_the_remedy(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """The provider repeats the secret; the error does not."""
    outcome = await sent(server, provider, oauth("s3cr3t"))
    assert outcome.verdict is Verdict.RETRY
    assert f"azuread: no token from {provider.url}/tenant/oauth2/v2.0/token: 401" in outcome.error
    assert "invalid_client not <secret>" in outcome.error
    assert "check client_id, tenant_id and client_secret" in outcome.error
    assert "s3cr3t" not in outcome.error
    assert server.requests == []


async def test_a_workload_shows_what_kubernetes_gave_it(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path
) -> None:
    """Config section 10: the file at `token_file_path`, else of AZURE_FEDERATED_TOKEN_FILE."""
    provider.federated[ID] = "of-kubernetes"
    file = tmp_path / "token"
    file.write_text("of-kubernetes\n")
    identity = WorkloadIdentity(client_id=ID, tenant_id="tenant", token_file_path=str(file))
    config = AzureADConfig(workload_identity=identity)
    assert (await sent(server, provider, config)).verdict is Verdict.ACCEPTED
    config = AzureADConfig(workload_identity=WorkloadIdentity(client_id=ID, tenant_id="tenant"))
    environ = {"AZURE_FEDERATED_TOKEN_FILE": str(file)}
    assert (await sent(server, provider, config, environ)).verdict is Verdict.ACCEPTED
    file.unlink()
    outcome = await sent(server, provider, config, environ)
    assert outcome.verdict is Verdict.RETRY
    assert f"open {file}: no such file or directory" in outcome.error


@pytest.mark.parametrize("form", ["pem", "one-pem", "pkcs12"])
@pytest.mark.parametrize("sends_chain", [True, False])
async def test_an_application_shows_a_certificate(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path, form: str, sends_chain: int
) -> None:
    """Config section 10: `certificate`, whose signature the provider verifies."""
    leaf = trustme.CA().issue_cert("app.example", key_type=trustme.KeyType.RSA)
    provider.certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    path, key_path, password = tmp_path / "cert", tmp_path / "key", ""
    if form == "pkcs12":
        password = "p4ss"
        key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
        path.write_bytes(
            serialize_key_and_certificates(
                b"app",
                key,  # type: ignore[arg-type]  # an RSA key
                provider.certificate,
                None,
                BestAvailableEncryption(password.encode()),
            )
        )
    elif form == "pem":
        path.write_text(cert_pem(leaf))
        key_path.write_text(key_pem(leaf))
    else:
        path.write_text(cert_pem(leaf) + key_pem(leaf))
    config = AzureADConfig(
        certificate=AzureCertificate(
            client_id=ID,
            tenant_id="tenant",
            certificate_path=str(path),
            certificate_key_path=str(key_path) if form == "pem" else "",
            certificate_password=Secret(password),
            send_certificate_chain=bool(sends_chain),
        )
    )
    outcome = await sent(server, provider, config)
    assert outcome.verdict is Verdict.ACCEPTED, outcome


@pytest.mark.parametrize("content", [None, b"nonsense", b"-----BEGIN PRIVATE KEY-----\nx\n"])
async def test_a_certificate_that_cannot_be_used_is_named(
    server: RecordingServer, provider: IdentityProvider, tmp_path: Path, content: bytes | None
) -> None:
    """A recoverable error: files are rotated while the daemon runs."""
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_bytes(content)
    config = AzureADConfig(
        certificate=AzureCertificate(client_id=ID, tenant_id="tenant", certificate_path=str(path))
    )
    outcome = await sent(server, provider, config)
    assert outcome.verdict is Verdict.RETRY
    assert str(path) in outcome.error


@pytest.mark.parametrize("client_id", ["", ID])
async def test_a_machine_asks_its_metadata_server(
    server: RecordingServer, provider: IdentityProvider, client_id: str
) -> None:
    """Config section 10: `managed_identity`, the machine's own or one of several."""
    provider.identities.add(client_id)
    config = AzureADConfig(managed_identity=ManagedIdentity(client_id=client_id))
    assert (await sent(server, provider, config)).verdict is Verdict.ACCEPTED
    assert provider.resources == ["https://monitor.azure.com/"]


async def test_an_app_service_asks_where_it_is_told(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """Microsoft's page on managed identities of App Service: another place, another header."""
    provider.identities.add("")
    environ = {"IDENTITY_ENDPOINT": f"{provider.url}/appservice", "IDENTITY_HEADER": "app-secret"}
    config = AzureADConfig(managed_identity=ManagedIdentity())
    assert (await sent(server, provider, config, environ)).verdict is Verdict.ACCEPTED


async def test_a_machine_without_an_identity_is_told_what_to_do(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """A recoverable error, with the metadata server's words."""
    outcome = await sent(server, provider, AzureADConfig(managed_identity=ManagedIdentity()))
    assert outcome.verdict is Verdict.RETRY
    assert "no such identity" in outcome.error
    assert "give the machine a managed identity" in outcome.error


async def test_the_sdk_takes_the_first_way_that_works(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """Config section 10: `sdk`, the environment before the machine."""
    environ = {
        "AZURE_CLIENT_ID": ID,
        "AZURE_CLIENT_SECRET": "hidden",
        "AZURE_TENANT_ID": "tenant",
    }
    provider.secrets[ID] = "hidden"
    config = AzureADConfig(sdk=AzureSDK())
    assert (await sent(server, provider, config, environ)).verdict is Verdict.ACCEPTED
    assert provider.resources == [PUBLIC]
    provider.secrets.clear()
    provider.identities.add(ID)
    assert (await sent(server, provider, config, environ)).verdict is Verdict.ACCEPTED
    assert provider.resources[1:] == [PUBLIC, "https://monitor.azure.com/"]


async def test_the_sdk_names_every_way_that_failed(
    server: RecordingServer, provider: IdentityProvider
) -> None:
    """Whoever set up one of them wants to know what was wrong with it."""
    environ = {"AZURE_CLIENT_ID": ID, "AZURE_CLIENT_SECRET": "x", "AZURE_TENANT_ID": "tenant"}
    outcome = await sent(server, provider, AzureADConfig(sdk=AzureSDK()), environ)
    assert outcome.verdict is Verdict.RETRY
    assert "environment: azuread: no token" in outcome.error
    assert "managed identity: azuread: no token" in outcome.error
