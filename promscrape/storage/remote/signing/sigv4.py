"""AWS Signature Version 4: `sigv4` of a destination, by botocore.

Credentials come from the section, a profile, the environment, or the machine, and can be
exchanged for those of a role. All of that is botocore's, which blocks: it is done in a thread,
and what comes of it is kept for a minute. Source: Prometheus common sigv4/sigv4.go.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, final

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import (
    Credentials,
    RefreshableCredentials,
    create_assume_role_refresher,
)
from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound
from botocore.parsers import ResponseParserError
from botocore.session import Session

from promscrape.clock import Clock
from promscrape.errors import ConfigError, FetchError
from promscrape.storage.remote.cloud_auth import SigV4Config

_SERVICE = "aps"
_KEPT_S = 60
_SET = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")
_REMEDY = (
    "set access_key and secret_key, profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "give the machine a role"
)


class _Keys(Protocol):
    """What botocore calls frozen credentials."""

    access_key: str
    secret_key: str
    token: str | None


class _Frozen(NamedTuple):
    """Credentials of one moment, in botocore's own form."""

    access_key: str
    secret_key: str
    token: str | None

    def __repr__(self) -> str:
        return "_Frozen(<secret>)"


@final
class SigV4Signer:
    """Implements `promscrape.httpclient.signer.Signer`. Raises ConfigError."""

    def __init__(self, config: SigV4Config, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._service = config.service_name or _SERVICE
        try:
            self._session = Session(profile=config.profile or None)
            self._session.get_scoped_config()  # looks for the profile
            self._region = config.region or self._session.get_config_variable("region")
        except ProfileNotFound as exc:
            raise ConfigError(f"sigv4: {exc}") from exc
        if not self._region:
            raise ConfigError(
                "sigv4: region not configured in sigv4 or in default credentials chain: set "
                "region, or AWS_REGION"
            )
        self._frozen_credentials: Callable[[], _Keys] | None = None
        self._frozen: _Frozen | None = None
        self._frozen_until_s = 0.0
        self._turn = asyncio.Lock()  # held while a thread looks for credentials

    async def sign(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Mapping[str, str]:
        credentials = await self._credentials()
        request = AWSRequest(method=method, url=url, data=body, headers=headers)
        SigV4Auth(credentials, self._service, self._region).add_auth(request)
        return {name: request.headers[name] for name in _SET if name in request.headers}

    async def close(self) -> None:
        """Do nothing: botocore's connections end with what they were for."""

    async def _credentials(self) -> _Frozen:
        async with self._turn:
            now_s = self._clock.monotonic_s()
            if self._frozen is None or now_s >= self._frozen_until_s:
                try:
                    self._frozen = await asyncio.to_thread(self._resolve)
                except (BotoCoreError, ClientError, ResponseParserError) as exc:
                    raise FetchError(f"sigv4: could not get credentials: {exc}; {_REMEDY}") from exc
                self._frozen_until_s = now_s + _KEPT_S
            return self._frozen

    def _resolve(self) -> _Frozen:
        """Return what to sign with now, in a thread. Raises FetchError and botocore's errors."""
        if self._frozen_credentials is None:
            self._frozen_credentials = self._found().get_frozen_credentials
        frozen = self._frozen_credentials()
        return _Frozen(frozen.access_key, frozen.secret_key, frozen.token)

    def _found(self) -> Credentials:
        config = self._config
        credentials = (
            Credentials(config.access_key, config.secret_key.reveal())
            if config.access_key
            else self._session.get_credentials()
        )
        if credentials is None:
            raise FetchError(f"sigv4: could not get credentials: there are none; {_REMEDY}")
        return self._of_role(credentials) if config.role_arn else credentials

    def _of_role(self, credentials: Credentials) -> Credentials:
        config, own = self._config, credentials.get_frozen_credentials()
        client = self._session.create_client(
            "sts",
            region_name=self._region,
            aws_access_key_id=own.access_key,
            aws_secret_access_key=own.secret_key,
            aws_session_token=own.token,
            config=Config(use_fips_endpoint=config.use_fips_sts_endpoint or None),
        )
        wanted = {"RoleArn": config.role_arn, "RoleSessionName": "promscrape"}
        if config.external_id:
            wanted["ExternalId"] = config.external_id
        refresh = create_assume_role_refresher(client, wanted)
        return RefreshableCredentials.create_from_metadata(
            metadata=refresh(), refresh_using=refresh, method="sts-assume-role"
        )
