"""`outscale_sd_configs`: targets from the virtual machines of Outscale."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Self, final

import msgspec

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.secret_key import check_secret_key
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class OutscaleSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/outscale/outscale.go, SDConfig."""

    go_type: ClassVar[str] = "outscale.plain"
    go_item: ClassVar[str] = "*outscale.SDConfig"

    endpoint: ServerURL = URL()  # "": that of the region
    region: str = "eu-west-2"
    access_key: str = ""
    secret_key: Secret = Secret()
    secret_key_file: FilePath = ""
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        if not self.region:
            yield InvalidValue("outscale SD configuration requires a region", at=("region",))
        if not self.access_key:
            yield InvalidValue("outscale SD configuration requires access_key", at=("access_key",))
        yield from check_secret_key(self.secret_key, self.secret_key_file)
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def resolved(self) -> Self:
        endpoint = self.endpoint or URL(f"https://api.{self.region}.outscale.com/api/v1")
        return msgspec.structs.replace(self, endpoint=endpoint)


KIND = Unbuilt("outscale", OutscaleSDConfig)
