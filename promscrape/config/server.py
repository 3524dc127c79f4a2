"""The sections that only a Prometheus server obeys: `alerting` and `remote_read`.

They are checked like any other, so that a file is either right or wrong in both modes, and then
refused unless they are empty.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, final

from promscrape.config.scrape import address_faults, null_faults
from promscrape.decode.schema import INLINE, ConfigStruct, GoName, Refused, UInt64, Via
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.headers import header_faults
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import EMPTY_LABELS, Labels
from promscrape.model.url import URL
from promscrape.relabel import RelabelConfig
from promscrape.storage.remote.cloud_auth import SigV4Config


def _api_version(text: str) -> str:
    if text != "v2":
        raise InvalidValue(f"expected Alertmanager api version to be one of [v2] but got {text}")
    return text


@final
class AlertmanagerSection(ConfigStruct, frozen=True, kw_only=True):
    """An entry of `alerting.alertmanagers`."""

    go_type: ClassVar[str] = "config.AlertmanagerConfig"
    go_item: ClassVar[str] = "*config.AlertmanagerConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    sigv4: SigV4Config | None = None
    discovery: Annotated[DiscoveryConfigs, INLINE] = DiscoveryConfigs()
    scheme: str = "http"
    path_prefix: str = ""
    timeout: Duration = Duration(10_000)
    api_version: Annotated[str, Via(_api_version, str)] = "v2"
    relabel_configs: tuple[RelabelConfig | None, ...] = ()
    alert_relabel_configs: tuple[RelabelConfig | None, ...] = ()

    def check(self) -> Iterator[InvalidValue]:
        yield from self.discovery.check()
        yield from self.http_client.check()
        http = self.http_client
        if self.sigv4 and (http.basic_auth or http.authorization or http.oauth2):
            yield InvalidValue(
                "at most one of basic_auth, authorization, oauth2, & sigv4 must be configured",
                at=("sigv4",),
            )
        if not self.relabel_configs:
            yield from address_faults(self.discovery)
        yield from null_faults(
            "relabel_configs",
            self.relabel_configs,
            "empty or null Alertmanager target relabeling rule",
        )
        yield from null_faults(
            "alert_relabel_configs",
            self.alert_relabel_configs,
            "empty or null Alertmanager alert relabeling rule",
        )


@final
class AlertingSection(ConfigStruct, frozen=True, kw_only=True):
    """The section `alerting`, of which an agent allows only the empty one."""

    go_type: ClassVar[str] = "config.plain"

    alert_relabel_configs: tuple[RelabelConfig | None, ...] = ()
    alertmanagers: Annotated[
        tuple[AlertmanagerSection | Refused | None, ...], GoName("config.AlertmanagerConfigs")
    ] = ()

    def check(self) -> Iterator[InvalidValue]:
        rules = self.alert_relabel_configs
        message = "empty or null alert relabeling rule"
        yield from null_faults("alert_relabel_configs", rules, message)

    def __bool__(self) -> bool:
        """Whether anything would be alerted to."""
        return bool(self.alert_relabel_configs or self.alertmanagers)


@final
class RemoteReadSection(ConfigStruct, frozen=True, kw_only=True):
    """An entry of `remote_read`."""

    go_type: ClassVar[str] = "config.plain"
    go_item: ClassVar[str] = "*config.RemoteReadConfig"

    url: URL | None = None
    remote_timeout: Duration = Duration(60_000)
    chunked_read_limit: UInt64 = 0
    headers: Mapping[str, str] = {}
    read_recent: bool = False
    name: str = ""
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    required_matchers: Labels = EMPTY_LABELS
    filter_external_labels: bool = True

    def check(self) -> Iterator[InvalidValue]:
        if self.url is None:
            yield InvalidValue("url for remote_read is empty", at=("url",))
        yield from header_faults(
            self.headers,
            "authorization header must be changed via the basic_auth, authorization, oauth2, "
            "sigv4, azuread or google_iam parameter",
        )
        yield from self.http_client.check()
