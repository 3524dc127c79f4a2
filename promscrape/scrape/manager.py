"""All jobs: which pools there are, and when they sync with discovery.

Rules M1 to M25 of the scrape specification; source: Prometheus scrape/manager.go.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from structlog.typing import FilteringBoundLogger

from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError
from promscrape.scrape.failure_log import FailureLog
from promscrape.scrape.offset import fqdn, offset_seed
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.pool import ScrapePool, same_but_for_discovery
from promscrape.ticker import Ticker

TargetSets = Mapping[str, Iterable[TargetGroup]]
"""Target groups by job; each one handed over replaces the last as a whole."""


@final
class ScrapeManager:
    """Runs a pool for each job that has been configured and discovered.

    An async context manager that owns the tasks of all loops. Leaving it stops every pool:
    scrapes under way are finished, within their timeouts, and committed.
    """

    def __init__(self, options: ScrapeOptions, log: FilteringBoundLogger) -> None:
        self._options, self._log, self._metrics = options, log, options.metrics
        self._configs: dict[str, ScrapeConfig] = {}
        self._pools: dict[str, ScrapePool] = {}
        self._failure_logs: dict[str, FailureLog] = {}
        self._seed = 0
        self._target_sets: TargetSets = {}
        self._pending = asyncio.Event()
        # Held while pools are made, reloaded or stopped, which takes as long as their scrapes.
        self._turn = asyncio.Lock()
        self._tasks = asyncio.TaskGroup()
        self._stack = AsyncExitStack()
        options.metrics.registry.register(_MetadataCollector(self))

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._tasks)
        self._syncing = self._tasks.create_task(self._sync_on_ticks(), name="scrape:sync")
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        self._syncing.cancel()
        async with self._turn:
            await self._stop_pools(list(self._pools))
        for failure_log in self._failure_logs.values():
            failure_log.close()
        return await self._stack.__aexit__(exc_type, exc, traceback)

    @property
    def pools(self) -> Mapping[str, ScrapePool]:
        """The pools by job name; a pool exists once its job was first synced."""
        return self._pools

    def update(self, target_sets: TargetSets) -> bool:
        """Take over the newest targets of all jobs; they are put to use at the next tick.

        Returns whether it could; it always can.
        """
        self._target_sets = target_sets
        self._pending.set()
        return True

    async def apply(self, config: Config) -> None:
        """Take over a configuration: pools are left alone, reloaded or stopped, never made.

        Raises ConfigError once all pools had their turn, if one could not be reloaded; that pool
        goes on as it was.
        """
        async with self._turn:
            configs = {job.job_name: job for job in config.scrape_configs}
            failure_logs = _open_failure_logs(configs.values())
            hostname = await self._options.run_in_thread(fqdn)
            self._seed = offset_seed(hostname, config.global_.external_labels)
            self._configs = configs
            await self._stop_pools([job for job in self._pools if job not in configs])
            failed = await self._reload_pools()
            self._use_failure_logs(failure_logs)
        if failed:
            raise ConfigError("failed to apply the new configuration")

    async def _reload_pools(self) -> bool:
        """Reload the pools whose job changed; return whether one could not be."""
        failed = False
        for job, pool in self._pools.items():
            pool.seed = self._seed
            if same_but_for_discovery(pool.config, self._configs[job]):
                pool.config = self._configs[job]
                continue
            try:
                await pool.reload(self._configs[job])
            except ConfigError as exc:
                failed = True
                self._log.error("Reloading scrape pool failed", err=exc, scrape_pool=job)
        return failed

    def _use_failure_logs(self, failure_logs: dict[str, FailureLog]) -> None:
        replaced, self._failure_logs = self._failure_logs, failure_logs
        for pool in self._pools.values():
            pool.failure_log = failure_logs.get(pool.config.scrape_failure_log_file)
        for failure_log in replaced.values():
            failure_log.close()

    async def _stop_pools(self, jobs: Iterable[str]) -> None:
        async with asyncio.TaskGroup() as stopping:
            for job in jobs:
                stopping.create_task(self._pools.pop(job).stop(), name=f"scrape:stop:{job}")

    async def _sync_on_ticks(self) -> None:
        clock, interval_s = self._options.clock, self._options.sync_interval_s
        if self._options.reload_on_startup:
            await self._sync_pending()
        ticker = Ticker(clock.monotonic_s(), interval_s)
        while True:
            await clock.sleep_until(ticker.next_due_s(clock.monotonic_s()))
            ticker.take(clock.monotonic_s())
            await self._sync_pending()

    async def _sync_pending(self) -> None:
        await self._pending.wait()
        self._pending.clear()
        async with self._turn:
            await self._sync(self._target_sets)

    async def _sync(self, target_sets: TargetSets) -> None:
        async with asyncio.TaskGroup() as syncing:
            for job, groups in target_sets.items():
                pool = self._pools.get(job) or self._make_pool(job)
                if pool is not None:
                    syncing.create_task(pool.sync(groups), name=f"scrape:sync:{job}")

    def _make_pool(self, job: str) -> ScrapePool | None:
        config = self._configs.get(job)
        if config is None:
            self._log.error("Syncing scrape pool failed", err=f"invalid config id:{job}")
            return None
        self._metrics.pools.inc()
        log = self._log.bind(scrape_pool=job)
        try:
            pool = ScrapePool(config, self._options, self._tasks, self._seed, log)
        except ConfigError as exc:
            self._metrics.pools_failed.inc()
            self._log.error("Error creating new scrape pool", err=exc, scrape_pool=job)
            return None
        pool.failure_log = self._failure_logs.get(config.scrape_failure_log_file)
        self._pools[job] = pool
        return pool


@final
class _MetadataCollector(Collector):
    """Counts the cached metadata of all targets when it is asked to."""

    def __init__(self, manager: ScrapeManager) -> None:
        self._manager = manager

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return self._families()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        entries, sizes = self._families()
        for job, pool in self._manager.pools.items():
            count, size_bytes = pool.metadata_size()
            entries.add_metric([job], count)
            sizes.add_metric([job], size_bytes)
        return entries, sizes

    def _families(self) -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        return (
            GaugeMetricFamily(
                "prometheus_target_metadata_cache_entries",
                "Metric families with metadata, over all targets of the job.",
                labels=["scrape_job"],
            ),
            GaugeMetricFamily(
                "prometheus_target_metadata_cache_bytes",
                "Bytes of the metadata of all targets of the job.",
                labels=["scrape_job"],
            ),
        )


def _open_failure_logs(configs: Iterable[ScrapeConfig]) -> dict[str, FailureLog]:
    """Open each failure log that a job names, once; raises ConfigError with none left open."""
    opened: dict[str, FailureLog] = {}
    try:
        for path in {config.scrape_failure_log_file for config in configs} - {""}:
            opened[path] = FailureLog(path)
    except ConfigError:
        for failure_log in opened.values():
            failure_log.close()
        raise
    return opened
