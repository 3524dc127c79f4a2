"""The one HTTP client: for scrapes, discovery and remote write.

It does what a section's `HTTPClientConfig` says: TLS, credentials, extra headers, proxies and
redirects. What an answer means, how large it may be and how long it may take is the caller's.

HTTP/1.1 only. Answers come as they were sent: nothing is unpacked. Rules H7 to H11 of the
scrape specification and section 9 of the configuration's.
"""

import os
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Mapping
from types import TracebackType
from typing import Final, Self, final

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from promscrape.clock import Clock, SystemClock
from promscrape.errors import FetchError
from promscrape.httpclient.auth import OAuth2
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.connection import IDLE_S
from promscrape.httpclient.credentials import ExtraHeaders, authorize, basic, reads_files
from promscrape.httpclient.oauth2 import TokenReply, Tokens, refuse_unsupported
from promscrape.httpclient.plain import PlainClient
from promscrape.httpclient.redirect import (
    MAX_REQUESTS,
    REDIRECTS,
    SENSITIVE_HEADERS,
    Hop,
    check_address,
    first_hop,
    shown,
)
from promscrape.httpclient.round_robin import RoundRobinResolver
from promscrape.httpclient.route import DIRECT, Route, router
from promscrape.httpclient.signer import Signer
from promscrape.httpclient.tls_context import TLS
from promscrape.httpclient.transport_error import HANDSHAKE_S, os_reason, reason

_READ_BYTES = 1 << 18
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=None)
_TLS_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=HANDSHAKE_S)
_SYSTEM_CLOCK: Final = SystemClock()
_TOKEN_BYTES = 1 << 20

# aiohttp adds these by itself where a request has none, unless told each time.
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type")


