"""`puppetdb_sd_configs`: targets from the resources that PuppetDB knows.

Section 5.19 of the discovery specification; source: Prometheus discovery/puppetdb/puppetdb.go
and resources.go.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import api_of
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import flag, host_port, sanitized, wrapped
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL, http_fault
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.exposition.number import format_float
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

_PREFIX = "__meta_puppetdb_"
_PATH = "/pdb/query/v4"
LABELS = (
    "__meta_puppetdb_query",
    "__meta_puppetdb_certname",
    "__meta_puppetdb_resource",
    "__meta_puppetdb_type",
    "__meta_puppetdb_title",
    "__meta_puppetdb_exported",
    "__meta_puppetdb_file",
    "__meta_puppetdb_environment",
    "__meta_puppetdb_tags",
    "__meta_puppetdb_parameter_<name>",
)


@final
class PuppetdbSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/puppetdb/puppetdb.go, SDConfig."""

    go_type: ClassVar[str] = "puppetdb.plain"
    go_item: ClassVar[str] = "*puppetdb.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    url: ServerURL = URL()
    query: str = ""
    include_parameters: bool = False
    port: int = 80

    def check(self) -> Iterator[InvalidValue]:
        fault = http_fault("url", self.url)
        if fault:
            yield fault
        if not self.query:
            yield InvalidValue("query missing", at=("query",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class Resource(msgspec.Struct, frozen=True):
    """One entry of an answer to a query."""

    certname: str = ""
    resource: str = ""
    type: str = ""
    title: str = ""
    exported: bool = False
    tags: list[str] = []
    file: str = ""
    environment: str = ""
    parameters: dict[str, object] = {}


def target_of(resource: Resource, config: PuppetdbSDConfig) -> dict[str, str]:
    labels = {
        ADDRESS_LABEL: host_port(resource.certname, config.port),
        f"{_PREFIX}query": config.query,
        f"{_PREFIX}certname": resource.certname,
        f"{_PREFIX}resource": resource.resource,
        f"{_PREFIX}type": resource.type,
        f"{_PREFIX}title": resource.title,
        f"{_PREFIX}exported": flag(resource.exported),
        f"{_PREFIX}file": resource.file,
        f"{_PREFIX}environment": resource.environment,
    }
    if resource.tags:
        labels[f"{_PREFIX}tags"] = wrapped(",", resource.tags)
    if config.include_parameters:
        labels |= dict(_parameters(f"{_PREFIX}parameter_", resource.parameters))
    return labels


def _parameters(prefix: str, parameters: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield a label for each parameter that has a value; maps within one continue its name."""
    for key in sorted(parameters):
        name, value = prefix + sanitized(key), parameters[key]
        if isinstance(value, dict):
            yield from _parameters(f"{name}_", value)
            continue
        text = ",".join(map(_text, value)) if isinstance(value, list) else _text(value)
        if text:
            yield name, text


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return flag(value)
        case int() | float():
            return format_float(value).removesuffix(".0")
        case _:
            return ""


@final
class PuppetdbRefresher:
    """Makes one query, which is the source of its targets."""

    def __init__(self, config: PuppetdbSDConfig, context: ProviderContext) -> None:
        base = config.url.reveal().rstrip("/") + _PATH
        self._config = config
        # Without the password that the URL may have.
        self._source = f"{str(config.url).rstrip('/')}{_PATH}?query={config.query}"
        self._api = api_of(config, context, base, {"Content-Type": "application/json"})

    async def refresh(self) -> Sequence[TargetGroup]:
        body = msgspec.json.encode({"query": self._config.query})
        reply = (await self._api.ask("POST", "", body=body)).succeeded().called_json()
        resources = reply.json(list[Resource])
        targets = tuple(target_of(resource, self._config) for resource in resources)
        return [TargetGroup(targets, {}, self._source)]

    async def close(self) -> None:
        await self._api.close()


def _make(config: PuppetdbSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(PuppetdbRefresher(config, context), config.refresh_interval, context)


KIND = Kind("puppetdb", PuppetdbSDConfig, NoMetrics, _make, LABELS)
