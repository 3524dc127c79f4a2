"""How a remote storage in a cloud is shown who writes: sigv4, azuread and google_iam."""

import re
from collections.abc import Iterator
from typing import ClassVar, final

import msgspec

from promscrape.decode.schema import ConfigStruct
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret

_DEFAULT_CLOUD = "AzurePublic"
_CLOUDS = ("AzureChina", "AzureGovernment", _DEFAULT_CLOUD)
_HEX = "[0-9a-fA-F]"
_UUID = rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"
# The forms that Go's uuid.Parse takes.
_ANY_UUID = re.compile(rf"{_UUID}|(?i:urn:uuid:){_UUID}|\{{{_UUID}\}}|{_HEX}{{32}}")
_TENANT = re.compile(r"[0-9a-zA-Z\-.]+")
_SCOPE = re.compile(r"[\w\s:/.\-]+", re.ASCII)


@final
class SigV4Config(ConfigStruct, frozen=True, kw_only=True):
    """AWS Signature Version 4. What is left out comes from the SDK's usual places."""

    go_type: ClassVar[str] = "sigv4.plain"

    region: str = ""
    access_key: str = ""
    secret_key: Secret = Secret()
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    use_fips_sts_endpoint: bool = False
    service_name: str = ""

    def check(self) -> Iterator[InvalidValue]:
        if bool(self.access_key) != bool(self.secret_key):
            yield InvalidValue(
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified "
                "in the SigV4 config"
            )
        if self.external_id and not self.role_arn:
            yield InvalidValue("external_id can only be used with role_arn", at=("external_id",))


@final
class GoogleIAMConfig(ConfigStruct, frozen=True, kw_only=True):
    """Google's IAM. Without a file: the application's default credentials."""

    go_type: ClassVar[str] = "googleiam.Config"

    credentials_file: str = ""  # as seen from the process, unlike most files


@final
class ManagedIdentity(ConfigStruct, frozen=True, kw_only=True):
    """The identity of the machine; without an id, the one that the system assigned."""

    go_type: ClassVar[str] = "azuread.ManagedIdentityConfig"

    client_id: str = ""


@final
class WorkloadIdentity(ConfigStruct, frozen=True, kw_only=True):
    """The identity of a Kubernetes workload."""

    go_type: ClassVar[str] = "azuread.WorkloadIdentityConfig"

    client_id: str = ""
    tenant_id: str = ""
    token_file_path: str = ""  # as seen from the process; "": AZURE_FEDERATED_TOKEN_FILE


@final
class AzureOAuth(ConfigStruct, frozen=True, kw_only=True):
    """The identity of a registered application."""

    go_type: ClassVar[str] = "azuread.OAuthConfig"

    client_id: str = ""
    client_secret: Secret = Secret()
    tenant_id: str = ""


@final
class AzureSDK(ConfigStruct, frozen=True, kw_only=True):
    """Whatever identity the SDK finds."""

    go_type: ClassVar[str] = "azuread.SDKConfig"

    tenant_id: str = ""


@final
class AzureCertificate(ConfigStruct, frozen=True, kw_only=True):
    """The identity of a registered application, shown by a certificate."""

    go_type: ClassVar[str] = "azuread.CertificateConfig"

    client_id: str = ""
    tenant_id: str = ""
    certificate_path: str = ""  # as seen from the process
    certificate_key_path: str = ""
    certificate_password: Secret = Secret()
    send_certificate_chain: bool = False


@final
class AzureADConfig(ConfigStruct, frozen=True, kw_only=True):
    """Azure's directory, by exactly one of its methods."""

    go_type: ClassVar[str] = "azuread.plain"

    cloud: str = _DEFAULT_CLOUD
    managed_identity: ManagedIdentity | None = None
    workload_identity: WorkloadIdentity | None = None
    oauth: AzureOAuth | None = None
    sdk: AzureSDK | None = None
    certificate: AzureCertificate | None = None
    scope: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "cloud", self.cloud or _DEFAULT_CLOUD)

    def check(self) -> Iterator[InvalidValue]:
        if self.cloud not in _CLOUDS:
            yield InvalidValue(
                "must provide a cloud in the Azure AD config",
                at=("cloud",),
                hint=f"the clouds are {', '.join(_CLOUDS)}",
            )
        methods = (
            self.managed_identity,
            self.workload_identity,
            self.oauth,
            self.sdk,
            self.certificate,
        )
        count = sum(method is not None for method in methods)
        if not count:
            yield InvalidValue(
                "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, "
                "Azure Certificate or Azure SDK in the Azure AD config"
            )
        elif count > 1:
            yield InvalidValue(
                "cannot provide multiple authentication methods in the Azure AD config"
            )
        yield from self._method_faults()
        if self.scope and not _SCOPE.fullmatch(self.scope):
            yield InvalidValue("the provided scope contains invalid characters", at=("scope",))

    def _method_faults(self) -> Iterator[InvalidValue]:
        if self.managed_identity and self.managed_identity.client_id:
            at = ("managed_identity", "client_id")
            yield from _id_faults("Managed Identity", self.managed_identity.client_id, at)
        if self.workload_identity:
            yield from _required(
                "workload_identity",
                "Workload Identity",
                client_id=self.workload_identity.client_id,
                tenant_id=self.workload_identity.tenant_id,
            )
        if self.oauth:
            yield from _required(
                "oauth",
                "OAuth",
                client_id=self.oauth.client_id,
                client_secret=self.oauth.client_secret,
                tenant_id=self.oauth.tenant_id,
            )
        if self.sdk and self.sdk.tenant_id:
            yield from _tenant_faults("SDK", self.sdk.tenant_id, ("sdk", "tenant_id"))
        if self.certificate:
            yield from _required(
                "certificate",
                "Certificate",
                client_id=self.certificate.client_id,
                tenant_id=self.certificate.tenant_id,
                certificate_path=self.certificate.certificate_path,
            )


def _required(key: str, method: str, **fields: str | Secret) -> Iterator[InvalidValue]:
    """Yield what is missing of a method's fields, and which of its ids are ill-formed."""
    for name, value in fields.items():
        if not value:
            message = f"must provide an Azure {method} {name} in the Azure AD config"
            yield InvalidValue(message, at=(key, name))
        elif name == "client_id":
            yield from _id_faults(method, str(value), (key, name))
        elif name == "tenant_id":
            yield from _tenant_faults(method, str(value), (key, name))


def _id_faults(method: str, text: str, at: tuple[str, str]) -> Iterator[InvalidValue]:
    if not _ANY_UUID.fullmatch(text):
        yield InvalidValue(
            f"the provided Azure {method} client_id is invalid", at=at, hint="it is a UUID"
        )


def _tenant_faults(method: str, text: str, at: tuple[str, str]) -> Iterator[InvalidValue]:
    if not _TENANT.fullmatch(text):
        yield InvalidValue(f"the provided Azure {method} tenant_id is invalid", at=at)
