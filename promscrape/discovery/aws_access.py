"""What the providers of the AWS family have in common: how they reach its APIs."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import INLINE, ConfigStruct
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.server_url import ServerURL
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.secret import Secret
from promscrape.model.url import URL


@final
class AwsFilter(ConfigStruct, frozen=True, kw_only=True):
    """A filter that the API applies; source: Prometheus discovery/aws/ec2.go, Filter."""

    go_type: ClassVar[str] = "aws.Filter"
    go_item: ClassVar[str] = "*aws.Filter"

    name: str = ""
    values: tuple[str, ...] = ()


class AwsAccess(ConfigStruct, frozen=True, kw_only=True):
    """An account, a region and a port; the two keys are used only together."""

    go_type: ClassVar[str] = "aws.plain"

    region: str = ""  # "": as the environment, the profile or the instance's metadata has it
    endpoint: ServerURL = URL()
    access_key: str = ""
    secret_key: Secret = Secret()
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    port: int = 80
    refresh_interval: Duration = Duration(60_000)
    http_client: Annotated[HTTPClientConfig, INLINE] = HTTPClientConfig()

    def check(self) -> Iterator[InvalidValue]:
        yield from self.http_client.check()
        yield from check_interval(self.refresh_interval)
