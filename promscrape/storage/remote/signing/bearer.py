"""Bearer tokens that expire: kept, renewed early, and fetched once for all who wait."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Protocol, final

from promscrape.clock import Clock
from promscrape.errors import FetchError
from promscrape.httpclient.credentials import check_header

_TOO_LATE_S = 10
"""A token is not sent any more this long before it expires, lest it does so on its way."""

_AGAIN_S = 30
"""How long after a renewal that failed, with a token still good, the next one is tried."""

DEFAULT_LIFETIME_S: Final = 3600.0
"""What a token lives where its giver does not say: what all three clouds give."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A token, and for how long from now it is good."""

    text: str
    lifetime_s: float


class TokenSource(Protocol):
    """Where tokens of one destination come from."""

    async def fetch(self) -> Token:
        """Return a new token. Raises FetchError, which names the remedy and no secret."""

    async def close(self) -> None:
        """Close the connections that it has of its own."""


@final
@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    header: str
    renew_at_s: float
    expires_at_s: float


@final
class BearerSigner:
    """Implements `promscrape.httpclient.signer.Signer` with the tokens of a source.

    A token is renewed at half its life. A renewal that fails costs nothing as long as the old
    token is good. Requests that need a token at the same time share one exchange, and its error.

    extra: headers that go along with the token.
    """

    def __init__(
        self, source: TokenSource, clock: Clock, extra: Mapping[str, str] | None = None
    ) -> None:
        self._source, self._clock, self._extra = source, clock, dict(extra or {})
        self._held: _Held | None = None
        self._turn = asyncio.Lock()  # held for an exchange; guards all of this
        self._exchanges = 0
        self._failure: FetchError | None = None

    async def sign(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        del method, url, headers, body  # a bearer token covers none of them
        return {"Authorization": await self._header(), **self._extra}

    async def close(self) -> None:
        await self._source.close()

    async def _header(self) -> str:
        held = self._fresh()
        if held is not None:
            return held.header
        seen = self._exchanges
        async with self._turn:
            held = self._fresh()
            if held is not None:
                return held.header
            if self._exchanges != seen and self._failure is not None:
                raise FetchError(str(self._failure))
            return (await self._renewed()).header

    def _fresh(self) -> _Held | None:
        held = self._held
        return held if held is not None and self._clock.monotonic_s() < held.renew_at_s else None

    async def _renewed(self) -> _Held:
        asked_s = self._clock.monotonic_s()
        try:
            token = await self._source.fetch()
            header = check_header("Authorization", f"Bearer {token.text}")
        except FetchError as exc:
            self._failure = exc
            now_s, held = self._clock.monotonic_s(), self._held
            if held is None or now_s >= held.expires_at_s:
                raise
            self._held = replace(held, renew_at_s=min(now_s + _AGAIN_S, held.expires_at_s))
        else:
            self._failure = None
            self._held = _Held(
                header,
                asked_s + token.lifetime_s / 2,
                asked_s + max(token.lifetime_s - _TOO_LATE_S, 0),
            )
        finally:
            self._exchanges += 1
        return self._held
