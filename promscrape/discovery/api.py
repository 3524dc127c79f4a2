"""The HTTP API of one server, as providers ask it: whole answers, in JSON mostly."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, final
from urllib.parse import urlencode

import msgspec

from promscrape.discovery.provider import ProviderContext
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.redirect import shown
from promscrape.model.duration import Duration
from promscrape.model.quoting import quote

if TYPE_CHECKING:
    import aiohttp

    from promscrape.httpclient.client import HTTPClient

T = TypeVar("T")
Query = Mapping[str, str | Sequence[str]]

# The content types that are JSON to Prometheus where it asks for the type (H-3).
_JSON_TYPE = re.compile(r"""application/json(; *charset=("utf-8"|utf-8))?""", re.IGNORECASE)

# A list of 100,000 targets with twenty labels each is smaller.
_MAX_BYTES = 256 << 20
_SAID_BYTES = 200
_MAX_PAGES = 10_000
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_JSON: Final = MappingProxyType({"Accept": "application/json"})


@final
class Reply(msgspec.Struct, frozen=True):
    """An answer, read whole. `request` says what was asked, as an error text begins."""

    request: str
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    def succeeded(self, *, with_any_2xx: bool = False) -> "Reply":
        """Return the reply itself. Raises DiscoveryError unless its status is 200."""
        if self.status == 200 or (with_any_2xx and 200 <= self.status < 300):
            return self
        text = f"{self.request}: server returned HTTP status {self.status} {self.reason}".rstrip()
        said = self.body[:_SAID_BYTES].decode(errors="replace").strip()
        raise DiscoveryError(f"{text} ({quote(said)})" if said else text)

    def called_json(self) -> "Reply":
        """Return the reply itself. Raises DiscoveryError unless it says that it is JSON."""
        content_type = self.headers.get("Content-Type", "")
        if _JSON_TYPE.fullmatch(content_type.strip()):
            return self
        raise DiscoveryError(f"unsupported content type {quote(content_type)}")

    def json(self, kind: type[T]) -> T:
        """Return the body as `kind` has it. Raises DiscoveryError where it is of another shape.

        A null stands for nothing, wherever it is: Go's servers write one for an empty list, and
        Go's clients read any as a zero value.
        """
        try:
            return _decoded(self.body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise DiscoveryError(f"{self.request}: unexpected answer: {exc}") from exc


@final
class API:
    """Requests to one server.

    http: the server's client, which the API closes.
    base: what each path is appended to, without a slash at its end.
    timeout_s: how long an answer may take, from the connection to the last byte.
    headers: of every request. max_bytes: how large an answer may be.
    """

    def __init__(
        self,
        http: "HTTPClient",
        base: str,
        timeout_s: float,
        headers: Mapping[str, str] = _NOTHING,
        max_bytes: int = _MAX_BYTES,
    ) -> None:
        self._http, self._base, self._timeout_s = http, base, timeout_s
        self._headers = {**_JSON, **headers}
        self._max_bytes = max_bytes

    async def close(self) -> None:
        await self._http.close()

    async def get(self, path: str, kind: type[T], query: Query = _NOTHING) -> T:
        """Return what the server answers with status 200. Raises DiscoveryError and FetchError."""
        return (await self.ask("GET", with_query(path, query))).succeeded().json(kind)

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes | None = None,
    ) -> Reply:
        """Return the answer, whatever its status. Raises FetchError.

        path: with its query, encoded. Cancellation closes the connection.
        """
        url = self._base + path
        request = f'{method.capitalize()} "{shown(url)}"'
        answer: aiohttp.ClientResponse | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._http.request(method, url, {**self._headers, **headers}, body)
                async with aclosing(self._http.parts(answer)) as parts:
                    received = await _read(parts, request, self._max_bytes)
        except TimeoutError as exc:
            raise FetchError(f"{request}: context deadline exceeded") from exc
        finally:
            if answer is not None:
                answer.release()
        return Reply(request, answer.status, answer.reason or "", answer.headers, received)


class Polling(Protocol):
    """An entry whose source is asked at an interval, over HTTP."""

    @property
    def http_client(self) -> HTTPClientConfig: ...

    @property
    def refresh_interval(self) -> Duration: ...


def api_of(
    entry: Polling, context: ProviderContext, base: str, headers: Mapping[str, str] = _NOTHING
) -> API:
    """Return the API at `base`, which has until the next refresh to answer (B-6).

    Raises ConfigError where the entry's client cannot be made.
    """
    http = context.http_client(entry.http_client)
    return API(http, base.rstrip("/"), entry.refresh_interval.seconds, headers)


def page_numbers() -> Iterator[int]:
    """Yield the numbers of pages. Raises DiscoveryError where a list never comes to its end."""
    yield from range(1, _MAX_PAGES + 1)
    raise DiscoveryError(f"a list has more than {_MAX_PAGES} pages")


def with_query(path: str, query: Query) -> str:
    """Return a path with a query that is encoded and sorted as Go does it."""
    text = urlencode(sorted(query.items()), doseq=True)
    return f"{path}?{text}" if text else path


async def _read(parts: AsyncIterator[bytes], request: str, max_bytes: int) -> bytes:
    received = bytearray()
    try:
        async for part in parts:
            received += part
            if len(received) > max_bytes:
                break
    except FetchError as exc:
        raise FetchError(f"{request}: {exc}") from exc
    if len(received) > max_bytes:
        raise FetchError(f"{request}: the answer is larger than {max_bytes >> 20} MiB")
    return bytes(received)


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError:
        # It may be a null that is in the way, which is rare enough to look for only now.
        value = _without_nulls(msgspec.json.decode(body))
        return msgspec.convert([] if value is None else value, type=kind)


def _without_nulls(value: object) -> object:
    match value:
        case dict():
            return {key: _without_nulls(item) for key, item in value.items() if item is not None}
        case list():
            return [_without_nulls(item) for item in value if item is not None]
        case _:
            return value
