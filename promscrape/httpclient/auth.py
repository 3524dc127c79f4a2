"""How a client shows who it is: basic_auth, authorization and oauth2.

What is wrong with them is found by the section around them, `HTTPClientConfig`, whose rules come
in Prometheus's order. A `*_ref` is accepted and refused where a client is built.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath, GoName, Via
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL

JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_BEARER = "Bearer"
_ALGORITHMS = ("RS256", "RS384", "RS512")


@final
class BasicAuth(ConfigStruct, frozen=True, kw_only=True):
    """A user and password; an empty section sends both empty. Files are read at each request."""

    go_type: ClassVar[str] = "config.plain"

    username: str = ""
    username_file: FilePath = ""
    username_ref: str = ""
    password: Secret = Secret()
    password_file: FilePath = ""
    password_ref: str = ""

    def faults(self) -> Iterator[InvalidValue]:
        """Yield what is wrong, for the section around to refuse."""
        if sum(map(bool, (self.username, self.username_file, self.username_ref))) > 1:
            yield InvalidValue(
                "at most one of basic_auth username, username_file & username_ref must be configured"
            )
        if sum(map(bool, (self.password, self.password_file, self.password_ref))) > 1:
            yield InvalidValue(
                "at most one of basic_auth password, password_file & password_ref must be configured"
            )


@final
class Authorization(ConfigStruct, frozen=True, kw_only=True):
    """The header `Authorization: <type> <credentials>`. The file is read at each request."""

    go_type: ClassVar[str] = "config.Authorization"

    type: str = _BEARER
    credentials: Secret = Secret()
    credentials_file: FilePath = ""
    credentials_ref: str = ""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "type", self.type.strip() or _BEARER)

    def faults(self) -> Iterator[InvalidValue]:
        """Yield what is wrong, for the section around to refuse."""
        if sum(map(bool, (self.credentials, self.credentials_file, self.credentials_ref))) > 1:
            yield InvalidValue(
                "at most one of authorization credentials & credentials_file must be configured"
            )
        if self.type.lower() == "basic":
            yield InvalidValue(
                'authorization type cannot be set to "basic", use "basic_auth" instead',
                at=("type",),
            )


@final
class OAuth2(ConfigStruct, frozen=True, kw_only=True):
    """Where and how a token is fetched. Empty texts mean what the format says their default is."""

    go_type: ClassVar[str] = "config.plain"

    client_id: str = ""
    client_secret: Secret = Secret()
    client_secret_file: FilePath = ""
    client_secret_ref: str = ""
    client_certificate_key_id: str = ""
    client_certificate_key: Secret = Secret()  # PEM
    client_certificate_key_file: str = ""  # as seen from the process, unlike all other files
    client_certificate_key_ref: str = ""
    grant_type: str = ""  # "": client_credentials
    signature_algorithm: str = ""  # "": RS256
    iss: str = ""  # "": client_id
    audience: str = ""  # "": token_url
    claims: Mapping[str, object] = {}
    scopes: tuple[str, ...] = ()
    token_url: Annotated[URL, Via(URL, URL), GoName("string")] = URL()  # not checked
    endpoint_params: Mapping[str, str] = {}
    tls_config: TLSConfig = TLSConfig()
    proxy: Annotated[ProxyConfig, INLINE] = ProxyConfig()

    def check(self) -> Iterator[InvalidValue]:
        yield from self.proxy.check()

    def faults(self) -> Iterator[InvalidValue]:
        """Yield what is wrong beside the proxy, for the section around to refuse."""
        if not self.client_id:
            yield InvalidValue("oauth2 client_id must be configured")
        if not self.token_url:
            yield InvalidValue("oauth2 token_url must be configured")
        if self.grant_type == JWT_BEARER:
            yield from self._key_faults()
        elif (
            sum(map(bool, (self.client_secret, self.client_secret_file, self.client_secret_ref)))
            > 1
        ):
            yield InvalidValue(
                "at most one of oauth2 client_secret, client_secret_file & client_secret_ref "
                "must be configured using grant-type=client_credentials"
            )

    def _key_faults(self) -> Iterator[InvalidValue]:
        keys = (
            self.client_certificate_key,
            self.client_certificate_key_file,
            self.client_certificate_key_ref,
        )
        if sum(map(bool, keys)) > 1:
            yield InvalidValue(
                "at most one of oauth2 client_certificate_key, client_certificate_key_file & "
                f"client_certificate_key_ref must be configured using grant-type={JWT_BEARER}"
            )
        if self.signature_algorithm and self.signature_algorithm not in _ALGORITHMS:
            yield InvalidValue(
                "valid signature algorithms are RS256, RS384 and RS512", at=("signature_algorithm",)
            )
