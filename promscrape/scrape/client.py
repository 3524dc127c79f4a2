"""One scrape request: headers, size, and what its answer means.

Rules H1 to H6 and H12 to H15 of the scrape specification. The error texts are those that
Prometheus's users know from Go's HTTP client.
"""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, final

import aiohttp
import msgspec
from multidict import CIMultiDict

from promscrape.clock import Clock, SystemClock
from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.exposition.negotiation import accept_header
from promscrape.httpclient.answer import BodyTooLarge, UnusualAnswer
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.lease import Lease
from promscrape.httpclient.plain import PlainClient, PlainRequest
from promscrape.httpclient.redirect import shown
from promscrape.httpclient.transport_error import os_reason, reason
from promscrape.scrape.unpack import UNPACKERS

if TYPE_CHECKING:
    from promscrape.httpclient._exchange_c import Exchanges

_PACKING_BYTES = 1024
_LARGE_BYTES = 2 << 20
_OK: Final = int(HTTPStatus.OK)  # comparing with the enumeration's member costs a call
_SYSTEM_CLOCK: Final = SystemClock()


@final
class Response(msgspec.Struct):  # made without a line of Python, once a scrape
    """A body as it came over the wire, and what is said of it.

    encoding: that of its Content-Encoding header; such a body is still packed, since
    `ScrapeClient.unpack` may run in a thread.
    """

    body: bytes
    content_type: str
    encoding: str = ""


@final
@dataclass(slots=True)
class ScrapeRequest:
    """What a target is asked, again and again.

    plain: the same in bytes, made at the first request; None where a full client is needed.
    """

    url: str
    headers: Mapping[str, str]
    timeout_s: float
    plain: PlainRequest | None = None
    is_new: bool = True


