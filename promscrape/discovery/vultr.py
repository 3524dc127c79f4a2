"""`vultr_sd_configs`: targets from the instances of Vultr.

Section 5.24 of the discovery specification; source: Prometheus discovery/vultr/vultr.go.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API, api_of, page_numbers
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import host_port, wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_BASE = "https://api.vultr.com"
_PREFIX = "__meta_vultr_instance_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "id",
        "label",
        "os",
        "os_id",
        "region",
        "plan",
        "main_ip",
        "main_ipv6",
        "internal_ip",
        "hostname",
        "server_status",
        "vcpu_count",
        "ram_mb",
        "allowed_bandwidth_gb",
        "disk_gb",
        "features",
        "tags",
    )
)


@final
class VultrSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/vultr/vultr.go, SDConfig."""

    go_type: ClassVar[str] = "vultr.plain"
    go_item: ClassVar[str] = "*vultr.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80

    def check(self) -> Iterator[InvalidValue]:
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class Instance(msgspec.Struct, frozen=True):
    """One entry of `/v2/instances`."""

    id: str = ""
    os: str = ""
    ram: int = 0
    disk: int = 0
    main_ip: str = ""
    vcpu_count: int = 0
    region: str = ""
    plan: str = ""
    allowed_bandwidth: int = 0
    server_status: str = ""
    v6_main_ip: str = ""
    label: str = ""
    internal_ip: str = ""
    hostname: str = ""
    os_id: int = 0
    features: list[str] = []
    tags: list[str] = []


class _Links(msgspec.Struct, frozen=True):
    next: str = ""


class _Meta(msgspec.Struct, frozen=True):
    links: _Links = _Links()


class _Page(msgspec.Struct, frozen=True):
    instances: list[Instance] = []
    meta: _Meta = _Meta()


def target_of(instance: Instance, port: int) -> dict[str, str]:
    labels = {
        ADDRESS_LABEL: host_port(instance.main_ip, port),
        f"{_PREFIX}id": instance.id,
        f"{_PREFIX}label": instance.label,
        f"{_PREFIX}os": instance.os,
        f"{_PREFIX}os_id": str(instance.os_id),
        f"{_PREFIX}region": instance.region,
        f"{_PREFIX}plan": instance.plan,
        f"{_PREFIX}main_ip": instance.main_ip,
        f"{_PREFIX}main_ipv6": instance.v6_main_ip,
        f"{_PREFIX}internal_ip": instance.internal_ip,
        f"{_PREFIX}hostname": instance.hostname,
        f"{_PREFIX}server_status": instance.server_status,
        f"{_PREFIX}vcpu_count": str(instance.vcpu_count),
        f"{_PREFIX}ram_mb": str(instance.ram),
        f"{_PREFIX}allowed_bandwidth_gb": str(instance.allowed_bandwidth),
        f"{_PREFIX}disk_gb": str(instance.disk),
    }
    if instance.features:
        labels[f"{_PREFIX}features"] = wrapped(",", instance.features)
    if instance.tags:
        labels[f"{_PREFIX}tags"] = wrapped(",", instance.tags)
    return labels


@final
class VultrRefresher:
    """Lists the instances, page by page."""

    def __init__(self, config: VultrSDConfig, api: API) -> None:
        self._port, self._api = config.port, api

    async def refresh(self) -> Sequence[TargetGroup]:
        targets = [target_of(one, self._port) async for one in self._instances()]
        return [TargetGroup(tuple(targets), {}, "Vultr")]

    async def close(self) -> None:
        await self._api.close()

    async def _instances(self) -> AsyncIterator[Instance]:
        query = {"per_page": "100"}
        for _ in page_numbers():
            page = await self._api.get("/v2/instances", _Page, query)
            for instance in page.instances:
                yield instance
            if not page.meta.links.next:
                return
            query["cursor"] = page.meta.links.next


def _make(
    config: VultrSDConfig, context: ProviderContext, _: NoMetrics, base: str = _BASE
) -> Provider:
    refresher = VultrRefresher(config, api_of(config, context, base))
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("vultr", VultrSDConfig, NoMetrics, _make, LABELS)
