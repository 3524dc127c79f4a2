"""`static_configs`: targets written out in the configuration itself."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, final

from promscrape.decode.schema import ConfigStruct, GoName, LabelName, LabelValue
from promscrape.discovery.kind import Kind, NoMetrics
from promscrape.discovery.provider import Provider, ProviderContext, Publish
from promscrape.discovery.target_group import ADDRESS_LABEL, TargetGroup

STATIC_KEY = "static_configs"


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


@final
class StaticProvider:
    """Publishes the groups of one job once, and ends (S-1)."""

    def __init__(self, configs: Sequence[StaticConfig]) -> None:
        self._groups = target_groups(configs)

    async def run(self, publish: Publish) -> None:
        publish(self._groups)


def _make(
    configs: Sequence[StaticConfig], _context: ProviderContext, _metrics: NoMetrics
) -> Provider:
    return StaticProvider(configs)


KIND = Kind("static", StaticConfig, NoMetrics, _make)
