"""An entry of `openstack_sd_configs`, and the way to a token that it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.role import one_of
from promscrape.discovery.server_url import ServerURL
from promscrape.errors import DiscoveryError
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


@final
@dataclass(frozen=True, slots=True)
class Access:
    """Who asks for a token, and where; the names are those of the identity API, version 3."""

    endpoint: str
    user: str = ""
    user_id: str = ""
    password: str = field(default="", repr=False)
    project: str = ""
    project_id: str = ""
    domain: str = ""
    domain_id: str = ""
    credential: str = ""
    credential_id: str = ""
    credential_secret: str = field(default="", repr=False)

    @property
    def url(self) -> str:
        base = self.endpoint.rstrip("/")
        return f"{base if base.endswith('/v3') else f'{base}/v3'}/auth/tokens"

    def request(self) -> Mapping[str, object]:
        """Return the request for a token."""
        if self.credential or self.credential_id:
            own = {"id": self.credential_id} if self.credential_id else self._named_credential()
            credential = {**own, "secret": self.credential_secret}
            method = "application_credential"
            return {"auth": {"identity": {"methods": [method], method: credential}}}
        user = {**self._user(), "password": self.password}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = self._scope()
        return {"auth": {"identity": identity, **({"scope": scope} if scope else {})}}

    def _named_credential(self) -> dict[str, object]:
        return {"name": self.credential, "user": self._user()}

    def _user(self) -> dict[str, object]:
        return {"id": self.user_id} if self.user_id else self._in_domain(self.user)

    def _in_domain(self, name: str) -> dict[str, object]:
        domain = {"id": self.domain_id} if self.domain_id else {"name": self.domain}
        return {"name": name, "domain": domain}

    def _scope(self) -> dict[str, object]:
        if self.project_id:
            return {"project": {"id": self.project_id}}
        return {"project": self._in_domain(self.project)} if self.project else {}


def access_of(config: OpenstackSDConfig, environ: Mapping[str, str]) -> Access:
    """Return an entry's way to a token; without an endpoint, that of the environment.

    Raises DiscoveryError where something is missing there.
    """
    if not config.identity_endpoint:
        return _access_of_environment(environ)
    return Access(
        endpoint=config.identity_endpoint.reveal(),
        user=config.username,
        user_id=config.userid,
        password=config.password.reveal(),
        project=config.project_name,
        project_id=config.project_id,
        domain=config.domain_name,
        domain_id=config.domain_id,
        credential=config.application_credential_name,
        credential_id=config.application_credential_id,
        credential_secret=config.application_credential_secret.reveal(),
    )


def _access_of_environment(environ: Mapping[str, str]) -> Access:
    def of(*names: str) -> str:
        return next((environ[name] for name in names if environ.get(name)), "")

    access = Access(
        endpoint=of("OS_AUTH_URL"),
        user=of("OS_USERNAME"),
        user_id=of("OS_USERID"),
        password=of("OS_PASSWORD"),
        project=of("OS_PROJECT_NAME", "OS_TENANT_NAME"),
        project_id=of("OS_PROJECT_ID", "OS_TENANT_ID"),
        domain=of("OS_DOMAIN_NAME"),
        domain_id=of("OS_DOMAIN_ID"),
        credential=of("OS_APPLICATION_CREDENTIAL_NAME"),
        credential_id=of("OS_APPLICATION_CREDENTIAL_ID"),
        credential_secret=of("OS_APPLICATION_CREDENTIAL_SECRET"),
    )
    has_credential = access.credential or access.credential_id
    needed = {"OS_AUTH_URL": access.endpoint}
    if has_credential:
        needed["OS_APPLICATION_CREDENTIAL_SECRET"] = access.credential_secret
    else:
        needed["OS_USERID or OS_USERNAME"] = access.user_id or access.user
        needed["OS_PASSWORD"] = access.password
    for name, value in needed.items():
        if not value:
            raise DiscoveryError(f"identity_endpoint is not set, and neither is {name}")
    return access
