"""Azure AD (Entra ID): `azuread` of a destination.

A registered application shows a secret, a certificate, or what Kubernetes says of a workload; a
machine asks its metadata server. Source: Microsoft's pages "OAuth 2.0 client credentials flow"
and "How to use managed identities for Azure resources", and Prometheus storage/remote/azuread.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, final
from urllib.parse import quote, urlencode

from promscrape.clock import Clock
from promscrape.errors import FetchError
from promscrape.httpclient.secret_source import SecretSource
from promscrape.httpclient.watched_file import WatchedFile, open_error
from promscrape.storage.remote.cloud_auth import AzureADConfig, AzureCertificate
from promscrape.storage.remote.signing.bearer import Token, TokenSource
from promscrape.storage.remote.signing.rsa_key import rsa_key
from promscrape.storage.remote.signing.token_request import TokenClient

_AUTHORITIES: Final[Mapping[str, str]] = {
    "AzurePublic": "https://login.microsoftonline.com",
    "AzureChina": "https://login.chinacloudapi.cn",
    "AzureGovernment": "https://login.microsoftonline.us",
}
# The two slashes belong to the name of the audience.
_SCOPES: Final[Mapping[str, str]] = {
    "AzurePublic": "https://monitor.azure.com//.default",
    "AzureChina": "https://monitor.azure.cn//.default",
    "AzureGovernment": "https://monitor.azure.us//.default",
}
_MACHINE = "http://169.254.169.254"
_MACHINE_PATH = "/metadata/identity/oauth2/token"
_TOKEN_FILE = "/var/run/secrets/azure/tokens/azure-identity-token"  # noqa: S105 - a path
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_S = 600


class Proof(Protocol):
    """How an application shows who it is."""

    def form(self, url: str) -> Mapping[str, str]:
        """Return the part of the form that does, for a request to `url`. Raises FetchError."""

    @property
    def remedy(self) -> str:
        """What to look at where that is refused."""


@final
class ClientSecret:
    """Implements `Proof` with a secret that the configuration holds."""

    remedy = "check client_id, tenant_id and client_secret, and that the secret has not expired"

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def form(self, url: str) -> Mapping[str, str]:
        del url
        return {"client_secret": self._secret}


@final
class FederatedToken:
    """Implements `Proof` with a file that Kubernetes keeps up to date."""

    def __init__(self, path: str) -> None:
        self._file = SecretSource("azuread workload identity token", file=path)
        self.remedy = (
            f"check that the service account's federated credential is set up, and {path} is its"
        )

    def form(self, url: str) -> Mapping[str, str]:
        del url
        return {"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._file.text()}


@final
class SignedAssertion:
    """Implements `Proof` with a certificate, whose files are read for each token."""

    def __init__(self, config: AzureCertificate, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._certificate = WatchedFile(config.certificate_path)
        key_path = config.certificate_key_path
        self._key = WatchedFile(key_path) if key_path else self._certificate
        self.remedy = f"check that the application knows the certificate {config.certificate_path}"

    def form(self, url: str) -> Mapping[str, str]:
        config = self._config
        certificates = _content(self._certificate)
        key = rsa_key(
            "azuread",
            self._key.path,
            _content(self._key),
            certificates,
            config.certificate_password.reveal(),
        )
        header: dict[str, object] = dict(key.thumbprints())
        if config.send_certificate_chain:
            header["x5c"] = key.chain()
        now_s = self._clock.now_ns() // 1_000_000_000
        claims = {
            "aud": url,
            "iss": config.client_id,
            "sub": config.client_id,
            "jti": str(uuid.uuid4()),
            "nbf": now_s,
            "exp": now_s + _ASSERTION_S,
        }
        return {
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": key.signed(header, claims),
        }


@final
class Application:
    """Implements `TokenSource` for an application: the client credentials grant."""

    def __init__(
        self, client: TokenClient, url: str, client_id: str, scope: str, proof: Proof
    ) -> None:
        self._client, self._url, self._proof = client, url, proof
        self._form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "scope": scope,
        }

    async def fetch(self) -> Token:
        shown = self._proof.form(self._url)
        secret = shown.get("client_secret") or shown.get("client_assertion", "")
        return await self._client.post(
            self._url, {**self._form, **shown}, secret=secret, remedy=self._proof.remedy
        )

    async def close(self) -> None:
        await self._client.close()


@final
class ManagedIdentity:
    """Implements `TokenSource` with the identity of the machine, or of the App Service."""

    def __init__(
        self, client: TokenClient, client_id: str, scope: str, environ: Mapping[str, str]
    ) -> None:
        self._client = client
        query = {"resource": scope.removesuffix("/.default")}
        if client_id:
            query["client_id"] = client_id
        endpoint, secret = environ.get("IDENTITY_ENDPOINT"), environ.get("IDENTITY_HEADER")
        if endpoint and secret:
            query["api-version"] = "2019-08-01"
            self._headers = {"X-IDENTITY-HEADER": secret}
        else:
            host = environ.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _MACHINE
            endpoint = host.rstrip("/") + _MACHINE_PATH
            query["api-version"] = "2018-02-01"
            self._headers = {"Metadata": "true"}
        self._url = f"{endpoint}?{urlencode(query)}"

    async def fetch(self) -> Token:
        return await self._client.get(
            self._url,
            self._headers,
            remedy="give the machine a managed identity, and client_id if it has several",
        )

    async def close(self) -> None:
        await self._client.close()


@final
class FirstOf:
    """Implements `TokenSource` as the SDK's default chain: the first way that works is kept."""

    def __init__(self, ways: Sequence[tuple[str, TokenSource]]) -> None:
        self._ways = ways
        self._working: TokenSource | None = None

    async def fetch(self) -> Token:
        if self._working is not None:
            return await self._working.fetch()
        failures = []
        for name, way in self._ways:
            try:
                token = await way.fetch()
            except FetchError as exc:
                failures.append(f"{name}: {exc}")
                continue
            self._working = way
            return token
        raise FetchError(
            f"azuread: no way of the SDK gives a token: {'; '.join(failures)}; set "
            "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or choose another method"
        )

    async def close(self) -> None:
        for _, way in self._ways:
            await way.close()


