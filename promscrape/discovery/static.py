"""`static_configs`: targets written out in the configuration itself."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct, GoName, LabelName, LabelValue
from promscrape.discovery.target_group import TargetGroup

ADDRESS_LABEL = "__address__"


@final
class StaticConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry of `static_configs`."""

    go_type: ClassVar[str] = (
        r'struct { Targets []string "yaml:\"targets\""; Labels model.LabelSet "yaml:\"labels\"" }'
    )
    go_item: ClassVar[str] = "*targetgroup.Group"

    targets: tuple[str, ...] = ()
    labels: Annotated[Mapping[LabelName, LabelValue], GoName("model.LabelSet")] = {}


def target_groups(configs: Sequence[StaticConfig]) -> tuple[TargetGroup, ...]:
    """Return the groups of one job's entries, their positions as sources."""
    return tuple(
        TargetGroup(
            targets=tuple({ADDRESS_LABEL: address} for address in config.targets),
            labels=config.labels,
            source=str(index),
        )
        for index, config in enumerate(configs)
    )
