"""From the jobs' discovery configurations to target groups by job.

Rules M-1 to M-17 of the discovery specification; source: Prometheus discovery/manager.go.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from types import TracebackType
from typing import Self, final

import msgspec
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.configs import DiscoveryConfigs, Entry
from promscrape.discovery.kind import AnyKind, BuiltIn, Unbuilt
from promscrape.discovery.metrics import DiscoveryMetrics, RefreshSeries
from promscrape.discovery.plugins import Guarded, Plugin
from promscrape.discovery.provider import Provider, ProviderContext
from promscrape.discovery.registry import Registered
from promscrape.discovery.running import RunningProvider, Surroundings, stop_all
from promscrape.discovery.sender import Sender
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError

TargetSets = Mapping[str, Sequence[TargetGroup]]
HandOn = Callable[[TargetSets], bool]
"""Takes the groups of all jobs; each call replaces the last as a whole.

Does not block. False where the receiver is busy, and wants to be asked again.
"""

_NS_PER_S = 1_000_000_000


@final
class DiscoveryManager:
    """Knows the targets of every job, and hands them on whenever they change.

    An async context manager: leaving it ends every provider. Entries that are equal share one
    provider, whichever jobs they stand in.
    """

    def __init__(
        self,
        hand_on: HandOn,
        clock: Clock,
        registry: CollectorRegistry,
        log: FilteringBoundLogger,
        *,
        kinds: Mapping[str, Registered],
        user_agent: str,
        features: Iterable[str] = (),
    ) -> None:
        """Registers the metrics of the manager and of every kind that is no plug-in."""
        self._kinds = kinds
        self._hand_on, self._clock, self._registry, self._log = hand_on, clock, registry, log
        self._user_agent, self._features = user_agent, frozenset(features)
        self._metrics = DiscoveryMetrics(registry)
        self._kind_metrics: dict[str, object] = {}
        for kind in kinds.values():
            if isinstance(kind, BuiltIn):
                if kind.metrics is None:
                    continue
                self._kind_metrics[kind.name] = kind.metrics(registry)
            self._metrics.crashes.labels(kind.name)  # An alert needs the zero before the one.
        self._sender = Sender(self._send, clock, self._metrics)
        self._surroundings = Surroundings(clock, self._metrics, self._sender.trigger)
        self._jobs: tuple[str, ...] = ()
        self._providers: list[RunningProvider] = []
        self._numbers = count()
        self._is_closed = False
        # Held by `apply`, which waits for cancelled providers.
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._sending = asyncio.create_task(self._sender.run(), name="discovery:send")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_closed = True
        self._sending.cancel()
        await asyncio.wait([self._sending])
        await stop_all(self._providers)

    async def apply(self, jobs: Mapping[str, DiscoveryConfigs]) -> int:
        """Take over the configuration of all jobs; return how many entries could not be.

        Providers that are still wanted go on as they are, and a job that comes to one gets its
        targets at once. Returns when those that are not wanted any more have ended. An entry that
        nothing can be made of is logged and counted, and takes nothing with it.
        """
        async with self._turn:
            if self._is_closed:
                return 0
            known = list(self._providers)
            wanted, failed = self._register(jobs)
            self._providers = list(wanted)
            for provider, of_jobs in wanted.items():
                provider.serve(of_jobs)
                provider.start()
            self._note_jobs(tuple(jobs))
            self._metrics.refreshes.keep({provider.refresh_series for provider in wanted})
            self._sender.trigger()
            await stop_all([provider for provider in known if provider not in wanted])
            # A provider that is cancelled before it has begun could not clean up after itself.
            await asyncio.sleep(0)
            return failed

    def _register(
        self, jobs: Mapping[str, DiscoveryConfigs]
    ) -> tuple[dict[RunningProvider, list[str]], int]:
        """Return the providers that the jobs ask for, each with its jobs, and how many failed."""
        pool: dict[bytes, list[RunningProvider]] = {}
        for running in self._providers:
            pool.setdefault(_bucket(running.kind.name, running.entry), []).append(running)
        wanted: dict[RunningProvider, list[str]] = {}
        failed = 0
        for job, configs in jobs.items():
            for key, entry in configs.entries():
                registered = self._kinds[key]
                alike = pool.setdefault(_bucket(registered.name, entry), [])
                provider = self._find(alike, entry)
                if provider is None:
                    provider = self._make(registered, entry, job)
                    if provider is None:
                        failed += 1
                        continue
                    alike.append(provider)
                if job not in wanted.setdefault(provider, []):
                    wanted[provider].append(job)
        self._metrics.failed_configs.set(failed)
        return wanted, failed

    def _find(self, alike: list[RunningProvider], entry: Entry) -> RunningProvider | None:
        return next((provider for provider in alike if provider.entry == entry), None)

    def _make(self, registered: Registered, entry: Entry, job: str) -> RunningProvider | None:
        """Make a provider for an entry; None, with a word in the log, where that fails."""
        log = self._log.bind(discovery=registered.name, config=job)
        try:
            kind = self._kind(registered)
            return RunningProvider(
                f"{kind.name}/{next(self._numbers)}",
                kind,
                entry,
                lambda: self._provider(kind, entry, job, log),
                self._surroundings,
                log,
            )
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - of a plug-in it may be anything
            self._log.error(
                "Cannot create service discovery", err=exc, type=registered.name, config=job
            )
            return None

    def _kind(self, registered: Registered) -> AnyKind:
        """Return a kind that can make providers, its metrics registered."""
        kind = registered.kind
        if isinstance(kind, Unbuilt):
            raise DiscoveryError(f"promscrape has no provider for {registered.key} yet")
        if kind.name not in self._kind_metrics:
            self._kind_metrics[kind.name] = kind.metrics(self._registry)
        return kind

    def _provider(
        self, kind: AnyKind, entry: Entry, job: str, log: FilteringBoundLogger
    ) -> tuple[Provider, ProviderContext]:
        context = ProviderContext(
            job=job,
            clock=self._clock,
            log=log,
            user_agent=self._user_agent,
            refreshes=RefreshSeries(self._metrics.refreshes, kind.name, job),
            features=self._features,
        )
        provider = kind.make(entry, context, self._kind_metrics[kind.name])
        is_plugin = isinstance(self._kinds[kind.key], Plugin)
        return Guarded(provider) if is_plugin else provider, context

    def _note_jobs(self, jobs: tuple[str, ...]) -> None:
        for job in set(self._jobs).difference(jobs):
            self._metrics.forget_set(job)
        for job in set(jobs).difference(self._jobs):
            self._metrics.note_new_set(job)
        self._jobs = jobs

    def _send(self) -> bool:
        target_sets = self.snapshot()
        now_s = self._clock.now_ns() / _NS_PER_S
        for job, groups in target_sets.items():
            self._metrics.note_set(job, sum(len(group.targets) for group in groups), now_s)
        return self._hand_on(target_sets)

    def snapshot(self) -> TargetSets:
        """Return the groups of all jobs as they are now."""
        return {job: list(groups) for job, groups in self._target_sets()}

    def _target_sets(self) -> Iterator[tuple[str, Iterator[TargetGroup]]]:
        of_job: dict[str, list[RunningProvider]] = {job: [] for job in self._jobs}
        for provider in self._providers:
            for job in provider.jobs:
                of_job[job].append(provider)
        for job, providers in of_job.items():
            yield job, (group for each in providers for group in each.groups.values())


def _bucket(kind: str, entry: Entry) -> bytes:
    """Return what is the same for equal entries of a kind, and mostly differs for others."""
    try:
        text = msgspec.json.encode(entry, enc_hook=lambda _: None, order="deterministic")
    except (TypeError, ValueError, msgspec.MsgspecError):  # A plug-in's may hold anything.
        text = b""
    return kind.encode() + text
