"""`aws_sd_configs`: one key for all of the AWS family, of which the role picks one."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, final

from promscrape.discovery.aws_access import AwsAccess, AwsFilter
from promscrape.discovery.ec2 import Ec2SDConfig
from promscrape.discovery.ecs import EcsSDConfig
from promscrape.discovery.elasticache import ElasticacheSDConfig
from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.lightsail import LightsailSDConfig
from promscrape.discovery.msk import MskSDConfig
from promscrape.discovery.rds import RdsSDConfig
from promscrape.discovery.role import one_of
from promscrape.model.invalid import InvalidValue

_KINDS: Mapping[str, type[AwsAccess]] = {
    "ec2": Ec2SDConfig,
    "ecs": EcsSDConfig,
    "elasticache": ElasticacheSDConfig,
    "lightsail": LightsailSDConfig,
    "msk": MskSDConfig,
    "rds": RdsSDConfig,
}
_UNKNOWN = "unknown AWS SD role"


@final
class AwsSDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/aws.go, SDConfig.

    Prometheus checks neither the filters nor the HTTP client of this key, and does not follow
    redirects unless told to. Here it behaves as the role's own key does.
    """

    go_item: ClassVar[str] = "*aws.SDConfig"

    role: Annotated[str, one_of(_KINDS, _UNKNOWN)] = ""
    filters: tuple[AwsFilter, ...] = ()  # of the roles ec2 and rds
    clusters: tuple[str, ...] = ()  # of the roles ecs, elasticache, msk and rds

    def check(self) -> Iterator[InvalidValue]:
        if self.role:
            yield from self.of_role().check()
        else:
            yield InvalidValue(f'{_UNKNOWN} ""', at=("role",))

    def of_role(self) -> AwsAccess:
        """Return the same under the role's own key; what is 0 or empty has its default there."""
        kind = _KINDS[self.role]
        values = {name: getattr(self, name, None) for name in kind.__struct_fields__}
        return kind(**{name: value for name, value in values.items() if value})


KIND = Unbuilt("aws", AwsSDConfig)
