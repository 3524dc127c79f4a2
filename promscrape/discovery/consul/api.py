"""Calls of Consul's HTTP API: the agent, the catalog and the health of services.

C-10 to C-15 of the discovery specification; source: hashicorp/consul api/api.go.
"""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar, final
from urllib.parse import quote

import msgspec

from promscrape.clock import Clock
from promscrape.discovery.api import API, Query, Reply, with_query
from promscrape.discovery.consul.config import ConsulSDConfig
from promscrape.discovery.consul.labels import Instance
from promscrape.discovery.consul.metrics import ConsulMetrics
from promscrape.discovery.provider import ProviderContext
from promscrape.errors import DiscoveryError
from promscrape.model.url import masked

T = TypeVar("T")

# How long the server holds an answer back while nothing changes. It adds up to a sixteenth.
_WAIT = "120000ms"
TIMEOUT_S: Final = 135.0


@final
class Answer(msgspec.Struct, Generic[T], frozen=True):
    """An answer, and the index that the next one is to differ from; 0 where it has none."""

    value: T
    index: int


@final
class Server(msgspec.Struct, frozen=True):
    """Where the API is: the base of its paths, and the path of its socket, if it is one."""

    base: str
    unix_socket: str = ""

    @classmethod
    def of(cls, config: ConsulSDConfig) -> "Server":
        """Read the address of a section. Raises DiscoveryError for an unknown scheme."""
        written = config.server.reveal().strip()
        scheme, separator, rest = written.partition("://")
        if not separator:
            return cls(f"{config.scheme or 'http'}://{written}{config.path_prefix}")
        if scheme == "unix":
            return cls(f"http://localhost{config.path_prefix}", rest)
        if scheme not in ("http", "https"):
            raise DiscoveryError(
                f"server {masked(written)}: unknown scheme; it is http, https or unix"
            )
        host, slash, path = rest.partition("/")
        prefix = f"/{path}".rstrip("/") if slash else config.path_prefix
        is_secure = scheme == "https" or config.scheme == "https"
        return cls(f"{'https' if is_secure else 'http'}://{host}{prefix}")


class _Settings(msgspec.Struct, frozen=True):
    datacenter: str = msgspec.field(name="Datacenter", default="")


class _Agent(msgspec.Struct, frozen=True):
    settings: _Settings = msgspec.field(name="Config", default=_Settings())


@final
class ConsulAPI:
    """The calls that one section makes, each timed. All raise DiscoveryError and FetchError.

    Raises DiscoveryError and ConfigError where the section cannot be obeyed.
    """

    def __init__(
        self,
        config: ConsulSDConfig,
        context: ProviderContext,
        metrics: ConsulMetrics,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        server = Server.of(config)
        http = context.http_client(config.http_client, server.unix_socket)
        token = config.token.reveal()
        headers = {"X-Consul-Token": token} if token else {}
        self._api = API(http, server.base, timeout_s, headers)
        self._config, self._metrics = config, metrics
        self._clock: Clock = context.clock

    async def close(self) -> None:
        await self._api.close()

    async def datacenter(self) -> str:
        """Return the datacenter of the agent, "" where it does not say."""
        agent = await self._api.get("/v1/agent/self", _Agent, self._scope())
        return agent.settings.datacenter

    async def services(self, index: int) -> Answer[dict[str, list[str]]]:
        """Return the tags of each service, once they are of another index."""
        query = self._watched(index, self._config.filter)
        started_s = self._clock.monotonic_s()
        try:
            reply = await self._api.ask("GET", with_query("/v1/catalog/services", query))
        finally:
            self._metrics.services.observe(self._clock.monotonic_s() - started_s)
        return _answer(reply, dict[str, list[str]])

    async def instances(self, service: str, index: int) -> Answer[list[Instance]]:
        """Return a service's instances in any health, once they are of another index."""
        query = {**self._watched(index, self._config.health_filter), "tag": self._config.tags}
        path = f"/v1/health/service/{quote(service, safe='')}"
        started_s = self._clock.monotonic_s()
        try:
            reply = await self._api.ask("GET", with_query(path, query))
        finally:
            self._metrics.service.observe(self._clock.monotonic_s() - started_s)
        return _answer(reply, list[Instance])

    def _scope(self) -> dict[str, str]:
        scope = {
            "dc": self._config.datacenter,
            "ns": self._config.namespace,
            "partition": self._config.partition,
        }
        return {name: value for name, value in scope.items() if value}

    def _watched(self, index: int, expression: str) -> Query:
        query: dict[str, str | Sequence[str]] = {**self._scope(), "wait": _WAIT}
        if index:
            query["index"] = str(index)
        if expression:
            query["filter"] = expression
        if self._config.allow_stale:
            query["stale"] = ""
        node_meta = self._config.node_meta
        query["node-meta"] = [f"{key}:{node_meta[key]}" for key in sorted(node_meta)]
        return query


def _answer(reply: Reply, kind: type[T]) -> Answer[T]:
    value = reply.succeeded().json(kind)
    written = reply.headers.get("X-Consul-Index", "0")
    try:
        return Answer(value, int(written))
    except ValueError:
        raise DiscoveryError(f"{reply.request}: X-Consul-Index is not a number") from None
