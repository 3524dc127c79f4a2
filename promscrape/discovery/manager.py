"""From the jobs' discovery configurations to target groups by job."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.discovery.metrics import DiscoveryMetrics
from promscrape.discovery.registry import DiscoveryConfigs
from promscrape.discovery.static import target_groups
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import DiscoveryError

Publish = Callable[[Mapping[str, Sequence[TargetGroup]]], None]
"""Takes the groups of all jobs; each call replaces the last as a whole. Does not block."""

_NS_PER_S = 1_000_000_000


@final
class DiscoveryManager:
    """Knows the targets of every job, and hands them on whenever they change.

    All targets are static in this version: they change with the configuration only.
    """

    def __init__(
        self,
        publish: Publish,
        clock: Clock,
        metrics: DiscoveryMetrics,
        log: FilteringBoundLogger,
    ) -> None:
        self._publish, self._clock, self._metrics, self._log = publish, clock, metrics, log
        self._jobs: frozenset[str] = frozenset()

    def apply(self, jobs: Mapping[str, DiscoveryConfigs]) -> None:
        """Take over the configuration of all jobs; a job without targets is published empty.

        An entry that nothing can be made of is logged and counted, and takes nothing with it.
        """
        failed = sum(self._log_missing(job, configs) for job, configs in jobs.items())
        self._metrics.failed_configs.set(failed)
        sets = {job: target_groups(configs.static()) for job, configs in jobs.items()}
        for job in self._jobs - sets.keys():
            self._metrics.forget_set(job)
        self._jobs = frozenset(sets)
        now_s = self._clock.now_ns() / _NS_PER_S
        for job, groups in sets.items():
            self._metrics.received_updates.inc()
            self._metrics.note_set(job, sum(len(group.targets) for group in groups), now_s)
        self._metrics.updates.inc()
        self._publish(sets)

    def _log_missing(self, job: str, configs: DiscoveryConfigs) -> int:
        """Log the job's entries that have no provider; return how many they are."""
        missing = list(configs.missing())
        for kind in missing:
            self._log.error(
                "Cannot create service discovery",
                err=DiscoveryError(f"promscrape has no provider for {kind}_sd_configs yet"),
                type=kind,
                config=job,
            )
        return len(missing)
