"""One job: target groups in, running loops out.

Rules M3 to M8 and M13 to M19 of the scrape specification; source: Prometheus scrape/scrape.go,
scrapePool.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import final

import msgspec
from structlog.typing import FilteringBoundLogger

from promscrape.config.scrape import ScrapeConfig
from promscrape.config.tolerance import OnSampleLimit
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError, FetchError, PromscrapeError, ScrapeError
from promscrape.exposition.switches import Switches
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.model.duration import Duration
from promscrape.model.labels import Labels
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.clients import ScrapeClients
from promscrape.scrape.failure_log import FailureLog
from promscrape.scrape.loop import ScrapeLoop
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.target import Target, TargetError, build_target, discovered_labels

# Targets are made this many at a time, so that a job with thousands of them does not hold up
# the scrapes of the others.
_TARGETS_AT_A_TIME = 50


@final
class TargetLimitExceeded(ScrapeError):
    """The job has more targets than its `target_limit`; none of them is scraped."""


@final
class ScrapePool:
    """The targets of one job, each with its loop; `sync`, `reload` and `stop` take turns.

    Loops run in the task group that is lent to the pool, and end with `stop`.
    """

    def __init__(
        self,
        config: ScrapeConfig,
        options: ScrapeOptions,
        tasks: asyncio.TaskGroup,
        seed: int,
        log: FilteringBoundLogger,
    ) -> None:
        """Raises ConfigError where the job's HTTP client cannot be made."""
        self.config, self.seed = config, seed
        self.clients = ScrapeClients(config, options)
        self.forced_error: ScrapeError | None = None
        self.failure_log: FailureLog | None = None
        self.dropped_count = 0
        self._options, self._tasks, self._log = options, tasks, log
        self._metrics = options.metrics
        self._loops: dict[int, ScrapeLoop] = {}
        self._loop_tasks: set[asyncio.Task[None]] = set()
        self._dropped: list[Labels] = []
        # What the last sync had nothing to object to; None where another one could differ.
        self._synced: tuple[tuple[TargetGroup, ...], ScrapeConfig] | None = None
        self._metrics.pool_target_limit.labels(config.job_name).set(config.target_limit)
        self._metrics.pool_targets.labels(config.job_name).set(0)

    def active_targets(self) -> list[Target]:
        """Return the targets that have a loop, by their public labels."""
        targets = [loop.target for loop in self._loops.values()]
        return sorted(targets, key=lambda target: target.public_labels.wire)

    def dropped_targets(self) -> list[Labels]:
        """Return the discovered labels of dropped targets, as many as are kept."""
        return self._dropped

    def metadata_size(self) -> tuple[int, int]:
        """Return families and bytes of metadata over all targets."""
        caches = [loop.cache.metadata for loop in self._loops.values()]
        return sum(len(cache) for cache in caches), sum(cache.size_bytes for cache in caches)

    async def sync(self, groups: Iterable[TargetGroup]) -> None:
        """Start loops for new targets, stop those of vanished ones, leave the rest alone."""
        started_s = self._options.clock.monotonic_s()
        wanted = (tuple(groups), self.config)
        if wanted != self._synced:
            await self._sync(wanted[0])
        self._note_sync(self._options.clock.monotonic_s() - started_s)

    async def _sync(self, groups: tuple[TargetGroup, ...]) -> None:
        self._synced = None
        config = self.config
        targets, failed = await self._targets(groups)
        vanished = [self._loops.pop(key) for key in self._loops.keys() - targets.keys()]
        for key, target in targets.items():
            if loop := self._loops.get(key):
                loop.target.discovered_labels = target.discovered_labels
            elif not self._start(target, new_cache(target, self._options)):
                failed += 1
        self._check_target_limit()
        for loop in vanished:
            loop.stop()
        for loop in vanished:
            await loop.stopped()
        await self.clients.retain(loop.target.unix_socket for loop in self._loops.values())
        if not failed:  # A target that fails is counted and logged at every sync.
            self._synced = (groups, config)

    async def reload(self, config: ScrapeConfig) -> None:
        """Take over another configuration of the job: every loop is replaced.

        Raises ConfigError where the new HTTP client cannot be made; nothing has changed then.
        """
        started_s = self._options.clock.monotonic_s()
        self._metrics.pool_reloads.inc()
        try:
            clients = ScrapeClients(config, self._options)
        except ConfigError:
            self._metrics.pool_reloads_failed.inc()
            raise
        keeps_caches = _keeps_caches(self.config, config)
        old_clients, self.config, self.clients = self.clients, config, clients
        self._synced = None
        self._metrics.pool_target_limit.labels(config.job_name).set(config.target_limit)
        await self._replace_loops(keeps_caches=keeps_caches)
        self._check_target_limit()
        await old_clients.close()
        self._metrics.reload_length.labels(str(config.scrape_interval)).observe(
            self._options.clock.monotonic_s() - started_s
        )

    async def stop(self) -> None:
        """Stop all loops, finish their scrapes, and let go of the connections.

        No stale markers are written: the process, or the job under another name, comes back.
        """
        for loop in self._loops.values():
            loop.leave_no_markers()
            loop.stop()
        for loop in self._loops.values():
            await loop.stopped()
        for task in list(self._loop_tasks):
            task.cancel()
        for task in list(self._loop_tasks):
            with suppress(asyncio.CancelledError):
                await task
        await self.clients.close()
        self._metrics.forget_pool(self.config.job_name)

    def fetch_failed(self, target: Target, error: FetchError) -> None:
        """Write a failed request to the job's failure log, if it has one."""
        if self.failure_log is not None:
            self.failure_log.write(str(error), self.config.job_name, target.url)

    def _start(self, target: Target, cache: SeriesCache) -> bool:
        """Start a target's loop; false, with a word in the log, where it cannot have a client."""
        try:
            client = self.clients.of(target.unix_socket)
        except ConfigError as exc:
            self._note_failed(target.url, exc)
            return False
        name = f"scrape:{self.config.job_name}/{target.instance}"
        log = self._log.bind(target=target.url)
        loop = ScrapeLoop(target, self, client, cache, self._options, self.seed, log)
        self._loops[target.hash] = loop
        task = self._tasks.create_task(loop.run(), name=name)
        self._loop_tasks.add(task)
        task.add_done_callback(self._loop_tasks.discard)
        return True

    async def _replace_loops(self, *, keeps_caches: bool) -> None:
        replaced = list(self._loops.values())
        for loop in replaced:
            if keeps_caches:
                loop.leave_no_markers()
            loop.stop()
        # A successor begins only once its predecessor has ended: two writers of one series
        # would make each other's samples out of order.
        for loop in replaced:
            await loop.stopped()
            cache = loop.cache if keeps_caches else new_cache(loop.target, self._options)
            if not self._start(loop.target, cache):
                del self._loops[loop.target.hash]

    async def _targets(self, groups: Iterable[TargetGroup]) -> tuple[dict[int, Target], int]:
        """Make the targets, and note what was dropped; the first of equal ones counts.

        Returns them with the number of those that could not be made.
        """
        targets: dict[int, Target] = {}
        dropped: list[Labels] = []
        self.dropped_count = 0
        made = failed = 0
        for group in groups:
            for index, own in enumerate(group.targets):
                made += 1
                if made % _TARGETS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                discovered = discovered_labels(group, own, self.config)
                try:
                    target = build_target(discovered, self.config)
                except TargetError as exc:
                    failed += 1
                    self._note_failed(f"instance {index} in group {group.source}", exc)
                    continue
                if target is None or not target.public_labels:
                    self._note_dropped(dropped, discovered)
                elif known := targets.get(target.hash):
                    known.discovered_labels = target.discovered_labels
                else:
                    targets[target.hash] = target
        self._dropped = dropped
        return targets, failed

    def _note_dropped(self, dropped: list[Labels], discovered: dict[str, str]) -> None:
        self.dropped_count += 1
        limit = self.config.keep_dropped_targets
        if not limit or len(dropped) < limit:
            dropped.append(Labels.from_map(discovered))

    def _note_failed(self, where: str, error: PromscrapeError) -> None:
        self._metrics.sync_failed.labels(self.config.job_name).inc()
        self._log.error("Creating target failed", err=f"{where}: {error}")

    def _check_target_limit(self) -> None:
        limit, count = self.config.target_limit, len(self._loops)
        self.forced_error = None
        if limit and count > limit:
            self._metrics.exceeded_target_limit.inc()
            self.forced_error = TargetLimitExceeded(
                f"target_limit exceeded (number of targets: {count}, limit: {limit})"
            )

    def _note_sync(self, took_s: float) -> None:
        job = self.config.job_name
        self._metrics.pool_targets.labels(job).set(len(self._loops))
        self._metrics.pool_syncs.labels(job).inc()
        self._metrics.sync_length.labels(job).observe(took_s)
        self._metrics.sync_length_histogram.labels(job).observe(took_s)


