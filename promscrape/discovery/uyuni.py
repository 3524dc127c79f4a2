"""`uyuni_sd_configs`: targets from the systems that Uyuni monitors."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class UyuniSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/uyuni/uyuni.go, SDConfig."""

    go_type: ClassVar[str] = "uyuni.plain"
    go_item: ClassVar[str] = "*uyuni.SDConfig"

    server: ServerURL = URL()
    username: str = ""
    password: Secret = Secret()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    entitlement: str = "monitoring_entitled"
    separator: str = ","
    refresh_interval: Duration = Duration(60_000)

    def check(self) -> Iterator[InvalidValue]:
        if not self.server:
            yield InvalidValue("Uyuni SD configuration requires server host", at=("server",))
        fault = grammar_fault("server", self.server)
        if fault:
            yield InvalidValue(
                f"Uyuni Server URL is not valid: {fault}", at=("server",), hint=fault.hint
            )
        for key in ("username", "password"):
            if not getattr(self, key):
                yield InvalidValue(f"Uyuni SD configuration requires a {key}", at=(key,))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
