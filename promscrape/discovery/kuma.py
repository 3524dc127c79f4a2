"""`kuma_sd_configs`: targets from the control plane of a Kuma mesh.

Section 5.10 of the discovery specification; source: Prometheus discovery/xds/kuma.go and
client.go. The protocol is xDS over HTTP, in JSON.
"""

import socket
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import API, with_query
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import KumaMetrics
from promscrape.discovery.naming import labels_of
from promscrape.discovery.provider import ProviderContext, Publish
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL, absolute_fault
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError, FetchError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL
from promscrape.ticker import Ticker
from promscrape.version import PROGRAM

LABELS = (
    "__meta_kuma_mesh",
    "__meta_kuma_service",
    "__meta_kuma_dataplane",
    "__meta_kuma_label_<name>",
)
_TYPE: Final = "type.googleapis.com/kuma.observability.v1.MonitoringAssignment"
_PATH = "/v3/discovery:monitoringassignments"
_GRACE_S = 15.0


@final
class KumaSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/xds/xds.go, SDConfig, and kuma.go."""

    go_type: ClassVar[str] = "xds.plainKumaConf"
    go_item: ClassVar[str] = "*xds.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(15_000)
    fetch_timeout: Duration = Duration(120_000)  # how long the server may hold a request
    server: ServerURL = URL()
    client_id: str = ""

    def check(self) -> Iterator[InvalidValue]:
        text = "kuma SD server must not be empty"
        fault = absolute_fault(
            "server",
            self.server,
            InvalidValue(f"{text}: ", at=("server",)),
            InvalidValue(f"{text} and have a scheme: {self.server}", at=("server",)),
        )
        if fault:
            yield fault
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


class _Target(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    scheme: str = ""
    address: str = ""
    metrics_path: str = ""
    labels: dict[str, str] = {}


class _Assignment(msgspec.Struct, frozen=True, rename="camel"):
    mesh: str = ""
    service: str = ""
    targets: list[_Target] = []
    labels: dict[str, str] = {}


class Discovery(msgspec.Struct, frozen=True, rename="camel"):
    """An answer of the control plane."""

    version_info: str = ""
    nonce: str = ""
    type_url: str = ""
    resources: list[_Assignment] = []


def targets_of(discovery: Discovery) -> Iterator[dict[str, str]]:
    for assignment in discovery.resources:
        for target in assignment.targets:
            labels = target.labels | assignment.labels
            yield {
                ADDRESS_LABEL: target.address,
                "instance": target.name,
                "__scheme__": target.scheme,
                "__metrics_path__": target.metrics_path,
                "__meta_kuma_mesh": assignment.mesh,
                "__meta_kuma_service": assignment.service,
                "__meta_kuma_dataplane": target.name,
                **labels_of("__meta_kuma_label_", labels),
            }


@final
class KumaProvider:
    """Asks the control plane, which may hold a request back until something changes."""

    def __init__(
        self, config: KumaSDConfig, context: ProviderContext, metrics: KumaMetrics
    ) -> None:
        server = config.server
        if server.scheme not in ("http", "https"):
            raise DiscoveryError(f"kuma SD server {server}: its scheme is http or https")
        self._interval_s = config.refresh_interval.seconds
        timeout_s = config.fetch_timeout.seconds + _GRACE_S
        http = context.http_client(config.http_client)
        headers = {"Content-Type": "application/json"}
        self._api = API(http, server.reveal().rstrip("/"), timeout_s, headers)
        self._path = with_query(_PATH, {"fetch-timeout": str(config.fetch_timeout)})
        self._client_id = config.client_id
        self._metrics, self._clock, self._log = metrics, context.clock, context.log
        self._last = Discovery()

    async def run(self, publish: Publish) -> None:
        ticker = Ticker(self._clock.monotonic_s(), self._interval_s)
        try:
            while True:
                await self._poll(publish)
                await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
                ticker.take(self._clock.monotonic_s())
        finally:
            await self._api.close()

    async def _poll(self, publish: Publish) -> None:
        started_s = self._clock.monotonic_s()
        try:
            discovery = await self._fetch()
        except (DiscoveryError, FetchError) as exc:
            self._metrics.failures.inc()
            self._log.error("Error occurred on fetch", err=exc)
            return
        finally:
            self._metrics.duration.observe(self._clock.monotonic_s() - started_s)
        if discovery is None:
            self._metrics.skipped.inc()
            return
        self._last = discovery
        publish([TargetGroup(tuple(targets_of(discovery)), {}, "kuma")])

    async def _fetch(self) -> Discovery | None:
        """Return what is known, None where it is what it was."""
        body = msgspec.json.encode(self._request())
        reply = await self._api.ask("POST", self._path, body=body)
        if reply.status == HTTPStatus.NOT_MODIFIED:
            return None
        answer = _in_camel_case(reply.succeeded().json(dict[str, object]))
        try:
            discovery = msgspec.convert(answer, Discovery)
        except msgspec.ValidationError as exc:
            raise DiscoveryError(f"{reply.request}: unexpected answer: {exc}") from exc
        if discovery.type_url != _TYPE:
            raise DiscoveryError(
                f"{reply.request}: resources of another type: {discovery.type_url!r}"
            )
        return discovery

    def _request(self) -> Mapping[str, object]:
        if not self._client_id:
            self._client_id = socket.gethostname() or PROGRAM
        known = {"version_info": self._last.version_info, "response_nonce": self._last.nonce}
        return {
            "node": {"id": self._client_id},
            "type_url": _TYPE,
            **{name: value for name, value in known.items() if value},
        }


def _in_camel_case(value: Any) -> Any:
    """Return an answer without nulls, its fields spelled in the one way of the two there are.

    The labels of targets and assignments are no fields: their names stay.
    """
    match value:
        case dict():
            return {
                _camel(name): item if name == "labels" else _in_camel_case(item)
                for name, item in value.items()
                if item is not None
            }
        case list():
            return [_in_camel_case(item) for item in value if item is not None]
        case _:
            return value


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


KIND = Kind("kuma", KumaSDConfig, KumaMetrics, KumaProvider, LABELS)
