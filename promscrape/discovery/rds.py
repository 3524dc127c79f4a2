"""`rds_sd_configs`: targets from the database clusters of Amazon RDS."""

from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess, AwsFilter
from promscrape.discovery.kind import Unbuilt


@final
class RdsSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/rds.go, RDSSDConfig."""

    go_item: ClassVar[str] = "*aws.RDSSDConfig"

    clusters: tuple[str, ...] = ()  # identifiers or ARNs; (): all
    filters: tuple[AwsFilter, ...] = ()
    request_concurrency: int = 10


KIND = Unbuilt("rds", RdsSDConfig)
