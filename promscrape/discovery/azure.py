"""`azure_sd_configs`: targets from the virtual machines of Azure."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.refresh import check_interval
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.model.secret import Secret

_OAUTH = "OAuth"
_METHODS = (_OAUTH, "ManagedIdentity", "SDK", "WorkloadIdentity")


@final
class AzureSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/azure/azure.go, SDConfig."""

    go_type: ClassVar[str] = "azure.plain"
    go_item: ClassVar[str] = "*azure.SDConfig"

    environment: str = "AzurePublicCloud"
    port: int = 80
    subscription_id: str = ""
    tenant_id: str = ""
    client_id: str = ""
    client_secret: Secret = Secret()
    refresh_interval: Duration = Duration(300_000)
    authentication_method: str = _OAUTH
    resource_group: str = ""  # "": the whole subscription
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        required = ["subscription_id"]
        if self.authentication_method == _OAUTH:
            required += ["tenant_id", "client_id", "client_secret"]
        for key in required:
            if not getattr(self, key):
                yield InvalidValue(f"azure SD configuration requires a {key}", at=(key,))
        if self.authentication_method not in _METHODS:
            yield InvalidValue(
                f"unknown authentication_type {quote(self.authentication_method)}. Supported "
                'types are "OAuth", "ManagedIdentity", "SDK" or "WorkloadIdentity"',
                at=("authentication_method",),
            )
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)


KIND = Unbuilt("azure", AzureSDConfig)
