"""How the providers `nerve` and `serverset` reach ZooKeeper."""

from collections.abc import Iterator
from typing import ClassVar

from promscrape.decode.schema import ConfigStruct
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue


class ZookeeperAccess(ConfigStruct, frozen=True, kw_only=True):
    """Servers and the paths under which targets are registered there.

    Source: Prometheus discovery/zookeeper/zookeeper.go, ServersetSDConfig and NerveSDConfig.
    """

    go_type: ClassVar[str] = "zookeeper.plain"
    provider: ClassVar[str]

    servers: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    timeout: Duration = Duration(10_000)  # of the session

    def check(self) -> Iterator[InvalidValue]:
        subject = f"{self.provider} SD config"
        if not self.servers:
            yield InvalidValue(
                f"{subject} must contain at least one Zookeeper server", at=("servers",)
            )
        if not self.paths:
            yield InvalidValue(f"{subject} must contain at least one path", at=("paths",))
        for index, path in enumerate(self.paths):
            if not path.startswith("/"):
                yield InvalidValue(
                    f"{subject} paths must begin with '/': {path}", at=("paths", index)
                )
