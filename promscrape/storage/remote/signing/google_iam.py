"""Google IAM: `google_iam` of a destination.

A service account's key signs a request for a token; a user's refresh token asks for one; without
a file, the metadata server of the machine gives one out. Source: golang.org/x/oauth2/google, and
the pages "Using OAuth 2.0 for Server to Server Applications" and "How Application Default
Credentials works" of Google Cloud.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, final
from urllib.parse import urlencode

import msgspec

from promscrape.clock import Clock
from promscrape.errors import FetchError
from promscrape.httpclient.secret_source import SecretSource
from promscrape.storage.remote.signing.bearer import Token
from promscrape.storage.remote.signing.rsa_key import rsa_key
from promscrape.storage.remote.signing.token_request import TokenClient

_SCOPE: Final = "https://www.googleapis.com/auth/monitoring.write"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_S = 3600
_METADATA_HOST = "169.254.169.254"
_METADATA_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"
_WELL_KNOWN = Path(".config", "gcloud", "application_default_credentials.json")


class _File(msgspec.Struct, frozen=True):
    """A file of credentials; which fields there are depends on its type."""

    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = _TOKEN_URL
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""


@final
class GoogleTokens:
    """Implements `TokenSource` with the file at `credentials_file`, or the machine's identity.

    The file is read for each token, so that a rotated key needs no reload.
    """

    def __init__(
        self, credentials_file: str, user_agent: str, *, clock: Clock, environ: Mapping[str, str]
    ) -> None:
        path = credentials_file or default_file(environ)
        self._path, self._clock = path, clock
        self._file = SecretSource("google_iam credentials", file=path) if path else None
        host = environ.get("GCE_METADATA_HOST") or _METADATA_HOST
        self._metadata_url = f"http://{host}{_METADATA_PATH}?{urlencode({'scopes': _SCOPE})}"
        self._client = TokenClient(
            "google_iam", user_agent, environ, uses_proxy=self._file is not None
        )

    async def close(self) -> None:
        await self._client.close()

    async def fetch(self) -> Token:
        if self._file is None:
            return await self._client.get(
                self._metadata_url,
                {"Metadata-Flavor": "Google"},
                remedy="set credentials_file, or GOOGLE_APPLICATION_CREDENTIALS, or give the "
                "machine a service account",
            )
        file = self._read(self._file.text())
        if file.type == "service_account":
            return await self._with_key(file)
        if file.type == "authorized_user":
            return await self._with_refresh_token(file)
        raise FetchError(
            f"google_iam: {self._path} has the type {file.type!r}: use a file of the type "
            "service_account or authorized_user"
        )

    def _read(self, text: str) -> _File:
        try:
            return msgspec.json.decode(text, type=_File)
        except msgspec.MsgspecError as exc:
            # What msgspec says names a field or a position, and no content.
            raise FetchError(
                f"google_iam: {self._path} is no file of credentials: {exc}; download the JSON "
                "key of the service account again"
            ) from None

    async def _with_key(self, file: _File) -> Token:
        key = rsa_key("google_iam", self._path, file.private_key.encode())
        now_s = self._clock.now_ns() // 1_000_000_000
        claims = {
            "iss": file.client_email,
            "scope": _SCOPE,
            "aud": file.token_uri,
            "iat": now_s,
            "exp": now_s + _LIFETIME_S,
        }
        header = {"kid": file.private_key_id} if file.private_key_id else {}
        form = {"grant_type": _GRANT, "assertion": key.signed(header, claims)}
        return await self._client.post(
            file.token_uri,
            form,
            secret=form["assertion"],
            remedy=f"check that the key in {self._path} is still valid, and the clock right",
        )

    async def _with_refresh_token(self, file: _File) -> Token:
        form = {
            "grant_type": "refresh_token",
            "client_id": file.client_id,
            "client_secret": file.client_secret,
            "refresh_token": file.refresh_token,
        }
        return await self._client.post(
            file.token_uri,
            form,
            secret=file.refresh_token,
            remedy="log in again: gcloud auth application-default login",
        )


def default_file(environ: Mapping[str, str]) -> str:
    """Return the file of the application's default credentials, "" where there is none."""
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if named or "HOME" not in environ:
        return named
    well_known = Path(environ["HOME"]) / _WELL_KNOWN
    return str(well_known) if well_known.is_file() else ""
