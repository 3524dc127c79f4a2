"""`ecs_sd_configs`: targets from the tasks of Amazon ECS."""

from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess
from promscrape.discovery.kind import Unbuilt


@final
class EcsSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/ecs.go, ECSSDConfig."""

    go_item: ClassVar[str] = "*aws.ECSSDConfig"

    clusters: tuple[str, ...] = ()  # ARNs; (): all
    request_concurrency: int = 20  # as many requests a second as the API sustains


KIND = Unbuilt("ecs", EcsSDConfig)
