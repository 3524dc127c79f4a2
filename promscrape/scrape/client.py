"""One scrape request: headers, redirects, size, and every way in which it can fail.

Rules H1 to H15 of the scrape specification. The error texts are those that Prometheus's users
know from Go's HTTP client.
"""

import asyncio
import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import final

import aiohttp
from yarl import URL

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import BodySizeLimitExceeded, FetchError
from promscrape.exposition.negotiation import READABLE, accept_header
from promscrape.scrape.unpack import gunzip

MAX_REQUESTS = 10
"""The first request and the redirects that are followed for it."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)
_IDLE_S = 300
_READ_BYTES = 1 << 18
_PACKING_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Response:
    """A body as it came over the wire, and what is said of it.

    `gzipped` bodies are still packed: `ScrapeClient.unpack` may run in a thread.
    """

    body: bytes
    content_type: str
    gzipped: bool


@final
class ScrapeClient:
    """The HTTP client of one job: a connection pool, and the job's headers and limits.

    ceiling_bytes: how large a body may be where the job sets no `body_size_limit`.
    """

    def __init__(self, config: ScrapeConfig, ceiling_bytes: int, user_agent: str) -> None:
        self._follow_redirects = config.http_client.follow_redirects
        self._limit = config.body_size_limit.bytes or ceiling_bytes
        self._is_ceiling = not config.body_size_limit
        protocols = [name for name in config.scrape_protocols if name in READABLE]
        self._headers = {
            "Accept": accept_header(protocols, config.metric_name_escaping_scheme),
            "Accept-Encoding": "gzip" if config.enable_compression else "identity",
            "User-Agent": user_agent,
        }
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=_NO_TIMEOUT,
            read_bufsize=_READ_BYTES,
        )

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self._session.close()

    def headers(self, timeout_s: float) -> Mapping[str, str]:
        """Return the headers of every request to a target with this timeout."""
        shown = f"{timeout_s:.3f}".rstrip("0").rstrip(".")
        return {**self._headers, "X-Prometheus-Scrape-Timeout-Seconds": shown}

    async def fetch(self, url: str, headers: Mapping[str, str], timeout_s: float) -> Response:
        """Request `url` and read the body whole. Raises FetchError.

        Cancellation closes the connection.
        """
        answer: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._request(url, headers)
                body = await self._read(answer)
        except TimeoutError as exc:
            text = "context deadline exceeded"
            raise FetchError(text if answer else f'Get "{url}": {text}') from exc
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as exc:
            text = "unexpected EOF" if answer else f'Get "{url}": EOF'
            raise FetchError(text) from exc
        except aiohttp.ClientError as exc:
            raise FetchError(f'Get "{url}": {_reason(exc)}') from exc
        except OSError as exc:
            raise FetchError(f"read: {_os_reason(exc)}") from exc
        finally:
            if answer is not None:
                answer.release()
        gzipped = answer.headers.get("Content-Encoding") == "gzip"
        return Response(body, answer.headers.get("Content-Type", ""), gzipped)

    def unpack(self, response: Response) -> bytes:
        """Return the body proper. Raises FetchError. Pure work on bytes."""
        try:
            if response.gzipped:
                return gunzip(response.body, self._limit)
            self._check_size(len(response.body))
        except BodySizeLimitExceeded as exc:
            raise self._too_large() from exc
        return response.body

    async def _request(self, url: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Return the response with status 200 that redirects lead to."""
        for _ in range(MAX_REQUESTS):
            target = _parsed(url)
            answer = await self._session.get(target, headers=headers, allow_redirects=False)
            location = answer.headers.get("Location")
            if not (self._follow_redirects and answer.status in _REDIRECTS and location):
                break
            answer.release()
            url = str(_joined(target, location))
        else:
            raise FetchError(f'Get "{url}": stopped after {MAX_REQUESTS} redirects')
        if answer.status != HTTPStatus.OK:
            answer.release()
            raise FetchError(
                f"server returned HTTP status {answer.status} {answer.reason or ''}".rstrip()
            )
        return answer

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        # Packing can add a little to a small body; what it unpacks to is checked by `unpack`.
        most = self._limit + _PACKING_BYTES
        if (answer.content_length or 0) > most:
            raise self._too_large()
        parts: list[bytes] = []
        total = 0
        async for part in answer.content.iter_any():
            parts.append(part)
            total += len(part)
            if total > most:
                raise self._too_large()
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


def _parsed(url: str) -> URL:
    """Return a URL that is sent as it stands. Raises FetchError."""
    try:
        parsed = URL(url, encoded=True)
        host = parsed.host
        _ = parsed.port
    except ValueError as exc:
        raise FetchError(f'parse "{url}": {exc}') from exc
    if parsed.scheme not in ("http", "https"):
        raise FetchError(f'Get "{url}": unsupported protocol scheme "{parsed.scheme}"')
    if not host:
        raise FetchError(f'Get "{url}": http: no Host in request URL')
    return parsed


def _joined(base: URL, location: str) -> URL:
    try:
        return base.join(URL(location))
    except ValueError as exc:
        raise FetchError(f'failed to parse Location header "{location}": {exc}') from exc


def _reason(exc: aiohttp.ClientError) -> str:
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"dial tcp: lookup {exc.host}: no such host"
    if isinstance(exc, aiohttp.ClientConnectorError):
        where = f"[{exc.host}]" if ":" in exc.host else exc.host
        return f"dial tcp {where}:{exc.port}: connect: {_os_reason(exc.os_error)}"
    if isinstance(exc, aiohttp.ClientOSError):
        return f"read: {_os_reason(exc)}"
    if isinstance(exc, aiohttp.ClientResponseError):
        return f"malformed HTTP response: {exc.message}"
    return str(exc) or type(exc).__name__


def _os_reason(exc: OSError) -> str:
    """Return the system's words for an error, without what Python puts around them."""
    # asyncio wraps the errors of several addresses of one host into one without a number.
    number = exc.errno or (errno.ECONNREFUSED if "Connect call failed" in str(exc) else 0)
    return os.strerror(number).lower() if number > 0 else str(exc)
