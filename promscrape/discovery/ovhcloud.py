"""`ovhcloud_sd_configs`: targets from the servers of OVHcloud."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.refresh import check_interval
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret

_SERVICES = ("dedicated_server", "vps")


@final
class OvhcloudSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/ovhcloud/ovhcloud.go, SDConfig."""

    go_type: ClassVar[str] = "ovhcloud.plain"
    go_item: ClassVar[str] = "*ovhcloud.SDConfig"

    endpoint: str = "ovh-eu"
    application_key: str = ""
    application_secret: Secret = Secret()
    consumer_key: Secret = Secret()
    refresh_interval: Duration = Duration(60_000)
    service: str = ""

    def check(self) -> Iterator[InvalidValue]:
        for key in ("endpoint", "application_key", "application_secret", "consumer_key"):
            if not getattr(self, key):
                yield InvalidValue(f"{key.replace('_', ' ')} can not be empty", at=(key,))
        if self.service not in _SERVICES:
            yield InvalidValue(
                f"unknown service: {self.service}",
                at=("service",),
                hint=f"the services are {' and '.join(_SERVICES)}",
            )
        yield from check_interval(self.refresh_interval)


KIND = Unbuilt("ovhcloud", OvhcloudSDConfig)
