"""An AWS service on loopback that checks signatures for real, and STS, which gives out a role's keys.

The check is written from the document "Create a signed AWS API request", and shares no code with
what signs.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import final
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import web

from tests.support.http_server import Entered, RecordingServer

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)
_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Type>Sender</Type><Code>AccessDenied</Code><Message>no such key</Message></Error></ErrorResponse>"""
_ROLE_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleResult><AssumedRoleUser><Arn>{arn}</Arn><AssumedRoleId>A:promscrape</AssumedRoleId>
</AssumedRoleUser><Credentials><AccessKeyId>{key}</AccessKeyId>
<SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>
<Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request whose signature was right: by whom, for where, and which headers it covers."""

    access_key: str
    region: str
    service: str
    headers: frozenset[str]
    token: str


@final
class AwsServer(Entered):
    """Takes requests that are signed with a key in `secrets`, and answers others with 403.

    A form that asks for a role is answered with `ROLE` keys, which are good from then on.
    """

    def __init__(self) -> None:
        self.secrets = {"AKID": "s3cr3t"}
        self.signed: list[Signed] = []
        self.roles: list[Mapping[str, str]] = []
        self.server = RecordingServer(self._answer)

    @property
    def url(self) -> str:
        return self.server.url

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = self.server.bodies[-1]
        signed = self._checked(request, body)
        if signed is None:
            is_sts = "/sts/" in request.headers.get("Authorization", "")
            text = _REFUSAL if is_sts else "SignatureDoesNotMatch"
            return web.Response(status=403, text=text)
        self.signed.append(signed)
        if signed.service != "sts":
            return web.Response(status=204)
        form = dict(parse_qsl(body.decode()))
        self.roles.append(form)
        self.secrets["ROLE"] = "role-s3cr3t"
        text = _ROLE_ANSWER.format(
            arn=form["RoleArn"],
            key="ROLE",
            secret="role-s3cr3t",
            token="session-token",
            expiration=f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        )
        return web.Response(text=text, content_type="text/xml")

    def _checked(self, request: web.Request, body: bytes) -> Signed | None:
        match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if match is None:
            return None
        access_key, day, region, service, names, signature = match.groups()
        time = request.headers.get("X-Amz-Date", "")
        if not time.startswith(day) or access_key not in self.secrets:
            return None
        scope = f"{day}/{region}/{service}/aws4_request"
        digest = hashlib.sha256(_canonical(request, names.split(";"), body).encode()).hexdigest()
        key = f"AWS4{self.secrets[access_key]}".encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}"
        if hmac.new(key, text.encode(), "sha256").hexdigest() != signature:
            return None
        token = request.headers.get("X-Amz-Security-Token", "")
        return Signed(access_key, region, service, frozenset(names.split(";")), token)


def _canonical(request: web.Request, names: list[str], body: bytes) -> str:
    url = urlsplit(request.raw_path)
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(url.query, keep_blank_values=True)
    )
    headers = [
        f"{name}:{','.join(' '.join(value.split()) for value in request.headers.getall(name))}"
        for name in names
    ]
    return "\n".join(
        [
            request.method,
            quote(url.path or "/", safe="/-_.~"),  # what is escaped already is escaped again
            "&".join(f"{name}={value}" for name, value in query),
            *headers,
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        ]
    )
