"""`scaleway_sd_configs`: targets from the instances and servers of Scaleway."""

import re
from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct, FilePath
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.role import one_of
from promscrape.discovery.secret_key import check_secret_key
from promscrape.discovery.server_url import ServerURL, grammar_fault
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import MASK, Secret
from promscrape.model.url import URL

_ROLE = one_of(("instance", "baremetal"), "unknown role")
_ACCESS_KEY = re.compile(r"SCW[A-Z0-9]{17}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ZONE = re.compile(r"[a-z]{2}-[a-z]{3,7}-[0-9]{1,2}")
_ZONES = (
    "fr-par-1, fr-par-2, fr-par-3, nl-ams-1, nl-ams-2, nl-ams-3, pl-waw-1, pl-waw-2, pl-waw-3, "
    "it-mil-1"
)
_EXPECTED_UUID = "expected a UUID: xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


@final
class ScalewaySDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry, for one zone; source: Prometheus discovery/scaleway/scaleway.go, SDConfig."""

    go_type: ClassVar[str] = "scaleway.plain"
    go_item: ClassVar[str] = "*scaleway.SDConfig"

    project_id: str = ""
    api_url: ServerURL = URL("https://api.scaleway.com")
    zone: str = "fr-par-1"
    access_key: str = ""
    secret_key: Secret = Secret()
    secret_key_file: FilePath = ""
    name_filter: str = ""
    tags_filter: tuple[str, ...] = ()
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()
    refresh_interval: Duration = Duration(60_000)
    port: int = 80
    role: Annotated[str, _ROLE] = ""

    def check(self) -> Iterator[InvalidValue]:
        if not self.role:
            yield InvalidValue("role missing (one of: instance, baremetal)", at=("role",))
        if not self.project_id:
            yield InvalidValue("project_id is mandatory", at=("project_id",))
        yield from check_secret_key(self.secret_key, self.secret_key_file)
        if not self.access_key:
            yield InvalidValue("access_key is mandatory", at=("access_key",))
        for key, fault in self._malformed():
            yield InvalidValue(f"scaleway-sdk-go: {fault}", at=(key,))
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)

    def _malformed(self) -> Iterator[tuple[str, str]]:
        """Yield keys and what the vendor's library says of their form, in its order."""
        if self.access_key and not _ACCESS_KEY.fullmatch(self.access_key):
            expected = "expected SCWXXXXXXXXXXXXXXXXX format"
            yield "access_key", f"invalid access key format '{self.access_key}', {expected}"
        secret = self.secret_key.reveal()
        if secret and not self.secret_key_file and not _UUID.fullmatch(secret):
            yield "secret_key", f"invalid secret key format '{MASK}', {_EXPECTED_UUID}"
        if self.project_id and not _UUID.fullmatch(self.project_id):
            yield "project_id", f"invalid project ID format '{self.project_id}', {_EXPECTED_UUID}"
        if not self.zone:
            yield "zone", "default zone cannot be empty"
        elif not _ZONE.fullmatch(self.zone):
            available = f"available zones are: {_ZONES}"
            yield "zone", f"invalid default zone format '{self.zone}', {available}"
        if not self.api_url or grammar_fault("api_url", self.api_url):
            yield "api_url", f"invalid API url '{self.api_url}'"
        elif self.api_url.reveal().endswith("/"):
            yield (
                "api_url",
                f"invalid API url '{self.api_url}' it should not have a trailing slash",
            )
