"""What a provider of targets is, and what it gets to work with."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import msgspec
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.metrics import RefreshSeries
from promscrape.discovery.target_group import TargetGroup
from promscrape.httpclient.config import HTTPClientConfig

if TYPE_CHECKING:
    from promscrape.httpclient.client import HTTPClient

Publish: TypeAlias = Callable[[Sequence[TargetGroup]], None]
"""Takes groups from a provider: all at first, later those that changed, each whole.

A group without targets is gone. Synchronous, and never blocks.
"""


class Provider(Protocol):
    """A source of target groups, such as one entry of `dns_sd_configs`.

    Publish every group once, then each group that changed. When the source fails, publish
    nothing: stale targets are better than partial ones. A provider may end by itself when its
    groups cannot change any more; else it ends by cancellation alone, and soon.

    One that raises is replaced after a while by a new one of the same configuration; its groups
    stay until the new one has published others under their sources, or has run for long without.
    Source: Prometheus discovery/discovery.go, Discoverer.
    """

    async def run(self, publish: Publish) -> None: ...


class Refresher(Protocol):
    """A source that is asked for all of its groups at an interval; see `refresh.Refreshed`.

    A group that has vanished is in the list once more, without targets. Raises DiscoveryError or
    FetchError where the source fails.
    """

    async def refresh(self) -> Sequence[TargetGroup]: ...

    async def close(self) -> None:
        """Let go of connections; no refresh follows."""


class ProviderContext(msgspec.Struct, frozen=True):
    """What a provider works with.

    job: the first job that has it, which its metrics carry as `config`.
    log: bound with the kind of discovery and the job.
    refreshes: the series of a provider that polls, which `refresh.Refreshed` moves.
    features: the names that are enabled on the command line.
    """

    job: str
    clock: Clock
    log: FilteringBoundLogger
    user_agent: str
    refreshes: RefreshSeries
    features: frozenset[str] = frozenset()

    def http_client(self, config: HTTPClientConfig, unix_socket: str = "") -> "HTTPClient":
        """Make a client, the provider's to close. Raises ConfigError where it cannot be made."""
        # Imported late: what only reads configurations needs no client, which is half of its start.
        from promscrape.httpclient.client import HTTPClient  # noqa: PLC0415

        return HTTPClient(config, self.user_agent, clock=self.clock, unix_socket=unix_socket)
