"""`dns_sd_configs`: targets from DNS records."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.dns_lookup import Record, Resolver
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import DnsMetrics
from promscrape.discovery.naming import host_port
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

NAME_LABEL = "__meta_dns_name"
SRV_TARGET_LABEL = "__meta_dns_srv_record_target"
SRV_PORT_LABEL = "__meta_dns_srv_record_port"
MX_TARGET_LABEL = "__meta_dns_mx_record_target"
NS_TARGET_LABEL = "__meta_dns_ns_record_target"

LABELS: Final = (NAME_LABEL, SRV_TARGET_LABEL, SRV_PORT_LABEL, MX_TARGET_LABEL, NS_TARGET_LABEL)

_TYPES_WITH_PORT = ("A", "AAAA", "MX", "NS")


@final
class DnsSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/dns/dns.go, SDConfig."""

    go_type: ClassVar[str] = "dns.plain"
    go_item: ClassVar[str] = "*dns.SDConfig"

    names: tuple[str, ...] = ()
    refresh_interval: Duration = Duration(30_000)
    type: str = "SRV"  # in either case
    port: int = 0  # of the targets; an SRV record brings its own

    def check(self) -> Iterator[InvalidValue]:
        if not self.names:
            yield InvalidValue(
                "DNS-SD config must contain at least one SRV record name", at=("names",)
            )
        if self.type.upper() in _TYPES_WITH_PORT:
            if not self.port:
                yield InvalidValue(
                    "a port is required in DNS-SD configs for all record types except SRV",
                    at=("port",),
                )
        elif self.type.upper() != "SRV":
            yield InvalidValue(
                f"invalid DNS-SD records type {self.type}",
                at=("type",),
                hint=f"the types are SRV, {', '.join(_TYPES_WITH_PORT)}",
            )
        yield from check_interval(self.refresh_interval)


@final
class DnsRefresher:
    """Looks all names up, each on its own: one that fails keeps its targets, and no other's.

    Rules D-1, D-6 and D-7 of the discovery specification; source: Prometheus
    discovery/dns/dns.go, refreshOne.
    """

    def __init__(
        self,
        config: DnsSDConfig,
        resolver: Resolver,
        context: ProviderContext,
        metrics: DnsMetrics,
    ) -> None:
        self._config, self._resolver = config, resolver
        self._type = config.type.upper()
        self._log, self._metrics = context.log, metrics

    async def refresh(self) -> Sequence[TargetGroup]:
        found = await asyncio.gather(*map(self._group, self._config.names))
        return [group for group in found if group is not None]

    async def close(self) -> None:
        pass

    async def _group(self, name: str) -> TargetGroup | None:
        self._metrics.lookups.inc()
        try:
            records = await self._resolver.look_up(name, self._type)
        except DiscoveryError as exc:
            self._metrics.lookup_failures.inc()
            self._log.error("Error refreshing DNS targets", err=exc)
            return None
        targets = (self._target(name, record) for record in records)
        return TargetGroup(tuple(target for target in targets if target is not None), {}, name)

    def _target(self, name: str, record: Record) -> Mapping[str, str] | None:
        """Return the labels of a record's target, None for a record of another type."""
        if record.type != self._type:
            if record.type != "CNAME":  # Names on the way to the records that were asked for.
                self._log.warning("Invalid record", name=name, type=record.type)
            return None
        labels = dict.fromkeys(LABELS, "") | {NAME_LABEL: name}
        port = self._config.port
        match record.type:
            case "SRV":
                port = record.port
                labels |= {SRV_TARGET_LABEL: record.host, SRV_PORT_LABEL: str(port)}
            case "MX":
                labels[MX_TARGET_LABEL] = record.host
            case "NS":
                labels[NS_TARGET_LABEL] = record.host
        return {ADDRESS_LABEL: host_port(record.host.rstrip("."), port), **labels}


def _make(config: DnsSDConfig, context: ProviderContext, metrics: DnsMetrics) -> Provider:
    refresher = DnsRefresher(config, Resolver(context.log), context, metrics)
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("dns", DnsSDConfig, DnsMetrics, _make, LABELS)
