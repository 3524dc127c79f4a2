"""`dns_sd_configs`: targets from DNS records."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

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
