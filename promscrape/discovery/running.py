"""One provider at work for all jobs that are configured alike, and the groups that it has found."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import final

import msgspec
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.configs import Entry
from promscrape.discovery.kind import AnyKind
from promscrape.discovery.metrics import DiscoveryMetrics
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError

# A provider that ends with an error nobody foresaw is made again after so long, doubled each time
# up to the second figure; one that ran for longer than that begins anew.
RESTART_S, _MAX_RESTART_S = 15.0, 240.0

# How long the groups of a crashed provider stay that its successor does not speak of. It may just
# not have got to them yet; a group that vanished while there was none is never spoken of again.
_UNCONFIRMED_S = 600.0

# How long a cancelled provider may take to end before it is left to itself. Together with what
# scraping and the log need at a stop it fits into the ten seconds that Docker gives.
_PATIENCE_S = 5.0


@final
class Surroundings(msgspec.Struct, frozen=True):
    """What all providers of one manager run in. notify: called when groups may have changed."""

    clock: Clock
    metrics: DiscoveryMetrics
    notify: Callable[[], None]


@final
class RunningProvider:
    """Runs a provider, and makes and runs it again when it crashes.

    groups: what it published last, by source. jobs: whose targets they are. What a provider
    publishes after its `stop` is not heard.
    """

    def __init__(
        self,
        name: str,
        kind: AnyKind,
        entry: Entry,
        make: Callable[[], tuple[Provider, ProviderContext]],
        surroundings: Surroundings,
        log: FilteringBoundLogger,
    ) -> None:
        """Raises what `make` raises."""
        self.name, self.kind, self.entry = name, kind, entry
        self.jobs: tuple[str, ...] = ()
        self.groups: dict[str, TargetGroup] = {}
        self._make, self._log = make, log
        self._clock, self._metrics = surroundings.clock, surroundings.metrics
        self._notify = surroundings.notify
        self._provider, self._context = make()
        self._task: asyncio.Task[None] | None = None
        self._forgetting: asyncio.Task[None] | None = None
        self._is_stopped = self._has_spoken = False
        self._unconfirmed: set[str] = set()

    @property
    def refresh_series(self) -> tuple[str, str]:
        """The labels of its refresh metrics."""
        return self.kind.name, self._context.refreshes.job

    def start(self) -> None:
        """Begin to run, unless it runs already."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"discovery:{self.name}")

    def serve(self, jobs: Sequence[str]) -> None:
        """Give the groups to these jobs from now on, known ones at once."""
        self.jobs = tuple(jobs)
        if self._context.refreshes.job not in self.jobs:
            self._context.refreshes.move(self.jobs[0])

    def cancel(self) -> None:
        """Begin to stop; nothing is heard of it from now on."""
        self._is_stopped = True
        self.groups.clear()
        for task in self._tasks():
            task.cancel()

    async def stopped(self) -> None:
        """Return when the provider has ended; one that will not is given up, and said aloud."""
        # Not in a task group, which would wait for ever for a provider that heeds no cancellation.
        tasks = self._tasks()
        pending = (await asyncio.wait(tasks, timeout=_PATIENCE_S))[1] if tasks else ()
        for task in pending:
            self._log.error("A service discovery provider does not end", provider=self.name)
            # Or the end of the event loop would wait for it, and the process never end.
            asyncio._unregister_task(task)  # noqa: SLF001 - public in asyncio's guide to extending it

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._task, self._forgetting) if task is not None]

    async def _run(self) -> None:
        wait_s = RESTART_S
        while True:
            started_s = self._clock.monotonic_s()
            try:
                await self._provider.run(self._publish)
            except (Exception, SystemExit, asyncio.CancelledError) as exc:
                # The one place where a provider's bug ends, so that it ends nothing else. It may
                # raise CancelledError without having been cancelled.
                if not self._is_cancelled():
                    self._note_crash(exc)
                elif isinstance(exc, asyncio.CancelledError):
                    raise
                else:
                    self._log.warning("A provider failed to end in order", err=exc)
                    return
            else:
                return
            if self._clock.monotonic_s() - started_s > _MAX_RESTART_S:
                wait_s = RESTART_S
            wait_s = await self._make_again(wait_s)

    def _is_cancelled(self) -> bool:
        task = asyncio.current_task()
        return self._is_stopped or (task is not None and task.cancelling() > 0)

    async def _make_again(self, wait_s: float) -> float:
        """Wait, and make the provider again, as often as it takes; return the next time to wait."""
        while True:
            await self._clock.sleep_until(self._clock.monotonic_s() + wait_s)
            wait_s = min(wait_s * 2, _MAX_RESTART_S)
            try:
                self._provider, context = self._make()
            except (Exception, SystemExit) as exc:  # noqa: BLE001 - as for its run
                self._note_crash(exc)
                continue
            context.refreshes.move(self._context.refreshes.job)
            self._context = context
            self._doubt_groups()
            return wait_s

    def _doubt_groups(self) -> None:
        """Let the predecessor's groups go in a while, unless the successor confirms them."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        self._unconfirmed, self._has_spoken = set(self.groups), False
        self._forgetting = asyncio.create_task(
            self._forget_unconfirmed(), name=f"discovery:{self.name}:forget"
        )

    async def _forget_unconfirmed(self) -> None:
        while not self._has_spoken:
            await self._clock.sleep_until(self._clock.monotonic_s() + _UNCONFIRMED_S)
        for source in self._unconfirmed:
            self.groups.pop(source, None)
        self._unconfirmed.clear()
        self._notify()

    def _note_crash(self, error: BaseException) -> None:
        self._metrics.crashes.labels(self.kind.name).inc()
        self._log.error(
            "A service discovery provider failed; its targets stay, and it is started again",
            provider=self.name,
            err=error,
            exc_info=error,
        )

    def _publish(self, groups: Sequence[TargetGroup | None]) -> None:
        """Take groups over, and tell that something may have changed; None says nothing (C-6)."""
        if self._is_stopped:
            return
        for group in groups:
            if group is not None and not isinstance(group, TargetGroup):
                raise DiscoveryError(f"published {type(group).__name__} instead of a TargetGroup")
        self._has_spoken = True
        for group in groups:
            if group is None:
                continue
            self._unconfirmed.discard(group.source)
            if group.targets:
                self.groups[group.source] = group
            else:
                self.groups.pop(group.source, None)
        self._metrics.received_updates.inc()
        self._notify()


async def stop_all(providers: Collection[RunningProvider]) -> None:
    """Cancel all of them, then wait until they have ended."""
    for provider in providers:
        provider.cancel()
    await asyncio.gather(*(provider.stopped() for provider in providers))
