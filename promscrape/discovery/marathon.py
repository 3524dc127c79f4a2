"""`marathon_sd_configs`: targets from the applications that Marathon runs.

Section 5.12 of the discovery specification; source: Prometheus discovery/marathon/marathon.go.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.api import api_of
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import host_port, labels_of
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.secret_source import SecretSource
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret

_PREFIX = "__meta_marathon_"
LABELS = (
    "__meta_marathon_app",
    "__meta_marathon_image",
    "__meta_marathon_app_label_<name>",
    "__meta_marathon_task",
    "__meta_marathon_port_index",
    "__meta_marathon_port_mapping_label_<name>",
    "__meta_marathon_port_definition_label_<name>",
)


@final
class MarathonSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/marathon/marathon.go, SDConfig."""

    go_type: ClassVar[str] = "marathon.plain"
    go_item: ClassVar[str] = "*marathon.SDConfig"

    servers: tuple[ServerURL, ...] = ()
    refresh_interval: Duration = Duration(30_000)
    auth_token: Secret = Secret()
    auth_token_file: FilePath = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        if not self.servers:
            yield InvalidValue(
                "marathon_sd: must contain at least one Marathon server", at=("servers",)
            )
        if self.auth_token and self.auth_token_file:
            yield InvalidValue(
                "marathon_sd: at most one of auth_token & auth_token_file must be configured",
                at=("auth_token_file",),
            )
        if self.auth_token or self.auth_token_file:
            yield from self._check_single_auth()
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _check_single_auth(self) -> Iterator[InvalidValue]:
        client = self.http_client
        if client.basic_auth:
            rivals = "basic_auth, auth_token & auth_token_file"
        elif client.bearer_token or client.bearer_token_file:
            rivals = "bearer_token, bearer_token_file, auth_token & auth_token_file"
        elif client.authorization:
            rivals = "auth_token, auth_token_file & authorization"
        else:
            return
        yield InvalidValue(f"marathon_sd: at most one of {rivals} must be configured")


class _Mapping(msgspec.Struct, frozen=True, rename="camel"):
    container_port: int = 0
    host_port: int = 0
    labels: dict[str, str] = {}


class _Docker(msgspec.Struct, frozen=True, rename="camel"):
    image: str = ""
    port_mappings: list[_Mapping] = []


class _Container(msgspec.Struct, frozen=True, rename="camel"):
    docker: _Docker = _Docker()
    port_mappings: list[_Mapping] = []


class _Definition(msgspec.Struct, frozen=True, rename="camel"):
    port: int = 0
    labels: dict[str, str] = {}


class _Network(msgspec.Struct, frozen=True, rename="camel"):
    mode: str = ""


class _Address(msgspec.Struct, frozen=True, rename="camel"):
    ip_address: str = ""


class _Task(msgspec.Struct, frozen=True, rename="camel"):
    id: str = ""
    host: str = ""
    ports: list[int] = []
    ip_addresses: list[_Address] = []


class App(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `apps`."""

    id: str = ""
    tasks: list[_Task] = []
    labels: dict[str, str] = {}
    container: _Container = _Container()
    port_definitions: list[_Definition] = []
    networks: list[_Network] = []
    require_ports: bool = False


class _Apps(msgspec.Struct, frozen=True):
    apps: list[App] = []


class _Port(msgspec.Struct, frozen=True):
    """A port that all tasks of an app have; 0: each task has its own, at the same index."""

    number: int
    labels: Mapping[str, str] = {}


def group_of(app: App) -> TargetGroup:
    labels = {
        f"{_PREFIX}app": app.id,
        f"{_PREFIX}image": app.container.docker.image,
        **labels_of(f"{_PREFIX}app_label_", app.labels),
    }
    return TargetGroup(tuple(_targets(app)), labels, app.id)


def _targets(app: App) -> Iterator[dict[str, str]]:
    ports = _ports(app)
    for task in app.tasks:
        # Prometheus takes the ports of the first task that has any for those of all.
        ports = ports or [_Port(number) for number in task.ports]
        for index, port in enumerate(ports):
            has_same = len(task.ports) == len(ports)
            number = port.number or (task.ports[index] if has_same else 0)
            yield {
                ADDRESS_LABEL: host_port(_host(app, task), number),
                f"{_PREFIX}task": task.id,
                f"{_PREFIX}port_index": str(index),
                **port.labels,
            }


def _ports(app: App) -> Sequence[_Port]:
    """Return the ports that an app declares."""
    mappings = app.container.port_mappings or app.container.docker.port_mappings
    if mappings:
        prefix = f"{_PREFIX}port_mapping_label_"
        is_in_container = _is_in_container_network(app)
        return [
            _Port(
                one.container_port if is_in_container else one.host_port,
                labels_of(prefix, one.labels),
            )
            for one in mappings
        ]
    prefix = f"{_PREFIX}port_definition_label_"
    return [
        _Port(one.port if app.require_ports else 0, labels_of(prefix, one.labels))
        for one in app.port_definitions
    ]


def _is_in_container_network(app: App) -> bool:
    return bool(app.networks) and app.networks[0].mode == "container"


def _host(app: App, task: _Task) -> str:
    if _is_in_container_network(app) and task.ip_addresses:
        return task.ip_addresses[0].ip_address
    return task.host


@final
class MarathonRefresher:
    """Asks one of the servers, another each time, for all apps with their tasks."""

    def __init__(self, config: MarathonSDConfig, context: ProviderContext) -> None:
        self._token = SecretSource(
            "auth token", text=config.auth_token.reveal(), file=config.auth_token_file
        )
        try:
            self._token.text()
        except FetchError as exc:
            raise DiscoveryError(str(exc)) from exc
        self._apis = [api_of(config, context, server.reveal()) for server in config.servers]
        self._sources: set[str] = set()

    async def refresh(self) -> Sequence[TargetGroup]:
        api = random.choice(self._apis)  # noqa: S311 - to spread the load
        token = self._token.text()
        headers = {"Authorization": f"token={token}"} if token else {}
        reply = await api.ask("GET", "/v2/apps/?embed=apps.tasks", headers)
        groups = [group_of(app) for app in reply.succeeded(with_any_2xx=True).json(_Apps).apps]
        sources = {group.source for group in groups}
        groups += [TargetGroup((), {}, source) for source in sorted(self._sources - sources)]
        self._sources = sources
        return groups

    async def close(self) -> None:
        for api in self._apis:
            await api.close()


def _make(config: MarathonSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(MarathonRefresher(config, context), config.refresh_interval, context)


KIND = Kind("marathon", MarathonSDConfig, NoMetrics, _make, LABELS)
