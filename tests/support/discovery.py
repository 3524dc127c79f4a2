"""What tests of providers share: a context to make one in, and what it publishes."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import final

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import LogCapture

from promscrape.clock import Clock, SystemClock
from promscrape.discovery.kind import AnyKind
from promscrape.discovery.metrics import RefreshMetrics, RefreshSeries
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.target_group import TargetGroup

JOB = "job"
USER_AGENT = "promscrape/test"


@final
class Published:
    """Records the lists that a provider publishes, and the groups that follow from them.

    Refuses a `__meta_` label that the kind does not declare, because no page would name it.
    """

    def __init__(self, kind: AnyKind) -> None:
        declared = (re.sub(r"<\w+>", "\\\\w*", label) for label in kind.labels)
        self._declared = re.compile("|".join(["(?!__meta_).*", *declared]), re.ASCII)
        self.updates: list[list[TargetGroup]] = []
        self.groups: dict[str, TargetGroup] = {}
        self.changed = asyncio.Event()

    def __call__(self, groups: Sequence[TargetGroup]) -> None:
        self.updates.append(list(groups))
        for group in groups:
            self._check_labels(group)
            if group.targets:
                self.groups[group.source] = group
            else:
                self.groups.pop(group.source, None)
        self.changed.set()

    def _check_labels(self, group: TargetGroup) -> None:
        for name in {*group.labels, *(name for target in group.targets for name in target)}:
            assert self._declared.fullmatch(name), f"{name} is not among the kind's labels"

    @property
    def sources(self) -> list[list[str]]:
        """The sources in each list, those of groups without targets with a `-` before them."""
        return [
            [group.source if group.targets else f"-{group.source}" for group in update]
            for update in self.updates
        ]

    @property
    def addresses(self) -> list[str]:
        """The addresses of all targets there are, sorted."""
        targets = (target for group in self.groups.values() for target in group.targets)
        return sorted(target["__address__"] for target in targets)

    async def update(self, number: int) -> list[TargetGroup]:
        """Wait for the list of this number, counted from 1, and return it."""
        async with asyncio.timeout(10):
            while len(self.updates) < number:
                self.changed.clear()
                await self.changed.wait()
        return self.updates[number - 1]


@final
class Discovered:
    """One provider of a kind, made as the manager makes it, with its metrics and its log."""

    def __init__(self, kind: AnyKind, config: object, clock: Clock | None = None) -> None:
        self.registry = CollectorRegistry()
        self.logs = LogCapture()
        self.published = Published(kind)
        self.context = ProviderContext(
            job=JOB,
            clock=clock or SystemClock(),
            log=structlog.wrap_logger(None, processors=[self.logs]),
            user_agent=USER_AGENT,
            refreshes=RefreshSeries(RefreshMetrics(self.registry), kind.name, JOB),
        )
        self.provider: Provider = kind.make(config, self.context, kind.metrics(self.registry))

    def counted(self, metric: str, **labels: str) -> float | None:
        """Return the value of `prometheus_sd_<name>`."""
        return self.registry.get_sample_value(f"prometheus_sd_{metric}", labels)

    @property
    def refresh_failures(self) -> float | None:
        mechanism = self.context.refreshes.mechanism
        return self.counted("refresh_failures_total", mechanism=mechanism, config=JOB)


@asynccontextmanager
async def discovering(
    kind: AnyKind, config: object, clock: Clock | None = None
) -> AsyncIterator[Discovered]:
    """Run a provider of the kind, and end it."""
    discovered = Discovered(kind, config, clock)
    task = asyncio.create_task(discovered.provider.run(discovered.published))
    try:
        yield discovered
    finally:
        task.cancel()
        (result,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(result, Exception):
            raise result
