"""`marathon_sd_configs`: targets from the applications that Marathon runs."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret


@final
class MarathonSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/marathon/marathon.go, SDConfig."""

    go_type: ClassVar[str] = "marathon.plain"
    go_item: ClassVar[str] = "*marathon.SDConfig"

    servers: tuple[ServerURL, ...] = ()
    refresh_interval: Duration = Duration(30_000)
    auth_token: Secret = Secret()
    auth_token_file: FilePath = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        if not self.servers:
            yield InvalidValue(
                "marathon_sd: must contain at least one Marathon server", at=("servers",)
            )
        if self.auth_token and self.auth_token_file:
            yield InvalidValue(
                "marathon_sd: at most one of auth_token & auth_token_file must be configured",
                at=("auth_token_file",),
            )
        if self.auth_token or self.auth_token_file:
            yield from self._check_single_auth()
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _check_single_auth(self) -> Iterator[InvalidValue]:
        client = self.http_client
        if client.basic_auth:
            rivals = "basic_auth, auth_token & auth_token_file"
        elif client.bearer_token or client.bearer_token_file:
            rivals = "bearer_token, bearer_token_file, auth_token & auth_token_file"
        elif client.authorization:
            rivals = "auth_token, auth_token_file & authorization"
        else:
            return
        yield InvalidValue(f"marathon_sd: at most one of {rivals} must be configured")
