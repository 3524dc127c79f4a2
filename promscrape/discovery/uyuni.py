"""`uyuni_sd_configs`: targets from the systems that Uyuni monitors.

Section 5.23 of the discovery specification; source: Prometheus discovery/uyuni/uyuni.go. The API
is XML-RPC.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, TypeVar, final
from xml.parsers.expat import ExpatError
from xmlrpc.client import Fault, ResponseError, dumps, loads

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import api_of
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError, PromscrapeError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL

T = TypeVar("T")

_PATH = "/rpc/api"
_TOKEN_S = 600
_RENEWAL_S = 300.0
_PREFIX = "__meta_uyuni_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "minion_hostname",
        "primary_fqdn",
        "system_id",
        "groups",
        "endpoint_name",
        "exporter",
        "proxy_module",
        "metrics_path",
        "scheme",
    )
)


@final
class UyuniSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/uyuni/uyuni.go, SDConfig."""

    go_type: ClassVar[str] = "uyuni.plain"
    go_item: ClassVar[str] = "*uyuni.SDConfig"

    server: ServerURL = URL()
    username: str = ""
    password: Secret = Secret()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    entitlement: str = "monitoring_entitled"
    separator: str = ","
    refresh_interval: Duration = Duration(60_000)

    def check(self) -> Iterator[InvalidValue]:
        if not self.server:
            yield InvalidValue("Uyuni SD configuration requires server host", at=("server",))
        fault = grammar_fault("server", self.server)
        if fault:
            yield InvalidValue(
                f"Uyuni Server URL is not valid: {fault}", at=("server",), hint=fault.hint
            )
        for key in ("username", "password"):
            if not getattr(self, key):
                yield InvalidValue(f"Uyuni SD configuration requires a {key}", at=(key,))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class _Group(msgspec.Struct, frozen=True):
    name: str = ""


class System(msgspec.Struct, frozen=True):
    """One entry of `system.listSystemGroupsForSystemsWithEntitlement`."""

    id: int = 0
    system_groups: list[_Group] = []


class Endpoint(msgspec.Struct, frozen=True):
    """One entry of `system.monitoring.listEndpoints`."""

    system_id: int = 0
    endpoint_name: str = ""
    exporter_name: str = ""
    module: str = ""
    path: str = ""
    port: int = 0
    tls_enabled: bool = False


class Network(msgspec.Struct, frozen=True):
    """One entry of `system.getNetworkForSystems`."""

    system_id: int = 0
    hostname: str = ""
    primary_fqdn: str = ""


def targets_of(
    systems: Sequence[System],
    endpoints: Sequence[Endpoint],
    networks: Sequence[Network],
    separator: str,
) -> Iterator[dict[str, str]]:
    groups = {one.id: separator.join(group.name for group in one.system_groups) for one in systems}
    by_system = {network.system_id: network for network in networks}
    for one in endpoints:
        network = by_system.get(one.system_id, Network())
        yield {
            ADDRESS_LABEL: f"{network.hostname}:{one.port}",
            f"{_PREFIX}minion_hostname": network.hostname,
            f"{_PREFIX}primary_fqdn": network.primary_fqdn,
            f"{_PREFIX}system_id": str(one.system_id),
            f"{_PREFIX}groups": groups.get(one.system_id, ""),
            f"{_PREFIX}endpoint_name": one.endpoint_name,
            f"{_PREFIX}exporter": one.exporter_name,
            f"{_PREFIX}proxy_module": one.module,
            f"{_PREFIX}metrics_path": one.path,
            f"{_PREFIX}scheme": "https" if one.tls_enabled else "http",
        }


@final
class UyuniRefresher:
    """Lists the systems that are entitled to be monitored, and what they expose."""

    def __init__(self, config: UyuniSDConfig, context: ProviderContext) -> None:
        self._config, self._clock = config, context.clock
        headers = {"Accept": "text/xml", "Content-Type": "text/xml"}
        self._api = api_of(config, context, config.server.reveal(), headers)
        # Without the password that the URL may have.
        self._source = f"{str(config.server).rstrip('/')}{_PATH}"
        self._token, self._renewal_s = "", 0.0

    async def refresh(self) -> Sequence[TargetGroup]:
        try:
            if not self._token or self._clock.monotonic_s() >= self._renewal_s:
                await self._log_in()
            return [TargetGroup(tuple(await self._targets()), {}, self._source)]
        except PromscrapeError:
            self._token = ""
            raise

    async def close(self) -> None:
        await self._api.close()

    async def _log_in(self) -> None:
        config, now_s = self._config, self._clock.monotonic_s()
        parameters = (config.username, config.password.reveal(), _TOKEN_S)
        self._token = await self._call("auth.login", parameters, str)
        self._renewal_s = now_s + _RENEWAL_S

    async def _targets(self) -> Iterator[dict[str, str]]:
        token, entitlement = self._token, self._config.entitlement
        list_systems = "system.listSystemGroupsForSystemsWithEntitlement"
        systems = await self._call(list_systems, (token, entitlement), list[System])
        if not systems:
            return iter(())
        ids = [system.id for system in systems]
        list_endpoints = "system.monitoring.listEndpoints"
        endpoints = await self._call(list_endpoints, (token, ids), list[Endpoint])
        networks = await self._call("system.getNetworkForSystems", (token, ids), list[Network])
        return targets_of(systems, endpoints, networks, self._config.separator)

    async def _call(self, method: str, parameters: tuple[object, ...], kind: type[T]) -> T:
        """Return what a method returns. Raises DiscoveryError and FetchError."""
        body = dumps(parameters, method).encode()  # type: ignore[arg-type]  # texts and numbers
        reply = (await self._api.ask("POST", _PATH, body=body)).succeeded()
        try:
            text = reply.body.decode()
            if "<!DOCTYPE" in text:
                # Entities of its own could make a small answer fill the memory.
                raise DiscoveryError(f"{method}: unexpected answer: it has a DOCTYPE")
            (value,), _ = loads(text)
            return msgspec.convert(value, kind)
        except Fault as exc:
            raise DiscoveryError(f"{method}: {exc.faultString}") from exc
        except (ExpatError, ResponseError, ValueError, TypeError) as exc:
            raise DiscoveryError(f"{method}: unexpected answer: {exc}") from exc


def _make(config: UyuniSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(UyuniRefresher(config, context), config.refresh_interval, context)


KIND = Kind("uyuni", UyuniSDConfig, NoMetrics, _make, LABELS)
