"""`linode_sd_configs`: targets from the instances of Linode.

Section 5.11 of the discovery specification; source: Prometheus discovery/linode/linode.go.
"""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, ClassVar, Generic, TypeVar, final

import msgspec

from promscrape.clock import Clock
from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API, api_of, page_numbers, with_query
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import LinodeMetrics
from promscrape.discovery.naming import host_port, wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

T = TypeVar("T")

_BASE = "https://api.linode.com/v4"
_PREFIX = "__meta_linode_"
_MIB = 1 << 20
_NS_PER_S = 1_000_000_000
# Without an event in between, the data is asked for with every tenth refresh.
_MAX_POLLS = 10
LABELS = tuple(
    _PREFIX + name
    for name in (
        "instance_id",
        "instance_label",
        "image",
        "private_ipv4",
        "public_ipv4",
        "public_ipv6",
        "private_ipv4_rdns",
        "public_ipv4_rdns",
        "public_ipv6_rdns",
        "region",
        "type",
        "status",
        "group",
        "gpus",
        "hypervisor",
        "backups",
        "specs_disk_bytes",
        "specs_memory_bytes",
        "specs_transfer_bytes",
        "specs_vcpus",
        "tags",
        "extra_ips",
        "ipv6_ranges",
    )
)


@final
class LinodeSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/linode/linode.go, SDConfig."""

    go_type: ClassVar[str] = "linode.plain"
    go_item: ClassVar[str] = "*linode.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    tag_separator: str = ","
    region: str = ""  # "": all

    def check(self) -> Iterator[InvalidValue]:
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class _Specs(msgspec.Struct, frozen=True):
    disk: int = 0
    memory: int = 0
    transfer: int = 0
    vcpus: int = 0
    gpus: int = 0


class _Backups(msgspec.Struct, frozen=True):
    enabled: bool = False


class Instance(msgspec.Struct, frozen=True):
    """One entry of `/linode/instances`."""

    id: int = 0
    label: str = ""
    group: str = ""
    status: str = ""
    type: str = ""
    ipv4: list[str] = []
    ipv6: str = ""
    image: str = ""
    region: str = ""
    specs: _Specs = _Specs()
    backups: _Backups = _Backups()
    hypervisor: str = ""
    tags: list[str] = []


class Address(msgspec.Struct, frozen=True):
    """One entry of `/networking/ips`."""

    address: str = ""
    public: bool = False
    rdns: str = ""


class Range(msgspec.Struct, frozen=True):
    """One entry of `/networking/ipv6/ranges`."""

    range: str = ""
    prefix: int = 0
    route_target: str = ""


class _Page(msgspec.Struct, Generic[T], frozen=True):
    data: list[T] = []
    pages: int = 0


class Data(msgspec.Struct, frozen=True):
    """All that targets are made of."""

    instances: Sequence[Instance]
    addresses: Sequence[Address]
    ranges: Sequence[Range]


def targets_of(data: Data, config: LinodeSDConfig) -> Iterator[dict[str, str]]:
    addresses = {address.address: address for address in data.addresses}
    ranges: dict[str, list[str]] = {}
    for one in data.ranges:
        ranges.setdefault(one.route_target, []).append(f"{one.range}/{one.prefix}")
    for instance in data.instances:
        if instance.ipv4:
            yield {
                **_labels_of_instance(instance, config.tag_separator),
                **_labels_of_addresses(instance, addresses, config),
                **_labels_of_ipv6(instance, addresses, ranges, config.tag_separator),
            }


def _labels_of_instance(instance: Instance, separator: str) -> dict[str, str]:
    specs = instance.specs
    labels = {
        f"{_PREFIX}instance_id": str(instance.id),
        f"{_PREFIX}instance_label": instance.label,
        f"{_PREFIX}image": instance.image,
        f"{_PREFIX}region": instance.region,
        f"{_PREFIX}type": instance.type,
        f"{_PREFIX}status": instance.status,
        f"{_PREFIX}group": instance.group,
        f"{_PREFIX}gpus": str(specs.gpus),
        f"{_PREFIX}hypervisor": instance.hypervisor,
        f"{_PREFIX}backups": "enabled" if instance.backups.enabled else "disabled",
        f"{_PREFIX}specs_disk_bytes": str(specs.disk * _MIB),
        f"{_PREFIX}specs_memory_bytes": str(specs.memory * _MIB),
        f"{_PREFIX}specs_transfer_bytes": str(specs.transfer * _MIB),
        f"{_PREFIX}specs_vcpus": str(specs.vcpus),
    }
    if instance.tags:
        labels[f"{_PREFIX}tags"] = wrapped(separator, instance.tags)
    return labels


def _labels_of_addresses(
    instance: Instance, addresses: Mapping[str, Address], config: LinodeSDConfig
) -> dict[str, str]:
    """Return the labels of the first public and the first private address, and of the others."""
    known = [addresses[ip] for ip in instance.ipv4 if ip in addresses]
    public = next((one for one in known if one.public), Address())
    private = next((one for one in known if not one.public), Address())
    extra = [one.address for one in known if one is not public and one is not private]
    labels = {
        ADDRESS_LABEL: host_port(public.address, config.port),
        f"{_PREFIX}public_ipv4": public.address,
        f"{_PREFIX}public_ipv4_rdns": _name(public),
        f"{_PREFIX}private_ipv4": private.address,
        f"{_PREFIX}private_ipv4_rdns": _name(private),
    }
    if extra:
        labels[f"{_PREFIX}extra_ips"] = wrapped(config.tag_separator, extra)
    return labels


def _labels_of_ipv6(
    instance: Instance,
    addresses: Mapping[str, Address],
    ranges: Mapping[str, Sequence[str]],
    separator: str,
) -> dict[str, str]:
    slaac = instance.ipv6.partition("/")[0]
    address = addresses.get(slaac, Address()) if slaac else Address()
    labels = {
        f"{_PREFIX}public_ipv6": address.address,
        f"{_PREFIX}public_ipv6_rdns": _name(address),
    }
    if slaac in ranges and slaac:
        labels[f"{_PREFIX}ipv6_ranges"] = wrapped(separator, ranges[slaac])
    return labels


def _name(address: Address) -> str:
    return "" if address.rdns == "null" else address.rdns


@final
class LinodeRefresher:
    """Lists instances, addresses and ranges, once the account has had an event."""

    def __init__(
        self, config: LinodeSDConfig, api: API, metrics: LinodeMetrics, clock: Clock
    ) -> None:
        self._config, self._api, self._clock = config, api, clock
        self._failures = metrics.failures
        self._filter = {"X-Filter": json.dumps({"region": config.region})} if config.region else {}
        self._last: TargetGroup | None = None
        self._refreshed_ns = 0
        self._polls = 0
        self._may_read_events = True

    async def refresh(self) -> Sequence[TargetGroup]:
        now_ns = self._clock.now_ns()
        if self._last is not None and self._may_read_events:
            is_quiet = await self._is_quiet()
            self._polls += 1
            if is_quiet and self._polls < _MAX_POLLS:
                return [self._last]
        try:
            data = await self._data()
        except (DiscoveryError, FetchError):
            self._failures.inc()
            raise
        self._last = TargetGroup(tuple(targets_of(data, self._config)), {}, "Linode")
        self._refreshed_ns, self._polls = now_ns, 0
        return [self._last]

    async def close(self) -> None:
        await self._api.close()

    async def _is_quiet(self) -> bool:
        """Whether there was no event since the last load; a token may not be allowed to tell."""
        since = datetime.fromtimestamp(self._refreshed_ns // _NS_PER_S, UTC)
        filter_ = json.dumps({"created": {"+gte": f"{since:%Y-%m-%dT%H:%M:%S}"}})
        path = with_query("/account/events", {"page": "1", "page_size": "25"})
        reply = await self._api.ask("GET", path, {"X-Filter": filter_})
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._may_read_events = False
            return False
        return not reply.succeeded().json(_Page[object]).data

    async def _data(self) -> Data:
        return Data(
            [one async for one in self._all("/linode/instances", Instance)],
            [one async for one in self._all("/networking/ips", Address)],
            [one async for one in self._all("/networking/ipv6/ranges", Range)],
        )

    async def _all(self, path: str, kind: type[T]) -> AsyncIterator[T]:
        for number in page_numbers():
            numbered = with_query(path, {"page": str(number), "page_size": "500"})
            reply = (await self._api.ask("GET", numbered, self._filter)).succeeded()
            page = reply.json(_Page[kind])  # type: ignore[valid-type]  # a type at run time
            for one in page.data:
                yield one
            if number >= page.pages:
                return


def _make(
    config: LinodeSDConfig, context: ProviderContext, metrics: LinodeMetrics, base: str = _BASE
) -> Provider:
    api = api_of(config, context, base)
    refresher = LinodeRefresher(config, api, metrics, context.clock)
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("linode", LinodeSDConfig, LinodeMetrics, _make, LABELS)
