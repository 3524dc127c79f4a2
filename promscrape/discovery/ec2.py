"""`ec2_sd_configs`: targets from the instances of Amazon EC2."""

from collections.abc import Iterator
from typing import ClassVar, final

from promscrape.discovery.aws_access import AwsAccess, AwsFilter
from promscrape.discovery.kind import Unbuilt
from promscrape.model.invalid import InvalidValue


@final
class Ec2SDConfig(AwsAccess, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/aws/ec2.go, EC2SDConfig."""

    go_item: ClassVar[str] = "*aws.EC2SDConfig"

    filters: tuple[AwsFilter, ...] = ()

    def check(self) -> Iterator[InvalidValue]:
        for index, own in enumerate(self.filters):
            if not own.values:
                yield InvalidValue(
                    "EC2 SD configuration filter values cannot be empty",
                    at=("filters", index, "values"),
                )
        yield from super().check()


KIND = Unbuilt("ec2", Ec2SDConfig)
