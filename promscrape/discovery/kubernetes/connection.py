"""Requests to one API server, with credentials that can change while it is watched."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias, final
from urllib.parse import quote, urlencode

import msgspec
from multidict import CIMultiDict
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.kubernetes.credential import Credential, Credentials
from promscrape.discovery.kubernetes.deadline import deadline
from promscrape.discovery.kubernetes.keepalive import keep_alive
from promscrape.discovery.kubernetes.metrics import NO_ANSWER, KubernetesMetrics
from promscrape.discovery.kubernetes.refusal import refusal
from promscrape.errors import ConfigError, DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig

if TYPE_CHECKING:
    import aiohttp

    from promscrape.httpclient.client import HTTPClient

MakeClient: TypeAlias = Callable[[HTTPClientConfig], "HTTPClient"]

_BEGINS_WITHIN_S: Final = 60  # servers end what takes them longer; watches begin at once
_REFUSAL_BYTES: Final = 1 << 16
_MOST_WARNINGS = 1000


@final
class Access(msgspec.Struct, frozen=True):
    """Where an API server is, and how it is reached.

    url: with a path where it has one, without a slash at the end.
    credentials: None where the HTTP client brings them itself.
    headers: sent with each request, such as those of impersonation.
    namespace: the one that promscrape runs in, "" outside of the cluster.
    """

    url: str
    client: HTTPClientConfig
    credentials: Credentials | None = None
    headers: tuple[tuple[str, str], ...] = ()
    namespace: str = ""


@final
class Connection:
    """The HTTP client of one provider, which owns it. Raises ConfigError where it cannot be made."""

    def __init__(
        self,
        access: Access,
        make_client: MakeClient,
        clock: Clock,
        metrics: KubernetesMetrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._access, self._make_client = access, make_client
        self._clock, self._metrics, self._log = clock, metrics, log
        self._client: HTTPClient | None = make_client(access.client)
        self._pair = Credential()  # the certificate that the client was made with
        self._warnings = set[str]()

    async def close(self) -> None:
        """Close all connections; what is requested later opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @asynccontextmanager
    async def get(
        self, path: str, query: Mapping[str, str], accept: str
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Yield the parts of the answer's body, as they come.

        Raises FetchError where none comes within a minute, or it is cut, and Refusal for another
        status than 200. How long the body takes is the caller's to limit.
        """
        credential = Credential()
        if self._access.credentials is not None:
            credential = await self._access.credentials.current()
        try:
            async with deadline(self._clock, _BEGINS_WITHIN_S):
                client = await self._client_for(credential)
                answer = await self._request(client, path, query, accept, credential)
        except TimeoutError as exc:
            raise FetchError(f"GET {path}: no answer after {_BEGINS_WITHIN_S} s") from exc
        try:
            if answer.status != HTTPStatus.OK:
                await self._refuse(path, client, answer, credential)
            keep_alive(answer)
            yield client.parts(answer)
        finally:
            # What is left of a watch would never end: the connection goes with it.
            answer.close()

    async def _request(
        self,
        client: "HTTPClient",
        path: str,
        query: Mapping[str, str],
        accept: str,
        credential: Credential,
    ) -> "aiohttp.ClientResponse":
        headers = CIMultiDict(self._access.headers)
        headers["Accept"] = accept
        if credential.authorization:
            headers["Authorization"] = credential.authorization
        url = f"{self._access.url}{path}?{urlencode(query, quote_via=quote)}"
        started_s = self._clock.monotonic_s()
        status: int | str = NO_ANSWER
        try:
            answer = await client.get(url, headers)
            status = answer.status
        finally:
            self._metrics.note_answer(path, status, self._clock.monotonic_s() - started_s)
        self._note_warnings(answer)
        return answer

    async def _client_for(self, credential: Credential) -> "HTTPClient":
        """Return a client with the credential's certificate. Raises DiscoveryError.

        Watches of a client that is replaced end, and go on with the new certificate.
        """
        if (credential.cert, credential.key) != (self._pair.cert, self._pair.key):
            await self.close()
        if self._client is None:
            config = self._access.client
            if credential.cert:
                tls = msgspec.structs.replace(
                    config.tls_config, cert=credential.cert, key=credential.key
                )
                config = msgspec.structs.replace(config, tls_config=tls)
            try:
                self._client = self._make_client(config)
            except ConfigError as exc:
                raise DiscoveryError(str(exc)) from exc
            self._pair = credential
        return self._client

    async def _refuse(
        self,
        path: str,
        client: "HTTPClient",
        answer: "aiohttp.ClientResponse",
        credential: Credential,
    ) -> None:
        """Raise Refusal."""
        if answer.status == HTTPStatus.UNAUTHORIZED and self._access.credentials is not None:
            self._access.credentials.reject(credential)
        body = bytearray()
        async for part in client.parts(answer):
            body += part
            if len(body) > _REFUSAL_BYTES:
                break
        after = answer.headers.get("Retry-After", "")
        raise refusal(f"GET {path}", answer.status, bytes(body), after)

    def _note_warnings(self, answer: "aiohttp.ClientResponse") -> None:
        for text in answer.headers.getall("Warning", ()):
            if text not in self._warnings and len(self._warnings) < _MOST_WARNINGS:
                self._warnings.add(text)
                self._log.warning("The API server warns", warning=text)
