"""One request for a token: to an identity provider, or to the metadata server of a machine."""

from collections.abc import Mapping
from functools import partial
from typing import Final, final
from urllib.parse import urlencode

import aiohttp
import msgspec

from promscrape.errors import FetchError
from promscrape.httpclient.client import HTTPClient
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.proxy import ProxyConfig
from promscrape.httpclient.transport_error import reason
from promscrape.model.secret import MASK
from promscrape.storage.remote.signing.bearer import DEFAULT_LIFETIME_S, Token

_MAX_BYTES = 1 << 20
_SHOWN: Final = 300  # characters of what is said of a refusal
_FORM: Final[Mapping[str, str]] = {"Content-Type": "application/x-www-form-urlencoded"}


class _Answer(msgspec.Struct, frozen=True):
    """RFC 6749, sections 5.1 and 5.2. Some servers quote the number."""

    access_token: str = ""
    expires_in: int | float | str | None = None
    error: object = ""
    error_description: str = ""


@final
class TokenClient:
    """Asks for tokens. No redirect is followed: it could take a secret elsewhere.

    what: the section that the tokens are for, named in errors.
    uses_proxy: whether the proxies of the environment are used; metadata servers are not behind
        any.
    """

    def __init__(
        self, what: str, user_agent: str, environ: Mapping[str, str], *, uses_proxy: bool = True
    ) -> None:
        self._what = what
        config = HTTPClientConfig(
            follow_redirects=False, proxy=ProxyConfig(proxy_from_environment=uses_proxy)
        )
        # Made when it is needed: whoever made this one may yet find that its section is unusable.
        self._make = partial(HTTPClient, config, user_agent, environ=environ)
        self._http: HTTPClient | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()

    async def post(self, url: str, form: Mapping[str, str], *, secret: str, remedy: str) -> Token:
        """Send a form, and return the token of the answer. Raises FetchError.

        secret: what an error must not repeat. remedy: what to look at where this is refused.
        """
        return await self._ask("POST", url, _FORM, urlencode(form).encode(), secret, remedy)

    async def get(self, url: str, headers: Mapping[str, str], *, remedy: str) -> Token:
        """Return the token of an answer. Raises FetchError."""
        return await self._ask("GET", url, headers, None, "", remedy)

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        secret: str,
        remedy: str,
    ) -> Token:
        if self._http is None:
            self._http = self._make()
        try:
            answer = await self._http.request(method, url, headers, body)
            content = await _content(answer)
        except FetchError as exc:
            raise FetchError(f"{self._what}: cannot get a token: {exc}; {remedy}") from exc
        fault = ""
        decoded = _decoded(content)
        if decoded is None or not answer.ok or not decoded.access_token:
            fault = _fault(answer, decoded, content)
        else:
            lifetime_s = _lifetime_s(decoded.expires_in)
            if lifetime_s is not None:
                return Token(decoded.access_token, lifetime_s)
            fault = f"expires_in is {decoded.expires_in!r}"
        fault = fault.replace(secret, MASK) if secret else fault
        place = url.partition("?")[0]
        raise FetchError(f"{self._what}: no token from {place}: {fault}; {remedy}")


async def _content(answer: aiohttp.ClientResponse) -> bytes:
    received = bytearray()
    try:
        async for part in answer.content.iter_any():
            received += part
            if len(received) > _MAX_BYTES:
                answer.close()
                raise FetchError("the answer is over 1 MiB")
    except aiohttp.ClientError as exc:
        raise FetchError(reason(exc)) from exc
    finally:
        answer.release()
    return bytes(received)


def _decoded(content: bytes) -> _Answer | None:
    try:
        return msgspec.json.decode(content, type=_Answer)
    except msgspec.MsgspecError:
        return None


def _fault(answer: aiohttp.ClientResponse, decoded: _Answer | None, content: bytes) -> str:
    """Return what is wrong with an answer. The token that one might hold is not in it."""
    line = f"{answer.status} {answer.reason or ''}".rstrip()
    if answer.ok:
        what = "is not JSON" if decoded is None else "has no access_token"
        return f"{line}, but the answer {what}"
    if decoded is None or not decoded.error:
        said = content.decode(errors="replace").strip()
    else:
        said = f"{decoded.error} {decoded.error_description}".rstrip()
    return f"{line}: {said[:_SHOWN]}" if said else line


def _lifetime_s(expires_in: float | str | None) -> float | None:
    """Return how long a token lives, None where what is said of it is no number."""
    if expires_in is None:
        return DEFAULT_LIFETIME_S
    try:
        return float(expires_in)
    except ValueError:
        return None
