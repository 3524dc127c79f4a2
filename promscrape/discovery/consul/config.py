"""`consul_sd_configs`: targets from the services in a Consul catalog."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Self, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class ConsulSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/consul/consul.go, SDConfig."""

    go_type: ClassVar[str] = "consul.plain"
    go_item: ClassVar[str] = "*consul.SDConfig"

    server: ServerURL = URL("localhost:8500")
    path_prefix: str = ""
    token: Secret = Secret()
    datacenter: str = ""  # "": that of the agent
    namespace: str = ""
    partition: str = ""
    tag_separator: str = ","
    scheme: str = "http"
    username: str = ""  # deprecated with `password`: they stand for `basic_auth`
    password: Secret = Secret()
    allow_stale: bool = True
    refresh_interval: Duration = Duration(30_000)  # between two answers to one watch
    services: tuple[str, ...] = ()  # (): all
    tags: tuple[str, ...] = ()  # an instance must have all of them
    node_meta: Mapping[str, str] = {}
    filter: str = ""  # of the catalog
    health_filter: str = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        if not self.server.reveal().strip():
            yield InvalidValue("consul SD configuration requires a server address", at=("server",))
        own_user = self.username or self.password
        if own_user and self.http_client.basic_auth:
            yield InvalidValue(
                "at most one of consul SD configuration username and password and basic auth "
                "can be configured",
                at=("basic_auth",),
            )
        if self.token and (self.http_client.authorization or self.http_client.oauth2):
            yield InvalidValue(
                "at most one of consul SD token, authorization, or oauth2 can be configured"
            )
        yield from self.resolved().http_client.check()
        yield from check_interval(self.refresh_interval)

    def resolved(self) -> Self:
        if not (self.username or self.password):
            return self
        user = BasicAuth(username=self.username, password=self.password)
        client = msgspec.structs.replace(self.http_client, basic_auth=user)
        return msgspec.structs.replace(self, http_client=client, username="", password=Secret())
