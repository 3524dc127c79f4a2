"""`nomad_sd_configs`: targets from the services that Nomad runs.

Section 5.14 of the discovery specification; source: Prometheus discovery/nomad/nomad.go.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, ClassVar, final
from urllib.parse import quote

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import NomadMetrics
from promscrape.discovery.naming import host_port, wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

_PREFIX = "__meta_nomad_"
LABELS = (
    "__meta_nomad_address",
    "__meta_nomad_dc",
    "__meta_nomad_namespace",
    "__meta_nomad_node_id",
    "__meta_nomad_service",
    "__meta_nomad_service_address",
    "__meta_nomad_service_id",
    "__meta_nomad_service_port",
    "__meta_nomad_tags",
)


@final
class NomadSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/nomad/nomad.go, SDConfig."""

    go_type: ClassVar[str] = "nomad.plain"
    go_item: ClassVar[str] = "*nomad.SDConfig"

    allow_stale: bool = True
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    namespace: str = "default"
    refresh_interval: Duration = Duration(60_000)
    region: str = "global"
    server: ServerURL = URL("http://localhost:4646")
    tag_separator: str = ","

    def check(self) -> Iterator[InvalidValue]:
        if not self.server.reveal().strip():
            yield InvalidValue("nomad SD configuration requires a server address", at=("server",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class _Name(msgspec.Struct, frozen=True, rename="pascal"):
    service_name: str = ""


class _Namespace(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/v1/services`."""

    services: list[_Name] = []


class Registration(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/v1/service/<name>`."""

    id: str = msgspec.field(name="ID", default="")
    service_name: str = ""
    namespace: str = ""
    node_id: str = msgspec.field(name="NodeID", default="")
    datacenter: str = ""
    tags: list[str] = []
    address: str = ""
    port: int = 0


def target_of(registration: Registration, separator: str) -> dict[str, str]:
    """Return the labels of an instance; `separator` is what joins its tags."""
    labels = {
        ADDRESS_LABEL: host_port(registration.address, registration.port),
        f"{_PREFIX}address": registration.address,
        f"{_PREFIX}dc": registration.datacenter,
        f"{_PREFIX}namespace": registration.namespace,
        f"{_PREFIX}node_id": registration.node_id,
        f"{_PREFIX}service": registration.service_name,
        f"{_PREFIX}service_address": registration.address,
        f"{_PREFIX}service_id": registration.id,
        f"{_PREFIX}service_port": str(registration.port),
    }
    if registration.tags:
        labels[f"{_PREFIX}tags"] = wrapped(separator, registration.tags)
    return labels


@final
class NomadRefresher:
    """Lists the services, and then the instances of each."""

    def __init__(
        self, config: NomadSDConfig, context: ProviderContext, metrics: NomadMetrics
    ) -> None:
        base, unix_socket = _server(config.server)
        http = context.http_client(config.http_client, unix_socket)
        self._api = API(http, base, config.refresh_interval.seconds)
        self._separator, self._failures = config.tag_separator, metrics.failures
        scope = {"namespace": config.namespace, "region": config.region}
        self._query = {name: value for name, value in scope.items() if value}
        if config.allow_stale:
            self._query["stale"] = ""

    async def refresh(self) -> Sequence[TargetGroup]:
        try:
            targets = [target async for target in self._targets()]
        except (DiscoveryError, FetchError):
            self._failures.inc()
            raise
        return [TargetGroup(tuple(targets), {}, "Nomad")]

    async def close(self) -> None:
        await self._api.close()

    async def _targets(self) -> AsyncIterator[dict[str, str]]:
        namespaces = await self._api.get("/v1/services", list[_Namespace], self._query)
        names = [service.service_name for one in namespaces for service in one.services]
        # With the namespace `*` an answer has the instances of all namespaces: once is enough.
        for name in dict.fromkeys(names):
            path = f"/v1/service/{quote(name, safe='')}"
            for registration in await self._api.get(path, list[Registration], self._query):
                yield target_of(registration, self._separator)


def _server(server: URL) -> tuple[str, str]:
    """Return the base of all paths, and the path of the socket, if it is one.

    A path in the address has no meaning to Nomad's own client. Raises DiscoveryError.
    """
    fault = grammar_fault("server", server)
    if fault:
        raise DiscoveryError(f"server: {fault}")
    if server.scheme == "unix":
        return "http://localhost", server.reveal().partition("://")[2]
    if server.scheme not in ("http", "https") or not server.host:
        raise DiscoveryError(f"server {server}: it is `http://<host>:<port>`")
    authority = server.reveal().partition("://")[2].partition("/")[0]
    return f"{server.scheme}://{authority}", ""


def _make(config: NomadSDConfig, context: ProviderContext, metrics: NomadMetrics) -> Provider:
    return Refreshed(NomadRefresher(config, context, metrics), config.refresh_interval, context)


KIND = Kind("nomad", NomadSDConfig, NomadMetrics, _make, LABELS)
