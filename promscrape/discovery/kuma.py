"""`kuma_sd_configs`: targets from the control plane of a Kuma mesh."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


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
        fault = self._server_fault()
        if fault:
            yield fault
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _server_fault(self) -> InvalidValue | None:
        if not self.server:
            return InvalidValue("kuma SD server must not be empty: ", at=("server",))
        fault = grammar_fault("server", self.server)
        if fault:
            return fault
        if self.server.scheme and self.server.host:
            return None
        return InvalidValue(
            f"kuma SD server must not be empty and have a scheme: {self.server}", at=("server",)
        )
