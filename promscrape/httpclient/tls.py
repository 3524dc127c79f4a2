"""The section `tls_config`: whom a client trusts, and who it says it is."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct, FilePath, Via
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret


@final
class TLSVersion(StrEnum):
    """A version of TLS by its name in the file."""

    TLS10 = "TLS10"
    TLS11 = "TLS11"
    TLS12 = "TLS12"
    TLS13 = "TLS13"


def tls_version(text: str) -> TLSVersion | None:
    """Read a version's name, None for an empty one. Raises InvalidValue."""
    if not text:
        return None
    try:
        return TLSVersion(text)
    except ValueError:
        versions = ", ".join(TLSVersion)
        raise InvalidValue(
            f"unknown TLS version: {text}", hint=f"the versions are {versions}"
        ) from None


@final
class TLSConfig(ConfigStruct, frozen=True, kw_only=True):
    """How TLS is spoken. A `*_ref` is accepted here and refused where a client is built."""

    go_type: ClassVar[str] = "config.plain"

    ca: str = ""  # PEM
    cert: str = ""  # PEM
    key: Secret = Secret()  # PEM
    ca_file: FilePath = ""
    cert_file: FilePath = ""
    key_file: FilePath = ""
    ca_ref: str = ""
    cert_ref: str = ""
    key_ref: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: Annotated[TLSVersion | None, Via(tls_version, lambda: None)] = None
    max_version: Annotated[TLSVersion | None, Via(tls_version, lambda: None)] = None

    def check(self) -> Iterator[InvalidValue]:
        certs = sum(map(bool, (self.cert, self.cert_file, self.cert_ref)))
        keys = sum(map(bool, (self.key, self.key_file, self.key_ref)))
        if sum(map(bool, (self.ca, self.ca_file, self.ca_ref))) > 1:
            yield InvalidValue("at most one of ca, ca_file & ca_ref must be configured")
        if certs > 1:
            yield InvalidValue("at most one of cert, cert_file & cert_ref must be configured")
        if keys > 1:
            yield InvalidValue("at most one of key and key_file must be configured")
        if certs and not keys:
            yield InvalidValue(
                "exactly one of key or key_file must be configured when a client certificate "
                "is configured"
            )
        if keys and not certs:
            yield InvalidValue(
                "exactly one of cert or cert_file must be configured when a client key is configured"
            )
