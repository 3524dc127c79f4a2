"""`oci_sd_configs`: targets from the instances of Oracle Cloud Infrastructure."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.kind import Unbuilt
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

_API_KEY, _INSTANCE_PRINCIPAL = "api_key", "instance_principal"
_KEY_FIELDS = ("tenancy", "user", "fingerprint", "key_file")


@final
class OciSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/oci/oci.go, SDConfig."""

    go_type: ClassVar[str] = "oci.plain"
    go_item: ClassVar[str] = "*oci.SDConfig"

    auth: str = _API_KEY
    tenancy: str = ""
    user: str = ""
    fingerprint: str = ""
    key_file: FilePath = ""
    key_passphrase: Secret = Secret()
    key_passphrase_file: FilePath = ""
    region: str = ""
    compartments: tuple[str, ...] = ()  # (): all that the tenancy shows
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    port: int = 80
    refresh_interval: Duration = Duration(60_000)

    def check(self) -> Iterator[InvalidValue]:
        if not self.region:
            yield InvalidValue("oci_sd: region is required", at=("region",))
        yield from self._check_auth()
        for index, compartment in enumerate(self.compartments):
            if not compartment:
                yield InvalidValue(
                    f"oci_sd: compartments[{index}] must not be empty", at=("compartments", index)
                )
        if not self.refresh_interval:
            yield InvalidValue(
                f"oci_sd: refresh_interval must be positive, got {self.refresh_interval}",
                at=("refresh_interval",),
            )
        yield from self.http_client.check()

    def _check_auth(self) -> Iterator[InvalidValue]:
        passphrases = (self.key_passphrase, self.key_passphrase_file)
        match self.auth:
            case "api_key":
                for key in _KEY_FIELDS:
                    if not getattr(self, key):
                        yield InvalidValue(f"oci_sd: api_key auth requires {key}", at=(key,))
                if all(passphrases):
                    yield InvalidValue(
                        "oci_sd: at most one of key_passphrase and key_passphrase_file must be "
                        "configured",
                        at=("key_passphrase_file",),
                    )
            case "instance_principal":
                if any(getattr(self, key) for key in _KEY_FIELDS) or any(passphrases):
                    yield InvalidValue(
                        "oci_sd: instance_principal auth must not have tenancy, user, "
                        "fingerprint, key_file, key_passphrase, or key_passphrase_file set",
                        at=("auth",),
                    )
            case unknown:
                yield InvalidValue(
                    f"oci_sd: unknown auth method {quote(unknown)}, expected "
                    f"{quote(_API_KEY)} or {quote(_INSTANCE_PRINCIPAL)}",
                    at=("auth",),
                )


KIND = Unbuilt("oci", OciSDConfig)
