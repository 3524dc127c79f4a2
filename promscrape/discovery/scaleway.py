"""`scaleway_sd_configs`: targets from the instances and servers of Scaleway.

Section 5.20 of the discovery specification; source: Prometheus discovery/scaleway/instance.go
and baremetal.go.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Annotated, ClassVar, TypeVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.api import Query, api_of, page_numbers, with_query
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.role import one_of
from promscrape.discovery.scaleway_objects import (
    LABELS,
    AddressPage,
    Instance,
    InstancePage,
    OfferPage,
    Page,
    ServerPage,
    SystemPage,
    has_address,
    target_of_instance,
    target_of_server,
)
from promscrape.discovery.secret_key import check_secret_key
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.discovery.target_group import TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.secret_source import SecretSource
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import MASK, Secret
from promscrape.model.url import URL

P = TypeVar("P", bound=Page)

_PAGE = 100
_ROLE = one_of(("instance", "baremetal"), "unknown role")
_ACCESS_KEY = re.compile(r"SCW[A-Z0-9]{17}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ZONE = re.compile(r"[a-z]{2}-[a-z]{3,7}-[0-9]{1,2}")
_ZONES = (
    "fr-par-1, fr-par-2, fr-par-3, nl-ams-1, nl-ams-2, nl-ams-3, pl-waw-1, pl-waw-2, pl-waw-3, "
    "it-mil-1"
)
_EXPECTED_UUID = "expected a UUID: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


@final
class ScalewaySDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry, for one zone; source: Prometheus discovery/scaleway/scaleway.go, SDConfig."""

    go_type: ClassVar[str] = "scaleway.plain"
    go_item: ClassVar[str] = "*scaleway.SDConfig"

    project_id: str = ""
    api_url: ServerURL = URL("https://api.scaleway.com")
    zone: str = "fr-par-1"
    access_key: str = ""
    secret_key: Secret = Secret()
    secret_key_file: FilePath = ""
    name_filter: str = ""
    tags_filter: tuple[str, ...] = ()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    role: Annotated[str, _ROLE] = ""

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            yield InvalidValue("role missing (one of: instance, baremetal)", at=("role",))
        if not self.project_id:
            yield InvalidValue("project_id is mandatory", at=("project_id",))
        yield from check_secret_key(self.secret_key, self.secret_key_file)
        if not self.access_key:
            yield InvalidValue("access_key is mandatory", at=("access_key",))
        for key, fault in self._malformed():
            yield InvalidValue(f"scaleway-sdk-go: {fault}", at=(key,))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _malformed(self) -> Iterator[tuple[str, str]]:
        """Yield keys and what the vendor's library says of their form, in its order."""
        if self.access_key and not _ACCESS_KEY.fullmatch(self.access_key):
            expected = "expected SCWXXXXXXXXXXXXXXXXX format"
            yield "access_key", f"invalid access key format '{self.access_key}', {expected}"
        secret = self.secret_key.reveal()
        if secret and not self.secret_key_file and not _UUID.fullmatch(secret):
            yield "secret_key", f"invalid secret key format '{MASK}', {_EXPECTED_UUID}"
        if self.project_id and not _UUID.fullmatch(self.project_id):
            yield "project_id", f"invalid project ID format '{self.project_id}', {_EXPECTED_UUID}"
        if not self.zone:
            yield "zone", "default zone cannot be empty"
        elif not _ZONE.fullmatch(self.zone):
            available = f"available zones are: {_ZONES}"
            yield "zone", f"invalid default zone format '{self.zone}', {available}"
        if not self.api_url or grammar_fault("api_url", self.api_url):
            yield "api_url", f"invalid API url '{self.api_url}'"
        elif self.api_url.reveal().endswith("/"):
            yield (
                "api_url",
                f"invalid API url '{self.api_url}' it should not have a trailing slash",
            )


@final
class ScalewayRefresher:
    """Lists what the role says, page by page."""

    def __init__(self, config: ScalewaySDConfig, context: ProviderContext) -> None:
        self._config = config
        self._api = api_of(config, context, config.api_url.reveal())
        self._key = SecretSource(
            "secret key",
            text="" if config.secret_key_file else config.secret_key.reveal(),
            file=config.secret_key_file,
        )

    async def refresh(self) -> Sequence[TargetGroup]:
        targets = await (self._instances() if self._config.role == "instance" else self._servers())
        return [TargetGroup(tuple(targets), {}, "scaleway")]

    async def close(self) -> None:
        await self._api.close()

    async def _instances(self) -> list[dict[str, str]]:
        path, port = f"/instance/v1/zones/{self._config.zone}/servers", self._config.port
        wanted = self._wanted(",".join(self._config.tags_filter))
        targets = []
        async for page in self._pages(path, wanted, "per_page", InstancePage):
            for instance in page.servers:
                private = "" if has_address(instance) else await self._private_address(instance)
                target = target_of_instance(instance, private, port)
                targets += [target] if target else []
        return targets

    async def _private_address(self, instance: Instance) -> str:
        """Return the IPv4 address of the first of the private interfaces that has one."""
        region = self._config.zone.rpartition("-")[0]
        for nic in instance.private_nics:
            query = {"resource_ids": nic.id, "resource_types": "instance_private_nic"}
            path = f"/ipam/v1/regions/{region}/ips"
            async for page in self._pages(path, query, "page_size", AddressPage):
                for one in page.ips:
                    if not one.is_ipv6:
                        return one.address.partition("/")[0]
        return ""

    async def _servers(self) -> list[dict[str, str]]:
        base = f"/baremetal/v1/zones/{self._config.zone}"
        wanted = self._wanted(self._config.tags_filter)
        servers = [
            server
            async for page in self._pages(f"{base}/servers", wanted, "page_size", ServerPage)
            for server in page.servers
        ]
        offers = {
            offer.id: offer.name
            async for page in self._pages(f"{base}/offers", {}, "page_size", OfferPage)
            for offer in page.offers
        }
        systems = {
            system.id: system
            async for page in self._pages(f"{base}/os", {}, "page_size", SystemPage)
            for system in page.os
        }
        return [target_of_server(server, offers, systems, self._config.port) for server in servers]

    def _wanted(self, tags: str | Sequence[str]) -> Query:
        wanted = {"name": self._config.name_filter, "tags": tags}
        return {name: value for name, value in wanted.items() if value}

    async def _pages(self, path: str, query: Query, size: str, kind: type[P]) -> AsyncIterator[P]:
        """Yield the pages of a list; `size` is what its API calls their length."""
        seen = 0
        for number in page_numbers():
            numbered = {**query, "page": str(number), size: str(_PAGE)}
            headers = {"X-Auth-Token": self._key.text()}
            reply = await self._api.ask("GET", with_query(path, numbered), headers)
            page = reply.succeeded().json(kind)
            yield page
            seen += len(page)
            total = page.total_count or int(reply.headers.get("X-Total-Count", "0"))
            if not len(page) or seen >= total:
                return


def _make(config: ScalewaySDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(ScalewayRefresher(config, context), config.refresh_interval, context)


KIND = Kind("scaleway", ScalewaySDConfig, NoMetrics, _make, LABELS)
