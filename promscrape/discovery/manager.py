"""From the jobs' discovery configurations to target groups by job."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from promscrape.clock import Clock
from promscrape.discovery.metrics import DiscoveryMetrics
from promscrape.discovery.static import StaticConfig, target_groups
from promscrape.discovery.target_group import TargetGroup

Publish = Callable[[Mapping[str, Sequence[TargetGroup]]], None]
"""Takes the groups of all jobs; each call replaces the last as a whole. Does not block."""

_NS_PER_S = 1_000_000_000


@final
class DiscoveryManager:
    """Knows the targets of every job, and hands them on whenever they change.

    All targets are static in this version: they change with the configuration only.
    """

    def __init__(self, publish: Publish, clock: Clock, metrics: DiscoveryMetrics) -> None:
        self._publish, self._clock, self._metrics = publish, clock, metrics
        self._jobs: frozenset[str] = frozenset()

    def apply(self, jobs: Mapping[str, Sequence[StaticConfig]]) -> None:
        """Take over the configuration of all jobs; a job without targets is published empty."""
        sets = {job: target_groups(configs) for job, configs in jobs.items()}
        for job in self._jobs - sets.keys():
            self._metrics.forget_set(job)
        self._jobs = frozenset(sets)
        now_s = self._clock.now_ns() / _NS_PER_S
        for job, groups in sets.items():
            self._metrics.received_updates.inc()
            self._metrics.note_set(job, sum(len(group.targets) for group in groups), now_s)
        self._metrics.failed_configs.set(0)
        self._metrics.updates.inc()
        self._publish(sets)
