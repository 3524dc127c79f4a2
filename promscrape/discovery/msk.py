"""`msk_sd_configs`: targets from the brokers of Amazon MSK."""

from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess
from promscrape.discovery.kind import Unbuilt


@final
class MskSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/msk.go, MSKSDConfig."""

    go_item: ClassVar[str] = "*aws.MSKSDConfig"

    clusters: tuple[str, ...] = ()  # ARNs; (): all
    request_concurrency: int = 10


KIND = Unbuilt("msk", MskSDConfig)
