"""`triton_sd_configs`: targets from the Container Monitor of Triton."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue

_ROLES = ("container", "cn")


@final
class TritonSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/triton/triton.go, SDConfig."""

    go_type: ClassVar[str] = "triton.plain"
    go_item: ClassVar[str] = "*triton.SDConfig"

    account: str = ""
    role: str = "container"
    dns_suffix: str = ""
    endpoint: str = ""
    groups: tuple[str, ...] = ()
    port: int = 9163
    refresh_interval: Duration = Duration(60_000)
    tls_config: TLSConfig = TLSConfig()
    version: int = 1

    def check(self) -> Iterator[InvalidValue]:
        subject = "triton SD configuration requires"
        if self.role not in _ROLES:
            yield InvalidValue(f"{subject} role to be 'container' or 'cn'", at=("role",))
        if not self.account:
            yield InvalidValue(f"{subject} an account", at=("account",))
        if not self.dns_suffix:
            yield InvalidValue(f"{subject} a dns_suffix", at=("dns_suffix",))
        if not self.endpoint:
            yield InvalidValue(f"{subject} an endpoint", at=("endpoint",))
        if not self.refresh_interval:
            yield InvalidValue(
                f"{subject} RefreshInterval to be a positive integer", at=("refresh_interval",)
            )
