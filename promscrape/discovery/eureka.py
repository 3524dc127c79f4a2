"""`eureka_sd_configs`: targets from the applications that Eureka knows."""

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
class EurekaSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/eureka/eureka.go, SDConfig."""

    go_type: ClassVar[str] = "eureka.plain"
    go_item: ClassVar[str] = "*eureka.SDConfig"

    server: ServerURL = URL()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(30_000)

    def check(self) -> Iterator[InvalidValue]:
        fault = self._server_fault()
        if fault:
            yield fault
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _server_fault(self) -> InvalidValue | None:
        if not self.server:
            return InvalidValue("eureka_sd: empty or null eureka server", at=("server",))
        fault = grammar_fault("server", self.server)
        if fault:
            return fault
        if self.server.scheme and self.server.host:
            return None
        return InvalidValue(
            "eureka_sd: invalid eureka server URL",
            at=("server",),
            hint="write it whole: `http://<host>:<port>/eureka`",
        )
