"""Access tokens by OAuth2's client credentials grant (RFC 6749, section 4.4).

A token is kept until shortly before it expires, and dropped when the client's secret changes.
Source: golang.org/x/oauth2, clientcredentials and internal/token.go.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol, final
from urllib.parse import parse_qsl, quote_plus, urlencode

import msgspec

from promscrape.clock import Clock
from promscrape.errors import ConfigError, FetchError
from promscrape.httpclient.auth import JWT_BEARER, OAuth2
from promscrape.httpclient.credentials import basic, check_header
from promscrape.httpclient.secret_source import SecretSource, refuse_ref
from promscrape.model.quoting import quote
from promscrape.model.secret import MASK

_EARLY_S = 10
"""A token is renewed this long before it expires, so that none expires on its way."""

_SHOWN = 200  # characters of what a token endpoint says of a refusal
_FORM_TYPES = ("application/x-www-form-urlencoded", "text/plain")
_TYPE_NAMES: Final[Mapping[str, str]] = {"": "Bearer", "bearer": "Bearer", "mac": "MAC"}


@final
@dataclass(frozen=True, slots=True, repr=False)
class TokenReply:
    """What a token endpoint answered."""

    status: int
    reason: str
    content_type: str
    body: bytes


class TokenEndpoint(Protocol):
    """Where tokens are asked for."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> TokenReply:
        """Send a form and return the answer, whatever its status. Raises FetchError."""


class _Answer(msgspec.Struct, frozen=True):
    """RFC 6749, sections 5.1 and 5.2: a token or a refusal. Some servers quote the number."""

    access_token: str = ""
    token_type: str = ""
    expires_in: int | float | str | None = None
    error: str = ""
    error_description: str = ""


@final
@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    header: str
    fresh_until_s: float  # on the monotonic clock; infinite where the server names no end


class _Refused(FetchError):
    """The endpoint answered, but not with a token."""


@final
class Tokens:
    """The tokens of one client, whose section `refuse_unsupported` has let pass.

    Requests that need a token at the same time share one exchange, and its error.
    """

    def __init__(self, config: OAuth2, endpoint: TokenEndpoint, clock: Clock) -> None:
        self._config, self._endpoint, self._clock = config, endpoint, clock
        self._secret = SecretSource(
            "oauth2 client secret",
            text=config.client_secret.reveal(),
            file=config.client_secret_file,
        )
        self._known_secret = ""
        self._token: _Token | None = None
        self._sends_basic: bool | None = None  # None: not known yet what the server takes
        self._turn = asyncio.Lock()  # held for an exchange; guards all of the above
        self._exchanges = 0
        self._failure: FetchError | None = None

    def cached(self) -> str | None:
        """Return the value of Authorization, None where a token has to be fetched.

        Raises FetchError where the file of the client's secret cannot be read.
        """
        secret = self._secret.text()
        if secret != self._known_secret:
            self._known_secret, self._token = secret, None
        token = self._token
        is_fresh = token is not None and self._clock.monotonic_s() < token.fresh_until_s
        return token.header if token is not None and is_fresh else None

    async def fetch(self) -> str:
        """Return the value of Authorization from a new token. Raises FetchError.

        Cancelled, it leaves the exchange to the next request that waits for it.
        """
        seen = self._exchanges
        async with self._turn:
            if self._exchanges != seen and self._failure is not None:
                raise FetchError(str(self._failure))
            header = self.cached()
            if header is None:
                header = await self._exchange(self._known_secret)
            return header

    async def _exchange(self, secret: str) -> str:
        try:
            token = await self._negotiate(secret)
        except FetchError as exc:
            self._failure = exc
            raise
        else:
            self._failure = None
            # A secret that changed meanwhile makes the token one for this request only.
            if secret == self._known_secret:
                self._token = token
            return token.header
        finally:
            self._exchanges += 1

    async def _negotiate(self, secret: str) -> _Token:
        """Ask for a token as the server likes it: HTTP Basic, or all in the form."""
        if self._sends_basic is not None:
            return await self._ask(secret, by_basic=self._sends_basic)
        try:
            token, by_basic = await self._ask(secret, by_basic=True), True
        except _Refused:
            token, by_basic = await self._ask(secret, by_basic=False), False
        self._sends_basic = by_basic
        return token

    async def _ask(self, secret: str, *, by_basic: bool) -> _Token:
        config = self._config
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        form = {"grant_type": "client_credentials"}
        if config.scopes:
            form["scope"] = " ".join(config.scopes)
        form.update(config.endpoint_params)
        if by_basic:
            headers["Authorization"] = basic(quote_plus(config.client_id), quote_plus(secret))
        else:
            form["client_id"] = config.client_id
            if secret:
                form["client_secret"] = secret
        asked_s = self._clock.monotonic_s()
        reply = await self._endpoint.post(headers, urlencode(sorted(form.items())).encode())
        answer = _read(reply, secret)
        lifetime_s = _lifetime_s(answer.expires_in)
        kind = _TYPE_NAMES.get(answer.token_type.lower(), answer.token_type)
        header = check_header("Authorization", f"{kind} {answer.access_token}")
        return _Token(header, asked_s + lifetime_s - _EARLY_S if lifetime_s else float("inf"))


def refuse_unsupported(config: OAuth2) -> None:
    """Raise ConfigError for what is only found out when a client is built."""
    if config.grant_type == JWT_BEARER:
        raise ConfigError(
            f"oauth2 grant_type {JWT_BEARER} is not supported by this version: use "
            "client_credentials"
        )
    refuse_ref(config.client_secret_ref, "client secret")


def _read(reply: TokenReply, secret: str) -> _Answer:
    """Return an answer with a token. Raises _Refused, which shows neither token nor secret."""
    is_form = reply.content_type.partition(";")[0].strip().lower() in _FORM_TYPES
    try:
        if is_form:
            answer = msgspec.convert(dict(parse_qsl(reply.body.decode())), _Answer)
        else:
            answer = msgspec.json.decode(reply.body, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        answer = None
    if answer is not None and answer.error:
        said = quote(answer.error[:_SHOWN])
        if answer.error_description:
            said += f" {quote(answer.error_description[:_SHOWN])}"
        raise _Refused(f"oauth2: {said.replace(secret, MASK) if secret else said}")
    if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _Refused(f"oauth2: cannot fetch token: {reply.status} {reply.reason}".rstrip())
    if answer is None:
        raise _Refused("oauth2: cannot parse json")
    if not answer.access_token:
        raise _Refused("oauth2: server response missing access_token")
    return answer


def _lifetime_s(expires_in: float | str | None) -> float:
    """Return how long a token lives, 0 for without an end. Raises _Refused."""
    try:
        return float(expires_in or 0)
    except ValueError:
        raise _Refused("oauth2: cannot parse expires_in") from None
