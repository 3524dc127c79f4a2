"""`nerve_sd_configs`: targets that Nerve registers in ZooKeeper."""

from typing import ClassVar, final

from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.zookeeper import ZookeeperAccess


@final
class NerveSDConfig(ZookeeperAccess, frozen=True, kw_only=True):
    """One entry."""

    go_item: ClassVar[str] = "*zookeeper.NerveSDConfig"
    provider: ClassVar[str] = "nerve"


KIND = Unbuilt("nerve", NerveSDConfig)
