"""`digitalocean_sd_configs`: targets from the droplets and databases of DigitalOcean.

Section 5.4 of the discovery specification; source: Prometheus discovery/digitalocean.
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
from promscrape.discovery.role import one_of
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLE = one_of(("droplets", "databases"), "unknown DigitalOcean SD role")


_BASE = "https://api.digitalocean.com"
_PREFIX = "__meta_digitalocean_"
LABELS = tuple(
    _PREFIX + name
    for name in (
        "droplet_id",
        "droplet_name",
        "image",
        "image_name",
        "private_ipv4",
        "public_ipv4",
        "public_ipv6",
        "region",
        "size",
        "status",
        "vpc",
        "features",
        "tags",
        "db_id",
        "db_name",
        "db_engine",
        "db_version",
        "db_status",
        "db_region",
        "db_size",
        "db_num_nodes",
        "db_private_host",
        "db_host",
        "db_tag_<tag>",
    )
)


@final
class DigitaloceanSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/digitalocean/digitalocean.go, SDConfig."""

    go_type: ClassVar[str] = "digitalocean.plain"
    go_item: ClassVar[str] = "*digitalocean.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    role: Annotated[str, _ROLE] = "droplets"

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            yield InvalidValue("role missing (one of: droplets, databases)", at=("role",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class _Address(msgspec.Struct, frozen=True):
    ip_address: str = ""
    type: str = ""


class _Networks(msgspec.Struct, frozen=True):
    v4: list[_Address] = []
    v6: list[_Address] = []


class _Image(msgspec.Struct, frozen=True):
    slug: str = ""
    name: str = ""


class _Region(msgspec.Struct, frozen=True):
    slug: str = ""


class Droplet(msgspec.Struct, frozen=True):
    """One entry of `/v2/droplets`."""

    id: int = 0
    name: str = ""
    status: str = ""
    image: _Image = _Image()
    networks: _Networks = _Networks()
    region: _Region = _Region()
    size_slug: str = ""
    vpc_uuid: str = ""
    features: list[str] = []
    tags: list[str] = []


class _Pages(msgspec.Struct, frozen=True):
    next: str = ""


class _Links(msgspec.Struct, frozen=True):
    pages: _Pages = _Pages()


class _Droplets(msgspec.Struct, frozen=True):
    droplets: list[Droplet] = []
    links: _Links = _Links()


class _Connection(msgspec.Struct, frozen=True):
    host: str = ""


class Database(msgspec.Struct, frozen=True):
    """One entry of `/v2/databases`."""

    id: str = ""
    name: str = ""
    engine: str = ""
    version: str = ""
    status: str = ""
    region: str = ""
    size: str = ""
    num_nodes: int = 0
    connection: _Connection = _Connection()
    private_connection: _Connection = _Connection()
    tags: list[str] = []


class _Databases(msgspec.Struct, frozen=True):
    databases: list[Database] = []


def target_of_droplet(droplet: Droplet, port: int) -> dict[str, str]:
    public = _first(droplet.networks.v4, "public")
    labels = {
        ADDRESS_LABEL: host_port(public, port),
        f"{_PREFIX}droplet_id": str(droplet.id),
        f"{_PREFIX}droplet_name": droplet.name,
        f"{_PREFIX}image": droplet.image.slug,
        f"{_PREFIX}image_name": droplet.image.name,
        f"{_PREFIX}private_ipv4": _first(droplet.networks.v4, "private"),
        f"{_PREFIX}public_ipv4": public,
        f"{_PREFIX}public_ipv6": _first(droplet.networks.v6, "public"),
        f"{_PREFIX}region": droplet.region.slug,
        f"{_PREFIX}size": droplet.size_slug,
        f"{_PREFIX}status": droplet.status,
        f"{_PREFIX}vpc": droplet.vpc_uuid,
    }
    if droplet.features:
        labels[f"{_PREFIX}features"] = wrapped(",", droplet.features)
    if droplet.tags:
        labels[f"{_PREFIX}tags"] = wrapped(",", droplet.tags)
    return labels


def _first(addresses: Sequence[_Address], kind: str) -> str:
    return next((one.ip_address for one in addresses if one.type == kind), "")


def target_of_database(database: Database, port: int) -> dict[str, str]:
    labels = {
        f"{_PREFIX}db_id": database.id,
        f"{_PREFIX}db_name": database.name,
        f"{_PREFIX}db_engine": database.engine,
        f"{_PREFIX}db_version": database.version,
        f"{_PREFIX}db_status": database.status,
        f"{_PREFIX}db_region": database.region,
        f"{_PREFIX}db_size": database.size,
        f"{_PREFIX}db_num_nodes": str(database.num_nodes),
        # Prometheus takes tags as they are, such as `env:prod`, which no old-style name can be.
        **{f"{_PREFIX}db_tag_{tag}": "true" for tag in database.tags},
    }
    private, public = database.private_connection.host, database.connection.host
    if private:
        labels[f"{_PREFIX}db_private_host"] = private
    if public:
        labels[f"{_PREFIX}db_host"] = public
    if private or public:
        labels[ADDRESS_LABEL] = host_port(private or public, port)
    return labels


@final
class DigitaloceanRefresher:
    """Lists what the role says, page by page."""

    def __init__(self, config: DigitaloceanSDConfig, api: API) -> None:
        self._role, self._port, self._api = config.role, config.port, api

    async def refresh(self) -> Sequence[TargetGroup]:
        if self._role == "databases":
            databases = [target_of_database(one, self._port) async for one in self._databases()]
            return [TargetGroup(tuple(databases), {}, "DigitalOcean Databases")]
        droplets = [
            target_of_droplet(one, self._port) async for one in self._droplets() if one.networks.v4
        ]
        return [TargetGroup(tuple(droplets), {}, "DigitalOcean")]

    async def close(self) -> None:
        await self._api.close()

    async def _droplets(self) -> AsyncIterator[Droplet]:
        for page in page_numbers():
            answer = await self._api.get("/v2/droplets", _Droplets, {"page": str(page)})
            for droplet in answer.droplets:
                yield droplet
            if not answer.links.pages.next:
                return

    async def _databases(self) -> AsyncIterator[Database]:
        for page in page_numbers():
            query = {"page": str(page), "per_page": "100"}
            answer = await self._api.get("/v2/databases", _Databases, query)
            if not answer.databases:
                return
            for database in answer.databases:
                yield database


def _make(
    config: DigitaloceanSDConfig, context: ProviderContext, _: NoMetrics, base: str = _BASE
) -> Provider:
    refresher = DigitaloceanRefresher(config, api_of(config, context, base))
    return Refreshed(refresher, config.refresh_interval, context)


KIND = Kind("digitalocean", DigitaloceanSDConfig, NoMetrics, _make, LABELS)
