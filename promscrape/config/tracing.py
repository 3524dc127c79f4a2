"""The section `tracing`: where the process would send traces of itself."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, final

from promscrape.decode.schema import ConfigStruct, Via
from promscrape.httpclient.headers import header_faults
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_DEFAULT_CLIENT: Final = "grpc"
_CLIENTS = (_DEFAULT_CLIENT, "http")


def _client_type(text: str) -> str:
    if text not in _CLIENTS:
        # "to be" stands twice in Prometheus's own text.
        raise InvalidValue(f"expected tracing client type to be to be http or grpc, but got {text}")
    return text


@final
class TracingConfig(ConfigStruct, frozen=True, kw_only=True):
    """The section `tracing`."""

    go_type: ClassVar[str] = "config.plain"

    client_type: Annotated[str, Via(_client_type, str)] = _DEFAULT_CLIENT
    endpoint: str = ""
    sampling_fraction: float = 0.0
    insecure: bool = False
    tls_config: TLSConfig = TLSConfig()
    headers: Mapping[str, str] = {}
    compression: str = ""
    timeout: Duration = Duration()

    def check(self) -> Iterator[InvalidValue]:
        yield from header_faults(
            self.headers, "custom authorization header configuration is not yet supported"
        )
        if not self.endpoint:
            yield InvalidValue("tracing endpoint must be set", at=("endpoint",))
        if self.compression not in {"", "gzip"}:
            yield InvalidValue(
                f"invalid compression type {self.compression} provided, valid options: gzip",
                at=("compression",),
            )