def new_cache(target: Target, options: ScrapeOptions) -> SeriesCache:
    """Return the cache of a target that is scraped for the first time."""
    switches = Switches(
        native_histograms=target.native_histograms,
        convert_classic=target.converts_classic,
        keep_classic=target.keeps_classic,
        start_timestamps=options.start_timestamps,
        type_and_unit_labels=options.type_and_unit_labels,
    )
    storage = options.storage
    return SeriesCache(
        switches, keeps_metadata=lambda: storage.keeps_metadata, labels=storage.labels
    )


def same_but_for_discovery(old: ScrapeConfig, new: ScrapeConfig) -> bool:
    """Whether two configurations of a job differ at most in where its targets come from."""
    return _without_discovery(old) == _without_discovery(new)


def _without_discovery(config: ScrapeConfig) -> ScrapeConfig:
    return msgspec.structs.replace(config, discovery=DiscoveryConfigs())


def _keeps_caches(old: ScrapeConfig, new: ScrapeConfig) -> bool:
    """Whether what is remembered of the series stays true under the new configuration (M7)."""
    return _blanked(old) == _blanked(new)


def _blanked(config: ScrapeConfig) -> ScrapeConfig:
    return msgspec.structs.replace(
        _without_discovery(config),
        scrape_interval=Duration(),
        scrape_timeout=Duration(),
        sample_limit=0,
        on_sample_limit=OnSampleLimit.FAIL,
        http_client=HTTPClientConfig(),
    )
