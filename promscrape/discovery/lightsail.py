"""`lightsail_sd_configs`: targets from the instances of Amazon Lightsail."""

from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess
from promscrape.discovery.kind import Unbuilt


@final
class LightsailSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/lightsail.go, LightsailSDConfig."""

    go_item: ClassVar[str] = "*aws.LightsailSDConfig"


KIND = Unbuilt("lightsail", LightsailSDConfig)