@final
class HTTPClient:
    """Makes requests in the way of one section, and owns their connections.

    To be made and closed on one event loop. Raises ConfigError where the section cannot be
    obeyed: an unreadable certificate, a secret's reference, a proxy of another kind.

    user_agent: sent with each request.
    environ: where `proxy_from_environment` looks, once.
    unix_socket: the path of the socket that every request goes to, whatever host its URL names,
        redirects included and proxies passed by; "" for the hosts themselves. Plain HTTP only.
    signer: proves who makes a request, beside what the section has; closed with the client.
    round_robin_dns: look a host up for each connection, and take one of its addresses by chance.
    """

    def __init__(
        self,
        config: HTTPClientConfig,
        user_agent: str,
        *,
        clock: Clock = _SYSTEM_CLOCK,
        environ: Mapping[str, str] = os.environ,
        unix_socket: str = "",
        signer: Signer | None = None,
        round_robin_dns: bool = False,
    ) -> None:
        self._follows_redirects = config.follow_redirects
        self._tls = TLS(config.tls_config)
        self._server_name = config.tls_config.server_name or None
        self._router = None if unix_socket else router(config.proxy, environ)
        self._unix_socket = unix_socket
        self._authorize = authorize(config)
        self._signer = signer
        self._extra_headers = ExtraHeaders(config.http_headers)
        self._endpoint: _Endpoint | None = None
        self._tokens: Tokens | None = None
        if config.oauth2:
            refuse_unsupported(config.oauth2)
            self._endpoint = _Endpoint(config.oauth2, user_agent, clock, environ)
            self._tokens = Tokens(config.oauth2, self._endpoint, clock)
        self._has_dress = bool(
            self._authorize or self._tokens or self._extra_headers or self._router or signer
        )
        self._session = aiohttp.ClientSession(
            connector=_connector(unix_socket, round_robin_dns=round_robin_dns),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=_NO_TIMEOUT,
            read_bufsize=_READ_BYTES,
            headers={"User-Agent": user_agent},
        )
        own = None if reads_files(config) or self._router or signer else self._own_headers()
        self._plain = (
            None
            if own is None
            else PlainClient(self._session, user_agent, own, has_socket=bool(unix_socket))
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        if self._plain is not None:
            self._plain.close()
        await self._session.close()
        if self._endpoint is not None:
            await self._endpoint.close()
        if self._signer is not None:
            await self._signer.close()

    def plain(self) -> PlainClient | None:
        """Return the way of plain requests, None where the section needs the full client.

        It does for proxies, signatures, tokens that expire, and what is read from files.
        """
        return self._plain

    def redirected(
        self,
        url: str,
        headers: Mapping[str, str],
        status: int,
        location: str,
        body: bytes | None = None,
    ) -> Coroutine[None, None, aiohttp.ClientResponse] | None:
        """Return how to go on after a GET was answered by this, None where it is not followed.

        body: that of a POST. To be awaited; see `request`.
        """
        if not (self._follows_redirects and status in REDIRECTS and location):
            return None
        first = first_hop("GET" if body is None else "POST", url, headers, body)
        return self._chase(first.to(status, location), MAX_REQUESTS - 1)

    def get(
        self, url: str, headers: Mapping[str, str]
    ) -> Coroutine[None, None, aiohttp.ClientResponse]:
        """Request `url`; see `request`."""
        return self.request("GET", url, headers)

    def post(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> Coroutine[None, None, aiohttp.ClientResponse]:
        """Send `body` to `url`; see `request`."""
        return self.request("POST", url, headers, body)

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.ClientResponse:
        """Return the answer that redirects lead to, whatever its status, its body unread.

        The caller reads the body and calls `release`. An Authorization of the caller's own is
        not replaced. Raises FetchError with Go's text, `Get "<url>": <reason>`; the deadline is
        the caller's, by cancellation, which closes the connection.
        """
        return await self._chase(first_hop(method, url, headers, body), MAX_REQUESTS)

    @staticmethod
    async def parts(answer: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        """Yield the body of an answer as it comes.

        Raises FetchError with Go's reason, and without the request, where it is cut.
        """
        try:
            async for part in answer.content.iter_any():
                yield part
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as exc:
            raise FetchError("unexpected EOF") from exc
        except aiohttp.ClientError as exc:
            raise FetchError(reason(exc)) from exc
        except OSError as exc:
            raise FetchError(f"read: {os_reason(exc)}") from exc

    def _own_headers(self) -> list[tuple[str, str]] | None:
        """Return what the section adds to each request, None where that fails at each."""
        try:
            own = list(self._extra_headers.pairs(at_home=True))
            if self._authorize is not None:
                own.append(("Authorization", self._authorize()))
        except FetchError:
            return None
        return own

    async def _chase(self, hop: Hop, requests: int) -> aiohttp.ClientResponse:
        for _ in range(requests):
            try:
                check_address(hop)
                if self._unix_socket:
                    _refuse_tls(hop)
                route = self._router.route(hop.url) if self._router else DIRECT
                # Most requests carry nothing of the client's own and go out as they came.
                dresses = self._has_dress or "@" in hop.url.raw_authority
                sent = await self._dressed(hop, route) if dresses else hop
                answer = await self._send(sent, route)
            except aiohttp.ClientError as exc:
                raise FetchError(_failure(hop, reason(exc))) from exc
            except FetchError as exc:
                raise FetchError(_failure(hop, str(exc))) from exc
            location = answer.headers.get("Location")
            if not (self._follows_redirects and answer.status in REDIRECTS and location):
                return answer
            answer.release()
            hop = hop.to(answer.status, location)
        raise FetchError(_failure(hop, f"stopped after {MAX_REQUESTS} redirects"))

    def _send(self, hop: Hop, route: Route) -> Awaitable[aiohttp.ClientResponse]:
        """Send one request of a chain. Raises FetchError where a TLS file is unusable."""
        speaks_tls = hop.url.scheme == "https" or (
            route.proxy is not None and route.proxy.scheme == "https"
        )
        return self._session.request(
            hop.method,
            hop.url,
            headers=hop.headers,
            # Telling aiohttp costs microseconds; scrapes set these headers and save them.
            skip_auto_headers=None if "Accept-Encoding" in hop.headers else _NOT_ADDED,
            data=hop.body,
            allow_redirects=False,
            ssl=self._tls.context() if speaks_tls else True,
            server_hostname=self._server_name,
            proxy=route.proxy,
            proxy_headers=route.connect_headers,
            timeout=_TLS_TIMEOUT if speaks_tls else _NO_TIMEOUT,
        )

    async def _dressed(self, hop: Hop, route: Route) -> Hop:
        """Return the request with credentials and extra headers. Raises FetchError."""
        headers = CIMultiDict(hop.headers)
        url = hop.url
        if "@" in url.raw_authority:
            _take_credentials(url, headers)
            url = url.with_user(None)
        at_home = bool(hop.home)
        for name, value in self._extra_headers.pairs(at_home=at_home):
            if at_home or name.lower() not in SENSITIVE_HEADERS:
                headers.add(name, value)
        if at_home and "Authorization" not in headers:
            if self._authorize is not None:
                headers["Authorization"] = self._authorize()
            elif self._tokens is not None:
                headers["Authorization"] = self._tokens.cached() or await self._tokens.fetch()
        if route.authorization and url.scheme == "http":
            headers["Proxy-Authorization"] = route.authorization
        if at_home and self._signer is not None and "Authorization" not in headers:
            # Last, because a signature covers all other headers.
            headers.update(await self._signer.sign(hop.method, str(url), headers, hop.body or b""))
        return hop._replace(url=url, headers=headers)


@final
class _Endpoint:
    """Where a section's tokens come from, reached in the way that its `oauth2` part says."""

    def __init__(
        self, config: OAuth2, user_agent: str, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        self._url = config.token_url.reveal()
        # A redirect could take the client's secret to another host.
        ways = HTTPClientConfig(
            tls_config=config.tls_config, proxy=config.proxy, follow_redirects=False
        )
        self._client = HTTPClient(ways, user_agent, clock=clock, environ=environ)

    async def close(self) -> None:
        await self._client.close()

    async def post(self, headers: Mapping[str, str], body: bytes) -> TokenReply:
        answer = await self._client.post(self._url, headers, body)
        received = bytearray()
        try:
            async for part in answer.content.iter_any():
                received += part
                if len(received) > _TOKEN_BYTES:
                    raise FetchError("oauth2: cannot fetch token: the answer is over 1 MiB")
        except aiohttp.ClientError as exc:
            raise FetchError(f"oauth2: cannot fetch token: {reason(exc)}") from exc
        finally:
            answer.release()
        content_type = answer.headers.get("Content-Type", "")
        return TokenReply(answer.status, answer.reason or "", content_type, bytes(received))


def _connector(unix_socket: str, *, round_robin_dns: bool) -> aiohttp.BaseConnector:
    if unix_socket:
        return aiohttp.UnixConnector(unix_socket, limit=0, keepalive_timeout=IDLE_S)
    if round_robin_dns:
        resolver = RoundRobinResolver()
        return aiohttp.TCPConnector(
            limit=0, keepalive_timeout=IDLE_S, resolver=resolver, use_dns_cache=False
        )
    return aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S)


def _refuse_tls(hop: Hop) -> None:
    """Raise FetchError for a request that aiohttp would send over the socket unencrypted."""
    if hop.url.scheme == "https":
        raise FetchError("https over a unix socket is not supported: use http")


def _take_credentials(url: URL, headers: CIMultiDict[str]) -> None:
    """Turn user and password of a URL into a header, unless the caller has one."""
    headers.setdefault("Authorization", basic(url.user or "", url.password or ""))


def _failure(hop: Hop, text: str) -> str:
    return f'{hop.method.capitalize()} "{shown(str(hop.url))}": {text}'
