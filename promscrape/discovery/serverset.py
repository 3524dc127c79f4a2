"""`serverset_sd_configs`: targets that Finagle and Aurora register in ZooKeeper."""

from typing import ClassVar, final

from promscrape.discovery.kind import Unbuilt
from promscrape.discovery.zookeeper import ZookeeperAccess


@final
class ServersetSDConfig(ZookeeperAccess, frozen=True, kw_only=True):
    """One entry."""

    go_item: ClassVar[str] = "*zookeeper.ServersetSDConfig"
    provider: ClassVar[str] = "serverset"


KIND = Unbuilt("serverset", ServersetSDConfig)