@final
class AzureSources:
    """Makes the source of a section's tokens, for any of its methods."""

    def __init__(
        self, config: AzureADConfig, user_agent: str, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._config, self._user_agent = config, user_agent
        self._clock, self._environ = clock, environ
        self._scope = config.scope or _SCOPES[config.cloud]

    def source(self) -> TokenSource:
        config = self._config
        if config.oauth:
            proof = ClientSecret(config.oauth.client_secret.reveal())
            return self._application(config.oauth.tenant_id, config.oauth.client_id, proof)
        if config.workload_identity:
            identity = config.workload_identity
            proof_of = FederatedToken(identity.token_file_path or self._token_file())
            return self._application(identity.tenant_id, identity.client_id, proof_of)
        if config.certificate:
            assertion = SignedAssertion(config.certificate, self._clock)
            return self._application(
                config.certificate.tenant_id, config.certificate.client_id, assertion
            )
        if config.managed_identity:
            return self._machine(config.managed_identity.client_id)
        assert config.sdk is not None  # without a method, the section does not load
        return FirstOf(self._chain(config.sdk.tenant_id))

    def _chain(self, tenant: str) -> list[tuple[str, TokenSource]]:
        """Return the ways of the SDK that need no program and no person."""
        environ, ways = self._environ, list[tuple[str, TokenSource]]()
        tenant = tenant or environ.get("AZURE_TENANT_ID", "")
        client_id = environ.get("AZURE_CLIENT_ID", "")
        if tenant and client_id:
            if environ.get("AZURE_CLIENT_SECRET"):
                proof = ClientSecret(environ["AZURE_CLIENT_SECRET"])
                ways.append(("environment", self._application(tenant, client_id, proof)))
            if environ.get("AZURE_FEDERATED_TOKEN_FILE"):
                federated = FederatedToken(self._token_file())
                ways.append(("workload identity", self._application(tenant, client_id, federated)))
        ways.append(("managed identity", self._machine(client_id)))
        return ways

    def _application(self, tenant: str, client_id: str, proof: Proof) -> Application:
        authority = self._environ.get("AZURE_AUTHORITY_HOST") or _AUTHORITIES[self._config.cloud]
        url = f"{authority.rstrip('/')}/{quote(tenant)}/oauth2/v2.0/token"
        client = TokenClient("azuread", self._user_agent, self._environ)
        return Application(client, url, client_id, self._scope, proof)

    def _machine(self, client_id: str) -> ManagedIdentity:
        client = TokenClient("azuread", self._user_agent, self._environ, uses_proxy=False)
        return ManagedIdentity(client, client_id, self._scope, self._environ)

    def _token_file(self) -> str:
        return self._environ.get("AZURE_FEDERATED_TOKEN_FILE") or _TOKEN_FILE


def _content(file: WatchedFile) -> bytes:
    try:
        return file.read()
    except OSError as exc:
        raise FetchError(
            f"azuread: unable to read the certificate: {open_error(file.path, exc)}"
        ) from exc
