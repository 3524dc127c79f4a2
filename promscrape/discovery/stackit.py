"""`stackit_sd_configs`: targets from the servers of STACKIT."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class StackitSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/stackit/stackit.go, SDConfig.

    The paths are as seen from the process, unlike those of all other sections.
    """

    go_type: ClassVar[str] = "stackit.plain"
    go_item: ClassVar[str] = "*stackit.SDConfig"

    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    project: str = ""
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    region: str = "eu01"
    endpoint: ServerURL = URL()  # "": that of the region
    service_account_key: Secret = Secret()
    private_key: Secret = Secret()
    service_account_key_path: str = ""
    private_key_path: str = ""
    credentials_file_path: str = ""

    def check(self) -> Iterator[InvalidValue]:
        if not self.endpoint and not self.region:
            yield InvalidValue("stackit_sd: endpoint and region missing", at=("region",))
        fault = grammar_fault("endpoint", self.endpoint)
        if fault:
            yield InvalidValue(
                f"stackit_sd: invalid endpoint {quote(str(self.endpoint))}: {fault}",
                at=("endpoint",),
            )
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


KIND = Unbuilt("stackit", StackitSDConfig)
