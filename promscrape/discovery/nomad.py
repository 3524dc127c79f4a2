"""`nomad_sd_configs`: targets from the services that Nomad runs."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.url import URL


@final
class NomadSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/nomad/nomad.go, SDConfig."""

    go_type: ClassVar[str] = "nomad.plain"
    go_item: ClassVar[str] = "*nomad.SDConfig"

    allow_stale: bool = True
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    namespace: str = "default"
    refresh_interval: Duration = Duration(60_000)
    region: str = "global"
    server: ServerURL = URL("http://localhost:4646")
    tag_separator: str = ","

    def check(self) -> Iterator[InvalidValue]:
        if not self.server.reveal().strip():
            yield InvalidValue("nomad SD configuration requires a server address", at=("server",))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
