"""`openstack_sd_configs`: targets from the servers and load balancers of OpenStack.

Section 5.16 of the discovery specification; source: Prometheus discovery/openstack, and
gophercloud for the ways to authenticate.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TypeVar, final

import msgspec

from promscrape.discovery.api import API, page_numbers
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.openstack.config import OpenstackSDConfig, access_of
from promscrape.discovery.openstack.objects import (
    LABELS,
    BalancerList,
    FloatingIP,
    FloatingIPList,
    FloatingIPs,
    HypervisorList,
    ListenerList,
    Page,
    PortList,
    ServerList,
    Token,
    TokenReply,
    target_of_hypervisor,
    targets_of_balancers,
    targets_of_server,
)
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.quoting import quote

L = TypeVar("L", bound=Page)


@final
class OpenstackRefresher:
    """Authenticates anew each time, and lists what the role says."""

    def __init__(
        self, config: OpenstackSDConfig, context: ProviderContext, environ: Mapping[str, str]
    ) -> None:
        self._config = config
        self._access = access_of(config, environ)
        http = context.http_client(HTTPClientConfig(tls_config=config.tls_config))
        self._api = API(http, "", config.refresh_interval.seconds)

    async def refresh(self) -> Sequence[TargetGroup]:
        session = Session(self._api, await self._authenticate(), self._config)
        match self._config.role:
            case "hypervisor":
                targets = await _hypervisors(session, self._config.port)
            case "instance":
                targets = await _instances(session, self._config)
            case _:
                targets = await _load_balancers(session)
        return [TargetGroup(tuple(targets), {}, f"OS_{self._config.region}")]

    async def close(self) -> None:
        await self._api.close()

    async def _authenticate(self) -> Token:
        body = msgspec.json.encode(self._access.request())
        headers = {"Content-Type": "application/json"}
        reply = await self._api.ask("POST", self._access.url, headers, body)
        token = reply.succeeded(with_any_2xx=True).json(TokenReply).token
        return Token(reply.headers.get("X-Subject-Token", ""), token.catalog)


@final
class Session:
    """The lists of the services that a token opens."""

    def __init__(self, api: API, token: Token, config: OpenstackSDConfig) -> None:
        self._api, self._token, self._config = api, token, config

    def base(self, service: str) -> str:
        """Return the URL of a service. Raises DiscoveryError where the catalog has none."""
        region, interface = self._config.region, self._config.availability
        for entry in self._token.catalog:
            for endpoint in entry.endpoints if entry.type == service else ():
                if endpoint.interface == interface and region in (
                    endpoint.region,
                    endpoint.region_id,
                ):
                    return endpoint.url.rstrip("/")
        raise DiscoveryError(
            f"no {interface} endpoint of {quote(service)} in the region {quote(region)}"
        )

    async def all(self, url: str, query: str, kind: type[L]) -> AsyncIterator[L]:
        """Yield the pages of a list."""
        headers = {"X-Auth-Token": self._token.text}
        for _ in page_numbers():
            reply = await self._api.ask("GET", f"{url}?{query}" if query else url, headers)
            page = reply.succeeded().json(kind)
            yield page
            # Its host is not followed: the token is for the one of the catalog.
            query = page.next_query()
            if not query:
                return


async def _hypervisors(session: Session, port: int) -> list[dict[str, str]]:
    url = f"{session.base('compute')}/os-hypervisors/detail"
    return [
        target_of_hypervisor(one, port)
        async for page in session.all(url, "", HypervisorList)
        for one in page.hypervisors
    ]


async def _instances(session: Session, config: OpenstackSDConfig) -> list[dict[str, str]]:
    network, compute = session.base("network"), session.base("compute")
    ports = [
        port
        async for page in session.all(f"{network}/v2.0/ports", "", PortList)
        for port in page.ports
    ]
    floating = FloatingIPs(await _floating_ips(session), ports)
    query = "all_tenants=true" if config.all_tenants else ""
    return [
        target
        async for page in session.all(f"{compute}/servers/detail", query, ServerList)
        for server in page.servers
        for target in targets_of_server(server, floating, config.port)
    ]


async def _load_balancers(session: Session) -> list[dict[str, str]]:
    base = f"{session.base('load-balancer')}/v2.0/lbaas"
    balancers = [
        balancer
        async for page in session.all(f"{base}/loadbalancers", "", BalancerList)
        for balancer in page.loadbalancers
    ]
    listeners = [
        listener
        async for page in session.all(f"{base}/listeners", "", ListenerList)
        for listener in page.listeners
    ]
    return list(targets_of_balancers(balancers, listeners, await _floating_ips(session)))


async def _floating_ips(session: Session) -> list[FloatingIP]:
    url = f"{session.base('network')}/v2.0/floatingips"
    return [one async for page in session.all(url, "", FloatingIPList) for one in page.floatingips]


def _make(
    config: OpenstackSDConfig,
    context: ProviderContext,
    _: NoMetrics,
    environ: Mapping[str, str] = os.environ,
) -> Provider:
    refresher = OpenstackRefresher(config, context, environ)
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("openstack", OpenstackSDConfig, NoMetrics, _make, LABELS)
