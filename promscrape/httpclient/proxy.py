"""How requests go through a proxy: fields that stand in the section of their client."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct, GoName
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class ProxyConfig(ConfigStruct, frozen=True, kw_only=True):
    """The proxy of one client; without any of these, requests go directly."""

    go_type: ClassVar[str] = "config.ProxyConfig"

    proxy_url: URL | None = None
    no_proxy: str = ""
    proxy_from_environment: bool = False
    proxy_connect_header: Annotated[
        Mapping[str, tuple[Secret, ...]], GoName("config.ProxyHeader")
    ] = {}

    def check(self) -> Iterator[InvalidValue]:
        if self.proxy_connect_header and not (self.proxy_from_environment or self.proxy_url):
            yield InvalidValue(
                "if proxy_connect_header is configured, proxy_url or proxy_from_environment "
                "must also be configured",
                at=("proxy_connect_header",),
            )
        if self.proxy_from_environment and self.proxy_url:
            yield InvalidValue(
                "if proxy_from_environment is configured, proxy_url must not be configured",
                at=("proxy_url",),
            )
        if self.proxy_from_environment and self.no_proxy:
            yield InvalidValue(
                "if proxy_from_environment is configured, no_proxy must not be configured",
                at=("no_proxy",),
            )
        elif self.no_proxy and self.proxy_url is None:
            yield InvalidValue(
                "if no_proxy is configured, proxy_url must also be configured", at=("no_proxy",)
            )
