"""Identity providers of Azure and Google on loopback, and the metadata servers of their machines.

Assertions are checked for real: the signature with the public key, and each claim.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, final
from urllib.parse import parse_qsl

from aiohttp import web
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from tests.support.http_server import Entered, RecordingServer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@final
class IdentityProvider(Entered):
    """Gives out `token-1`, `token-2` and so on, to whoever shows what is known here.

    secrets: client ids with their secret. federated: client ids with the token that Kubernetes
    gave them. certificate: what an Azure application signs with. google_key: what a Google
    service account signs with. refresh_tokens: of Google's users. now_s: what times are held
    against.
    """

    def __init__(self, now_s: int) -> None:
        self.secrets: dict[str, str] = {}
        self.federated: dict[str, str] = {}
        self.certificate: x509.Certificate | None = None
        self.google_key: RSAPublicKey | None = None
        self.refresh_tokens: set[str] = set()
        self.identities: set[str] = set()
        self.now_s, self.lifetime_s = now_s, 3600
        self.is_down = False
        self.given = 0
        self.resources: list[str] = []
        self.server = RecordingServer(self._answer)

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")

    @property
    def asked(self) -> int:
        return len(self.server.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            return web.Response(status=503, text="maintenance")
        form = dict(parse_qsl(self.server.bodies[-1].decode()))
        refusal = self._refusal(request, form)
        if refusal:
            said = {"error": "invalid_client", "error_description": f"{refusal} {sorted(form)}"}
            return web.json_response(said, status=401)
        self.given += 1
        lifetime: object = self.lifetime_s
        if request.path.startswith("/metadata"):
            lifetime = str(lifetime)  # as Azure's metadata server writes numbers
        answer = {"access_token": f"token-{self.given}", "expires_in": lifetime}
        return web.json_response({**answer, "token_type": "Bearer"})

    def _refusal(self, request: web.Request, form: Mapping[str, str]) -> str:
        if request.method == "GET":
            return self._machine_refusal(request)
        grant = form.get("grant_type")
        if grant == "client_credentials":
            self.resources.append(form["scope"])
            return self._application_refusal(request, form)
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            assert self.google_key is not None
            claims = {"aud": f"{self.url}/token", "iss": "me@project.example"}
            return self._assertion_fault(form["assertion"], self.google_key, claims, 3600)
        if grant == "refresh_token" and form["refresh_token"] in self.refresh_tokens:
            return ""
        return f"grant {grant}"

    def _application_refusal(self, request: web.Request, form: Mapping[str, str]) -> str:
        client_id = form["client_id"]
        if request.path != "/tenant/oauth2/v2.0/token":
            return f"no tenant at {request.path}"
        if "client_secret" in form:
            known = self.secrets.get(client_id)
            return "" if known == form["client_secret"] else f"not {form['client_secret']}"
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return "no proof"
        if client_id in self.federated:
            return "" if form["client_assertion"] == self.federated[client_id] else "not that token"
        assert self.certificate is not None
        key = self.certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        thumbprint = decoded(form["client_assertion"])[0]["x5t"]
        if thumbprint != encoded(self.certificate.fingerprint(SHA1())):  # noqa: S303 - as Azure
            return "another certificate"
        claims = {"aud": f"{self.url}{request.path}", "iss": client_id, "sub": client_id}
        return self._assertion_fault(form["client_assertion"], key, claims, 600)

    def _assertion_fault(
        self, assertion: str, key: RSAPublicKey, wanted: Mapping[str, str], lifetime_s: int
    ) -> str:
        text, _, signature = assertion.rpartition(".")
        header, claims = decoded(assertion)
        try:
            key.verify(unpadded(signature), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            return "the signature is wrong"
        if header["alg"] != "RS256" or header["typ"] != "JWT":
            return f"header {header}"
        if claims["exp"] != self.now_s + lifetime_s:
            return f"exp {claims['exp']}"
        wrong = [name for name, value in wanted.items() if claims.get(name) != value]
        return f"claims {wrong}" if wrong else ""

    def _machine_refusal(self, request: web.Request) -> str:
        query, headers = request.query, request.headers
        if request.path.startswith("/computeMetadata"):
            self.resources.append(query["scopes"])
            return "" if headers.get("Metadata-Flavor") == "Google" else "no flavor"
        self.resources.append(query["resource"])
        if query.get("client_id", "") not in self.identities:
            return "no such identity"
        if request.path == "/appservice":
            right = headers.get("X-IDENTITY-HEADER") == "app-secret"
            return "" if right and query["api-version"] == "2019-08-01" else "not this app"
        right = headers.get("Metadata") == "true" and query["api-version"] == "2018-02-01"
        return "" if right and request.path == "/metadata/identity/oauth2/token" else "not so"


def decoded(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of a token."""
    header, claims, _ = assertion.split(".")
    return json.loads(unpadded(header)), json.loads(unpadded(claims))


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
