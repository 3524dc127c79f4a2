"""A small OAuth2 token endpoint on loopback: the client credentials grant of RFC 6749."""

import asyncio
import base64
from collections.abc import Mapping
from typing import final
from urllib.parse import parse_qsl, unquote_plus

from aiohttp import web

from tests.support.http_server import Entered, RecordingServer


@final
class TokenEndpoint(Entered):
    """Gives out `token-1`, `token-2` and so on to whoever knows `secret`, at first `hidden`.

    takes_basic: whether the secret may come as HTTP Basic; it may come in the form if not.
    lifetime_s: what is said of a token's life; None for nothing.
    released: held back until it is set, so that requests can pile up.
    """

    def __init__(self, *, takes_basic: bool = True) -> None:
        self.secret, self._takes_basic = "hidden", takes_basic
        self.lifetime_s: object = 3600
        self.released = asyncio.Event()
        self.released.set()
        self.given = 0
        self.server = RecordingServer(self._answer)

    @property
    def url(self) -> str:
        return f"{self.server.url}/token"

    @property
    def forms(self) -> list[Mapping[str, str]]:
        """The form of each request."""
        return [dict(parse_qsl(body.decode())) for body in self.server.bodies]

    @property
    def requests(self) -> list[web.Request]:
        return self.server.requests

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await self.released.wait()
        secret = self._secret_of(request)
        if secret != self.secret:
            said = {"error": "invalid_client", "error_description": f"not with {secret}"}
            return web.json_response(said, status=401)
        self.given += 1
        answer: dict[str, object] = {"access_token": f"token-{self.given}", "token_type": "bearer"}
        if self.lifetime_s is not None:
            answer["expires_in"] = self.lifetime_s
        return web.json_response(answer)

    def _secret_of(self, request: web.Request) -> str:
        if not self._takes_basic:
            return self.forms[-1].get("client_secret", "")
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        return unquote_plus(base64.b64decode(value).decode().partition(":")[2]) if kind else ""
