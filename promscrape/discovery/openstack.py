"""`openstack_sd_configs`: targets from the servers and load balancers of OpenStack."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.role import one_of
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL

_ROLE = one_of(("instance", "hypervisor", "loadbalancer"), "unknown OpenStack SD role")
_AVAILABILITIES = ("public", "internal", "admin")


@final
class OpenstackSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/openstack/openstack.go, SDConfig."""

    go_type: ClassVar[str] = "openstack.plain"
    go_item: ClassVar[str] = "*openstack.SDConfig"

    identity_endpoint: ServerURL = URL()  # "": all access is taken from the environment
    username: str = ""
    userid: str = ""
    password: Secret = Secret()
    project_name: str = ""
    project_id: str = ""
    domain_name: str = ""
    domain_id: str = ""
    application_credential_name: str = ""
    application_credential_id: str = ""
    application_credential_secret: Secret = Secret()
    role: Annotated[str, _ROLE] = ""
    region: str = ""
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    all_tenants: bool = False
    tls_config: TLSConfig = TLSConfig()
    availability: str = "public"  # of the interfaces in the service catalog

    def check(self) -> Iterator[InvalidValue]:
        if self.availability not in _AVAILABILITIES:
            yield InvalidValue(
                f"unknown availability {self.availability}, must be one of admin, internal or "
                "public",
                at=("availability",),
            )
        if not self.role:
            yield InvalidValue(
                "role missing (one of: instance, hypervisor, loadbalancer)", at=("role",)
            )
        if not self.region:
            yield InvalidValue("openstack SD configuration requires a region", at=("region",))
        yield from check_interval(self.refresh_interval)
