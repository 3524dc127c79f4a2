"""`triton_sd_configs`: targets from the Container Monitor of Triton.

Section 5.22 of the discovery specification; source: Prometheus discovery/triton/triton.go.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, final

import msgspec

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.api import API, with_query
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLES = ("container", "cn")


_PREFIX = "__meta_triton_machine_"
LABELS = tuple(
    f"__meta_triton_{name}"
    for name in (
        "machine_id",
        "machine_alias",
        "machine_brand",
        "machine_image",
        "server_id",
        "groups",
    )
)


@final
class TritonSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/triton/triton.go, SDConfig."""

    go_type: ClassVar[str] = "triton.plain"
    go_item: ClassVar[str] = "*triton.SDConfig"

    account: str = ""
    role: str = "container"
    dns_suffix: str = ""
    endpoint: str = ""
    groups: tuple[str, ...] = ()
    port: int = 9163
    refresh_interval: Duration = Duration(60_000)
    tls_config: TLSConfig = TLSConfig()
    version: int = 1

    def check(self) -> Iterator[InvalidValue]:
        subject = "triton SD configuration requires"
        if self.role not in _ROLES:
            yield InvalidValue(f"{subject} role to be 'container' or 'cn'", at=("role",))
        if not self.account:
            yield InvalidValue(f"{subject} an account", at=("account",))
        if not self.dns_suffix:
            yield InvalidValue(f"{subject} a dns_suffix", at=("dns_suffix",))
        if not self.endpoint:
            yield InvalidValue(f"{subject} an endpoint", at=("endpoint",))
        if not self.refresh_interval:
            yield InvalidValue(
                f"{subject} RefreshInterval to be a positive integer", at=("refresh_interval",)
            )


class _Container(msgspec.Struct, frozen=True):
    groups: list[str] = []
    server_uuid: str = ""
    vm_alias: str = ""
    vm_brand: str = ""
    vm_image_uuid: str = ""
    vm_uuid: str = ""


class Containers(msgspec.Struct, frozen=True):
    """The answer to `/discover`."""

    containers: list[_Container] = []


class _Node(msgspec.Struct, frozen=True):
    server_uuid: str = ""
    server_hostname: str = ""


class Nodes(msgspec.Struct, frozen=True):
    """The answer to `/gz/discover`."""

    cns: list[_Node] = []


def targets_of_containers(answer: Containers, config: TritonSDConfig) -> Iterator[dict[str, str]]:
    for one in answer.containers:
        labels = {
            ADDRESS_LABEL: f"{one.vm_uuid}.{config.dns_suffix}:{config.port}",
            f"{_PREFIX}id": one.vm_uuid,
            f"{_PREFIX}alias": one.vm_alias,
            f"{_PREFIX}brand": one.vm_brand,
            f"{_PREFIX}image": one.vm_image_uuid,
            "__meta_triton_server_id": one.server_uuid,
        }
        if one.groups:
            labels["__meta_triton_groups"] = wrapped(",", one.groups)
        yield labels


def targets_of_nodes(answer: Nodes, config: TritonSDConfig) -> Iterator[dict[str, str]]:
    for one in answer.cns:
        yield {
            ADDRESS_LABEL: f"{one.server_uuid}.{config.dns_suffix}:{config.port}",
            f"{_PREFIX}id": one.server_uuid,
            f"{_PREFIX}alias": one.server_hostname,
        }


@final
class TritonRefresher:
    """Asks the container monitor of one data center."""

    def __init__(self, config: TritonSDConfig, context: ProviderContext, scheme: str) -> None:
        self._config = config
        path = "gz/discover" if config.role == "cn" else "discover"
        url = f"{scheme}://{config.endpoint}:{config.port}/v{config.version}/{path}"
        groups = {"groups": ",".join(config.groups)} if config.groups else {}
        self._url = with_query(url, groups)
        http = context.http_client(HTTPClientConfig(tls_config=config.tls_config))
        self._api = API(http, "", config.refresh_interval.seconds)

    async def refresh(self) -> Sequence[TargetGroup]:
        # As in Prometheus the status is not looked at: what is no JSON of this shape fails.
        reply = await self._api.ask("GET", self._url)
        if self._config.role == "cn":
            targets = targets_of_nodes(reply.json(Nodes), self._config)
        else:
            targets = targets_of_containers(reply.json(Containers), self._config)
        return [TargetGroup(tuple(targets), {}, self._url)]

    async def close(self) -> None:
        await self._api.close()


def _make(
    config: TritonSDConfig, context: ProviderContext, _: NoMetrics, scheme: str = "https"
) -> Provider:
    refresher = TritonRefresher(config, context, scheme)
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("triton", TritonSDConfig, NoMetrics, _make, LABELS)
