"""`eureka_sd_configs`: targets from the applications that Eureka knows.

Section 5.7 of the discovery specification; source: Prometheus discovery/eureka/client.go and
eureka.go.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.api import Reply, api_of
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.naming import flag, host_port, labels_of
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.refresh import Refreshed, check_interval
from promscrape.discovery.server_url import ServerURL, absolute_fault
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup
from promscrape.errors import DiscoveryError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL

_PREFIX = "__meta_eureka_app_instance_"
# The labels that are always there, and the element of an instance that each comes from.
_ELEMENTS = {
    "hostname": "hostName",
    "homepage_url": "homePageUrl",
    "statuspage_url": "statusPageUrl",
    "healthcheck_url": "healthCheckUrl",
    "ip_addr": "ipAddr",
    "vip_address": "vipAddress",
    "secure_vip_address": "secureVipAddress",
    "status": "status",
    "country_id": "countryId",
    "id": "instanceId",
}
LABELS = (
    "__meta_eureka_app_name",
    *(_PREFIX + name for name in _ELEMENTS),
    *(_PREFIX + name for name in ("port", "port_enabled", "secure_port", "secure_port_enabled")),
    f"{_PREFIX}datacenterinfo_name",
    f"{_PREFIX}datacenterinfo_metadata_<name>",
    f"{_PREFIX}metadata_<name>",
)


@final
class EurekaSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/eureka/eureka.go, SDConfig."""

    go_type: ClassVar[str] = "eureka.plain"
    go_item: ClassVar[str] = "*eureka.SDConfig"

    server: ServerURL = URL()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(30_000)

    def check(self) -> Iterator[InvalidValue]:
        fault = absolute_fault(
            "server",
            self.server,
            InvalidValue("eureka_sd: empty or null eureka server", at=("server",)),
            InvalidValue(
                "eureka_sd: invalid eureka server URL",
                at=("server",),
                hint="write it whole: `http://<host>:<port>/eureka`",
            ),
        )
        if fault:
            yield fault
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


def targets_of(reply: Reply) -> Iterator[dict[str, str]]:
    """Yield the targets of an answer to `/apps`. Raises DiscoveryError."""
    for application in _root(reply).findall("application"):
        name = application.findtext("name", "")
        for instance in application.findall("instance"):
            yield {"__meta_eureka_app_name": name, **_labels_of_instance(instance)}


def _root(reply: Reply) -> ET.Element:
    try:
        text = reply.body.decode()
        if "<!DOCTYPE" in text:
            # Entities of its own could make a small answer fill the memory.
            raise DiscoveryError(f"{reply.request}: unexpected answer: it has a DOCTYPE")
        root = ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there are no entities
    except (ET.ParseError, UnicodeDecodeError) as exc:
        raise DiscoveryError(f"{reply.request}: unexpected answer: {exc}") from exc
    if root.tag != "applications":
        raise DiscoveryError(f"{reply.request}: unexpected answer: <{root.tag}>")
    return root


def _labels_of_instance(instance: ET.Element) -> dict[str, str]:
    port = instance.findtext("port", "80").strip()
    labels = {
        ADDRESS_LABEL: host_port(instance.findtext("hostName", ""), port),
        "instance": instance.findtext("instanceId", ""),
        **{_PREFIX + name: instance.findtext(tag, "") for name, tag in _ELEMENTS.items()},
        **_labels_of_port(instance.find("port"), "port"),
        **_labels_of_port(instance.find("securePort"), "secure_port"),
        **labels_of(f"{_PREFIX}metadata_", _content(instance.find("metadata"))),
    }
    labels[f"{_PREFIX}country_id"] = labels[f"{_PREFIX}country_id"] or "0"
    center = instance.find("dataCenterInfo")
    if center is not None:
        labels[f"{_PREFIX}datacenterinfo_name"] = center.findtext("name", "")
        metadata = _content(center.find("metadata"))
        labels |= labels_of(f"{_PREFIX}datacenterinfo_metadata_", metadata)
    return labels


def _labels_of_port(port: ET.Element | None, name: str) -> dict[str, str]:
    """Return a port's labels; whether it is enabled is told, and keeps no target out."""
    if port is None:
        return {}
    return {
        _PREFIX + name: (port.text or "").strip(),
        f"{_PREFIX}{name}_enabled": flag(port.get("enabled") == "true"),
    }


def _content(element: ET.Element | None) -> dict[str, str]:
    """Return the XML within each child, as it is written."""
    return {
        child.tag.rpartition("}")[2]: _inner(child)
        for child in (() if element is None else element)
    }


def _inner(element: ET.Element) -> str:
    children = "".join(ET.tostring(child, encoding="unicode") for child in element)
    return escape(element.text or "") + children


@final
class EurekaRefresher:
    """Asks one server for all applications."""

    def __init__(self, config: EurekaSDConfig, context: ProviderContext) -> None:
        headers = {"Accept": "application/xml"}
        self._api = api_of(config, context, config.server.reveal(), headers)

    async def refresh(self) -> Sequence[TargetGroup]:
        reply = (await self._api.ask("GET", "/apps")).succeeded(with_any_2xx=True)
        return [TargetGroup(tuple(targets_of(reply)), {}, "eureka")]

    async def close(self) -> None:
        await self._api.close()


def _make(config: EurekaSDConfig, context: ProviderContext, _: NoMetrics) -> Provider:
    return Refreshed(EurekaRefresher(config, context), config.refresh_interval, context)


KIND = Kind("eureka", EurekaSDConfig, NoMetrics, _make, LABELS)
