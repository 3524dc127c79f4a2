"""What the providers `docker` and `dockerswarm` have in common: the daemon they ask.

Source: Prometheus discovery/moby/network.go, and the Engine API of Docker.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Final, TypeVar, final

import msgspec

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.api import API
from promscrape.discovery.naming import flag, labels_of
from promscrape.discovery.provider import ProviderContext
from promscrape.discovery.server_url import grammar_fault
from promscrape.errors import DiscoveryError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.url import URL

T = TypeVar("T")

# What this asks for has been the same since; a daemon that is older says so.
_NEWEST: Final = (1, 44)
_OLDEST: Final = (1, 24)


@final
class MobyFilter(ConfigStruct, frozen=True, kw_only=True):
    """A filter that the daemon applies to its list; source: discovery/moby/dockerswarm.go."""

    go_type: ClassVar[str] = "moby.Filter"
    go_item: ClassVar[str] = "moby.Filter"

    name: str = ""
    values: tuple[str, ...] = ()


def check_host(host: URL) -> Iterator[InvalidValue]:
    """Yield what is wrong with the daemon's URL."""
    if not host:
        yield InvalidValue(
            "host missing", at=("host",), hint="a local daemon is `unix:///var/run/docker.sock`"
        )
    fault = grammar_fault("host", host)
    if fault:
        yield fault


class Network(msgspec.Struct, frozen=True, rename="pascal"):
    """One entry of `/networks`."""

    id: str = ""
    name: str = ""
    scope: str = ""
    internal: bool = False
    ingress: bool = False
    labels: dict[str, str] = {}


@final
class MobyAPI:
    """The Engine API of one daemon, in a version that it has.

    timeout: of one answer. Raises DiscoveryError and ConfigError where the section cannot be
    obeyed. As in Prometheus, the HTTP client's settings hold for hosts of HTTP and HTTPS alone.
    """

    def __init__(
        self, host: URL, http: HTTPClientConfig, context: ProviderContext, timeout: Duration
    ) -> None:
        written = host.reveal()
        rest = written.partition("://")[2]
        match host.scheme:
            case "unix":
                client, base = context.http_client(HTTPClientConfig(), rest), "http://localhost"
            case "tcp":
                client, base = context.http_client(HTTPClientConfig()), f"http://{rest}"
            case "http" | "https":
                client, base = context.http_client(http), written
            case scheme:
                raise DiscoveryError(
                    f"host {host}: unsupported scheme {quote(scheme)}; it is unix, tcp, http or https"
                )
        self._api = API(client, base.rstrip("/"), timeout.seconds)
        self._version = ""

    async def close(self) -> None:
        await self._api.close()

    async def get(self, path: str, kind: type[T], filters: Sequence[MobyFilter] = ()) -> T:
        """Return an answer. Raises DiscoveryError and FetchError."""
        if not self._version:
            self._version = await self._negotiate()
        query = {"filters": encoded(filters)} if filters else {}
        try:
            return await self._api.get(self._version + path, kind, query)
        except DiscoveryError:
            self._version = ""  # The daemon may have been replaced by one of another version.
            raise

    async def _negotiate(self) -> str:
        ping = (await self._api.ask("GET", "/_ping")).succeeded()
        try:
            major, _, minor = ping.headers.get("Api-Version", "1.24").partition(".")
            version = min((int(major), int(minor)), _NEWEST)
        except ValueError:
            version = _OLDEST
        return "/v{}.{}".format(*version)


async def network_labels(api: MobyAPI, prefix: str) -> Mapping[str, Mapping[str, str]]:
    """Return the labels that tell of each network, by its id."""
    return {
        network.id: {
            f"{prefix}network_id": network.id,
            f"{prefix}network_name": network.name,
            f"{prefix}network_scope": network.scope,
            f"{prefix}network_internal": flag(network.internal),
            f"{prefix}network_ingress": flag(network.ingress),
            **labels_of(f"{prefix}network_label_", network.labels),
        }
        for network in await api.get("/networks", list[Network])
    }


def encoded(filters: Sequence[MobyFilter]) -> str:
    """Return filters as the API reads them; several of one name are one."""
    values: dict[str, dict[str, bool]] = {}
    for one in filters:
        values.setdefault(one.name, {}).update(dict.fromkeys(one.values, True))
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
