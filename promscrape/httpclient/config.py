"""How HTTP requests are made: the fields that every section with an HTTP client has inline."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Self, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath, GoName
from promscrape.httpclient.auth import Authorization, BasicAuth, OAuth2
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

# Headers that the client or the protocol sets itself, in lower case.
RESERVED_HEADERS = frozenset(
    {
        "authorization",
        "host",
        "content-encoding",
        "content-length",
        "content-type",
        "user-agent",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "www-authenticate",
        "accept-encoding",
        "x-prometheus-remote-write-version",
        "x-prometheus-remote-read-version",
        "x-prometheus-scrape-timeout-seconds",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    }
)


@final
class Header(ConfigStruct, frozen=True, kw_only=True):
    """The values that one header is sent with, in this order. Files are read at each request."""

    go_type: ClassVar[str] = "config.Header"

    values: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    files: tuple[FilePath, ...] = ()


@final
class HTTPClientConfig(ConfigStruct, frozen=True, kw_only=True):
    """The HTTP client's part of a section. Two sections with equal parts can share a client.

    In effect a bearer token stands in `authorization`, as what has replaced it does.
    """

    go_type: ClassVar[str] = "config.HTTPClientConfig"
    go_item: ClassVar[str] = "config.HTTPClientConfig"

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    bearer_token: Secret = Secret()
    bearer_token_file: FilePath = ""
    tls_config: TLSConfig = TLSConfig()
    follow_redirects: bool = True
    enable_http2: bool = True  # accepted for the format's sake: requests are HTTP/1.1
    proxy: Annotated[ProxyConfig, INLINE] = ProxyConfig()
    http_headers: Annotated[Mapping[str, Header], GoName("config.Headers")] = {}

    def check(self) -> Iterator[InvalidValue]:
        yield from self._bearer_faults()
        if self.basic_auth:
            yield from _within("basic_auth", self.basic_auth.faults())
        yield from self._authorization_faults()
        if self.oauth2:
            yield from _within("oauth2", self.oauth2.faults())
        yield from self.proxy.check()
        for name in self.http_headers:
            if name.lower() in RESERVED_HEADERS:
                canonical = "-".join(part.capitalize() for part in name.split("-"))
                yield InvalidValue(
                    f"setting header {quote(canonical)} is not allowed",
                    at=("http_headers", name),
                    on_key=True,
                )

    def resolved(self) -> Self:
        if not self._has_bearer():
            return self
        return msgspec.structs.replace(
            self,
            authorization=Authorization(
                credentials=self.bearer_token, credentials_file=self.bearer_token_file
            ),
            bearer_token=Secret(),
            bearer_token_file="",
        )

    def _bearer_faults(self) -> Iterator[InvalidValue]:
        if self.bearer_token and self.bearer_token_file:
            yield InvalidValue(
                "at most one of bearer_token & bearer_token_file must be configured",
                at=("bearer_token_file",),
            )
        if (self.basic_auth or self.oauth2) and self._has_bearer():
            yield InvalidValue(
                "at most one of basic_auth, oauth2, bearer_token & bearer_token_file "
                "must be configured"
            )

    def _authorization_faults(self) -> Iterator[InvalidValue]:
        if self.authorization:
            if self._has_bearer():
                yield InvalidValue(
                    "authorization is not compatible with bearer_token & bearer_token_file",
                    at=("authorization",),
                )
            yield from _within("authorization", self.authorization.faults())
        if sum(map(bool, (self.basic_auth, self.authorization, self.oauth2))) > 1:
            yield InvalidValue(
                "at most one of basic_auth, oauth2 & authorization must be configured"
            )

    def _has_bearer(self) -> bool:
        return bool(self.bearer_token or self.bearer_token_file)


def _within(key: str, faults: Iterator[InvalidValue]) -> Iterator[InvalidValue]:
    """Yield the faults of the section at `key` as seen from the one around it."""
    for fault in faults:
        yield InvalidValue(str(fault), at=(key, *fault.at), hint=fault.hint)