@final
class ScrapeClient:
    """The requests of one job to its hosts, or to one unix socket: headers, limits, connections.

    ceiling_bytes: how large a body may be where the job sets no `body_size_limit`.
    unix_socket: where its requests go; "" for the hosts of their URLs.
    exchanges: what sends requests ahead of the event loop, if there is such a thing.
    Raises ConfigError where the job's HTTP client cannot be made.
    """

    def __init__(
        self,
        config: ScrapeConfig,
        ceiling_bytes: int,
        user_agent: str,
        clock: Clock = _SYSTEM_CLOCK,
        unix_socket: str = "",
        exchanges: "Exchanges | None" = None,
    ) -> None:
        self._limit = config.body_size_limit.bytes or ceiling_bytes
        # Packing can add a little to a small body; what it unpacks to is checked by `unpack`.
        self._most = self._limit + _PACKING_BYTES
        self._clock, self._exchanges = clock, exchanges
        self._is_ceiling = not config.body_size_limit
        escaping = config.metric_name_escaping_scheme
        self._headers = {
            "Accept": accept_header(config.scrape_protocols, escaping),
            "Accept-Encoding": "gzip" if config.enable_compression else "identity",
        }
        self._http = HTTPClient(
            config.http_client, user_agent, clock=clock, unix_socket=unix_socket
        )
        self._plain: PlainClient | None = None

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self._http.close()

    def request(self, url: str, timeout_s: float) -> ScrapeRequest:
        """Return the request for a target with this timeout. What is wrong with it fails later."""
        decimal = f"{timeout_s:.3f}".rstrip("0").rstrip(".")
        headers = CIMultiDict(self._headers, **{"X-Prometheus-Scrape-Timeout-Seconds": decimal})
        return ScrapeRequest(url, headers, timeout_s)

    def lease(self, request: ScrapeRequest) -> Lease | None:
        """Return what makes further such requests ahead of the event loop, None without it."""
        plain, client, exchanges = request.plain, self._plain, self._exchanges
        if plain is None or client is None or exchanges is None:
            return None
        return Lease.of(client, plain, exchanges)

    def received(self, lease: Lease) -> Response | None:
        """Return what a lease has got, if that is the usual answer; `fetch` says what else it is."""
        answer = lease.received(self._most)
        if answer is None:
            return None
        return Response(answer.body, answer.content_type, answer.encoding)

    async def fetch(self, request: ScrapeRequest, lease: Lease | None = None) -> Response:
        """Make the request and read the body whole. Raises FetchError.

        lease: where it has made the request already, and the answer has come.
        Cancellation closes the connection.
        """
        plain, client = request.plain, self._plain
        if plain is None or client is None:
            prepared = self._prepare(request)
            if prepared is None:
                return await self._fetch_fully(request, request.timeout_s)
            plain, client = prepared
        began_s = self._clock.monotonic_s() if lease is None else lease.exchange.sent_s
        try:
            if lease is None:
                answer = await client.get(plain, self._most, request.timeout_s)
            else:
                answer = await lease.answer(self._most, request.timeout_s)
        except BodyTooLarge as exc:
            raise self._too_large() from exc
        except UnusualAnswer:
            # The full client knows what to make of it, this time and at all later ones.
            request.plain = None
            answer = None
        if answer is not None and answer.status == _OK:
            # To put a hundred megabytes together would hold up the event loop for as long.
            in_thread = answer.size >= _LARGE_BYTES
            body = await asyncio.to_thread(lambda: answer.body) if in_thread else answer.body
            return Response(body, answer.content_type, answer.encoding)
        left_s = request.timeout_s - (self._clock.monotonic_s() - began_s)
        if answer is None:
            return await self._fetch_fully(request, left_s)
        further = self._http.redirected(
            request.url, request.headers, answer.status, answer.location
        )
        if further is None:
            raise _refusal(answer.status, answer.reason)
        return await self._fetch_fully(request, left_s, further)

    def _prepare(self, request: ScrapeRequest) -> tuple[PlainRequest, PlainClient] | None:
        """Return what a plain request needs, None where a full client does. Raises FetchError."""
        client = self._plain = self._http.plain()
        if client is not None and request.is_new:
            request.plain = client.prepare(request.url, request.headers)
            request.is_new = False
        return None if client is None or request.plain is None else (request.plain, client)

    async def _fetch_fully(
        self,
        request: ScrapeRequest,
        within_s: float,
        answering: Awaitable[aiohttp.ClientResponse] | None = None,
    ) -> Response:
        """Do as `fetch` with the full client; `answering` goes on with a request that was made."""
        answer: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(within_s):
                answer = await (answering or self._http.get(request.url, request.headers))
                if answer.status != HTTPStatus.OK:
                    raise _refusal(answer.status, answer.reason or "")
                body = await self._read(answer)
        except TimeoutError as exc:
            text = "context deadline exceeded"
            raise FetchError(text if answer else f'Get "{shown(request.url)}": {text}') from exc
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as exc:
            raise FetchError("unexpected EOF") from exc
        except aiohttp.ClientError as exc:
            raise FetchError(reason(exc)) from exc
        except OSError as exc:
            raise FetchError(f"read: {os_reason(exc)}") from exc
        finally:
            if answer is not None:
                answer.release()
        headers = answer.headers
        return Response(body, headers.get("Content-Type", ""), headers.get("Content-Encoding", ""))

    def unpack(self, response: Response) -> bytes:
        """Return the body proper. Raises FetchError. Pure work on bytes."""
        try:
            unpack = UNPACKERS.get(response.encoding)
            if unpack is not None:
                return unpack(response.body, self._limit)
            self._check_size(len(response.body))
        except BodySizeLimitExceeded as exc:
            raise self._too_large() from exc
        return response.body

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        if (answer.content_length or 0) > self._most:
            raise self._too_large()
        parts: list[bytes] = []
        total = 0
        async for part in answer.content.iter_any():
            parts.append(part)
            total += len(part)
            if total > self._most:
                raise self._too_large()
        if total >= _LARGE_BYTES:
            return await asyncio.to_thread(b"".join, parts)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _check_size(self, size: int) -> None:
        if size >= self._limit:
            raise self._too_large()

    def _too_large(self) -> BodySizeLimitExceeded:
        if self._is_ceiling:
            return BodySizeLimitExceeded(
                f"body size limit exceeded: over {self._limit} bytes, the ceiling that the "
                "process's memory sets; a body_size_limit on the job replaces it"
            )
        return BodySizeLimitExceeded("body size limit exceeded")


def _refusal(status: int, reason: str) -> FetchError:
    """Return the error of an answer that is no success, which is 200 alone."""
    return FetchError(f"server returned HTTP status {status} {reason}".rstrip())
