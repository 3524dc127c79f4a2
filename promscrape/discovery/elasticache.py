"""`elasticache_sd_configs`: targets from the caches of Amazon ElastiCache."""

from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess
from promscrape.discovery.kind import Unbuilt


@final
class ElasticacheSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/elasticache.go, ElasticacheSDConfig."""

    go_item: ClassVar[str] = "*aws.ElasticacheSDConfig"

    clusters: tuple[str, ...] = ()  # ARNs; (): all
    request_concurrency: int = 10


KIND = Unbuilt("elasticache", ElasticacheSDConfig)
