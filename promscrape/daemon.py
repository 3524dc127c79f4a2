"""The one file that knows every component: how they are built, reloaded and stopped.

Components are entered from the bottom up (web, storage, scraping, discovery) and left from the
top down, so that no scrape is appended to a closed storage, and `/metrics` and the health checks
answer from before the log is replayed until all is flushed.
"""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final

import msgspec
from prometheus_client import CollectorRegistry, disable_created_metrics
from structlog.typing import FilteringBoundLogger

from promscrape.clock import SystemClock
from promscrape.config.dump import dump_destination
from promscrape.config.include import load_scrape_configs
from promscrape.config.options import LoadOptions
from promscrape.config.remote_write import check_destinations
from promscrape.config.root import Config
from promscrape.config.unused import UnusedSections
from promscrape.discovery.manager import DiscoveryManager
from promscrape.discovery.registry import registered
from promscrape.errors import ConfigError, Problem, PromscrapeError, StorageError
from promscrape.flags.features import (
    CREATED_TIMESTAMPS,
    START_TIMESTAMPS,
    TYPE_AND_UNIT_LABELS,
)
from promscrape.flags.flags import Flags
from promscrape.httpclient.lease import GATHERED_S as ANSWERS_GATHERED_S
from promscrape.httpclient.lease import close_exchanges, open_exchanges
from promscrape.model.metadata import Metadata
from promscrape.process import LimitsCollector, ProcessMetrics, keep_heap_trimmed
from promscrape.reload import Reloader
from promscrape.runtime import Limits, detect, refresh
from promscrape.scrape.manager import ScrapeManager
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.options import ScrapeOptions, body_ceiling_bytes
from promscrape.scrape.pool import ScrapePool
from promscrape.scrape.turns import GATHERED_S, Turns
from promscrape.storage.remote.client import WriteClient
from promscrape.storage.remote.config import RemoteWriteConfig
from promscrape.storage.remote.remote_storage import Entry, RemoteOptions, RemoteStorage
from promscrape.storage.remote.status import DestinationStatus
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage_settings import wal_options
from promscrape.twins import COMPILED, WHY_PLAIN
from promscrape.version import PROGRAM, Version
from promscrape.web.options import WebOptions
from promscrape.web.server import WebServer
from promscrape.web.state import Phase

if TYPE_CHECKING:
    from promscrape.httpclient._exchange_c import Exchanges

_USER_AGENT = f"{PROGRAM}/{Version.current().version}"

EXIT_FAILED = 1
EXIT_BAD_CONFIG = 2

_STARTS = frozenset({CREATED_TIMESTAMPS, START_TIMESTAMPS})

T = TypeVar("T")


@final
class Daemon:
    """One promscrape process. Implements `promscrape.web.state.Service`."""

    def __init__(self, flags: Flags, log: FilteringBoundLogger) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's omission
        self.phase = Phase.STARTING
        self.started_ns = time.time_ns()
        self.limits: Limits = detect(
            adjust_cpus=flags.auto_gomaxprocs,
            memory_ratio=flags.auto_gomemlimit_ratio if flags.auto_gomemlimit else None,
        )
        self._flags, self._log = flags, log
        self._clock = SystemClock()
        self._registry = CollectorRegistry()
        self._metrics = ProcessMetrics(self._registry)
        LimitsCollector(lambda: self.limits, self._registry)
        self._unused = UnusedSections(self._registry, log)
        self._threads = ThreadPoolExecutor(self.limits.cpus, thread_name_prefix=PROGRAM)
        self._reloader = Reloader(
            flags.config_file,
            self._apply,
            clock=self._clock,
            metrics=self._metrics,
            run_in_thread=self._in_thread,
            log=log,
            options=LoadOptions.from_features(flags.features),
        )
        self._ready, self._quit = asyncio.Event(), asyncio.Event()
        self._main: asyncio.Task[object] | None = None
        self._storage: AgentStorage | None = None
        self._remote: RemoteStorage | None = None
        self._scraping: ScrapeManager | None = None
        self._discovery: DiscoveryManager | None = None
        self._exit_code = 0

    @property
    def config(self) -> Config:
        return self._reloader.config

    @property
    def last_reload_ok(self) -> bool:
        return self._reloader.last_ok

    @property
    def last_reload_s(self) -> float:
        return self._reloader.last_s

    @property
    def pools(self) -> Mapping[str, ScrapePool]:
        return self._scraping.pools if self._scraping else {}

    @property
    def corruption_count(self) -> int:
        return self._storage.statistics().corruptions if self._storage else 0

    def destinations(self) -> Sequence[DestinationStatus]:
        return self._remote.statuses() if self._remote else ()

    def flags(self) -> Mapping[str, str]:
        return self._flags.effective()

    async def run(self) -> int:
        """Run until SIGTERM, SIGINT or `quit`; return the exit code.

        Everything that was scraped is committed and flushed when it returns.
        """
        try:
            with self._signals():
                await self._load_and_serve()
        except Exception as exc:  # noqa: BLE001 - whatever ends the daemon is said in its log
            for cause in _causes(exc):
                self._log.error("Fatal error", err=cause)
            return EXIT_FAILED
        finally:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if not self._exit_code:
            self._log.info("See you next time!")
        return self._exit_code

    async def _load_and_serve(self) -> None:
        try:
            await self._reloader.load(watched=self._flags.auto_reload_interval_s is not None)
        except ConfigError:
            self._exit_code = EXIT_BAD_CONFIG
            return
        if not self._quit.is_set():  # A signal may have come while the file was read.
            self._main = asyncio.current_task()
            self._log_start()
            await self._serve()

    def quit(self) -> bool:
        """Begin to stop; false where that has begun already."""
        if self._quit.is_set():
            return False
        self._quit.set()
        if not self._ready.is_set() and self._main is not None:
            # The start is abandoned where it stands: replaying the log can take minutes.
            self._main.cancel()
        return True

    async def reload(self) -> None:
        """Load the configuration file again and take it over; see `Reloader.reload`."""
        await self._ready.wait()
        await self._reloader.reload()

    async def _serve(self) -> None:
        async with AsyncExitStack() as stack:
            web = WebServer(
                self,
                WebOptions.from_flags(self._flags),
                self._registry,
                self._log.bind(component="web"),
            )
            try:
                await stack.enter_async_context(web)
            except OSError as exc:
                self._log.error("Unable to start web listener", err=exc)
                self._exit_code = EXIT_FAILED
                return
            stack.callback(self._say, "Stopping web handler...")
            try:
                await self._start(stack)
                async with asyncio.TaskGroup() as tasks:
                    interval_s = self._flags.auto_reload_interval_s
                    reloading = tasks.create_task(self._reloader.run(interval_s), name="reload")
                    refreshing = tasks.create_task(self._refresh_limits(), name="limits")
                    trimming = tasks.create_task(keep_heap_trimmed(self._clock), name="heap")
                    await self._quit.wait()
                    reloading.cancel()
                    refreshing.cancel()
                    trimming.cancel()
            except asyncio.CancelledError:
                # `quit` before the start was over; anyone else's cancellation goes on.
                if not self._quit.is_set() or (self._main and self._main.uncancel()):
                    raise
            finally:
                self.phase = Phase.STOPPING
                self._metrics.ready.set(0)

    async def _start(self, stack: AsyncExitStack) -> None:
        """Enter storage, scraping and discovery, and put the configuration to use."""
        metrics = WalMetrics(self._registry)
        self._storage = await self._open_storage(stack, metrics)
        self._remote = self._remote_storage(self._storage, metrics)
        await stack.enter_async_context(self._remote)
        stack.callback(self._say, "Stopping remote storage...")
        turns = Turns(GATHERED_S)
        exchanges = open_exchanges(ANSWERS_GATHERED_S, turns.give)
        if exchanges is not None:
            stack.callback(close_exchanges, exchanges)
        options = self._scrape_options(self._storage, turns, exchanges)
        log = self._log.bind(component="scrape manager")
        self._scraping = ScrapeManager(options, log)
        await stack.enter_async_context(self._scraping)
        stack.callback(self._say, "Stopping scrape manager...")
        self._discovery = DiscoveryManager(
            self._scraping.update,
            self._clock,
            self._registry,
            self._log.bind(component="discovery manager scrape"),
            kinds=registered(),
            features=self._flags.features,
            user_agent=_USER_AGENT,
        )
        await stack.enter_async_context(self._discovery)
        stack.callback(self._say, "Stopping scrape discovery manager...")
        await self._apply_first()
        self.phase = Phase.READY
        self._metrics.ready.set(1)
        self._ready.set()
        self._log.info("Server is ready to receive web requests.")

    async def _open_storage(self, stack: AsyncExitStack, metrics: WalMetrics) -> AgentStorage:
        storage = AgentStorage(
            wal_options(self._flags, self.config.storage.tsdb.out_of_order_time_window),
            clock=self._clock,
            metrics=metrics,
            log=self._log,
        )
        try:
            await stack.enter_async_context(storage)
        except StorageError as exc:
            raise StorageError(f"opening storage failed: {exc}") from exc
        stack.callback(self._say, "Stopping agent WAL storage...")
        return storage

    def _remote_storage(self, storage: AgentStorage, metrics: WalMetrics) -> RemoteStorage:
        log = self._log.bind(component="remote")

        def make_sender(config: RemoteWriteConfig) -> WriteClient:
            return WriteClient(config, _USER_AGENT, clock=self._clock, log=log)

        options = RemoteOptions(
            Path(self._flags.storage_agent_path),
            make_sender,
            self._known_metadata,
            self._flags.storage_remote_flush_deadline.seconds,
        )
        return RemoteStorage(
            storage, metrics, options, registry=self._registry, clock=self._clock, log=log
        )

    def _known_metadata(self) -> Iterator[tuple[str, Metadata]]:
        """Yield what all active targets say of their families."""
        for pool in self.pools.values():
            for target in pool.active_targets():
                yield from target.metadata.items()

    def _scrape_options(
        self, storage: AgentStorage, turns: Turns, exchanges: "Exchanges | None"
    ) -> ScrapeOptions:
        tolerance_ns = self._flags.scrape_timestamp_tolerance.ns
        return ScrapeOptions(
            storage=storage,
            clock=self._clock,
            metrics=ScrapeMetrics(self._registry),
            run_in_thread=self._in_thread,
            user_agent=_USER_AGENT,
            ceiling_bytes=body_ceiling_bytes(self.limits.memory_bytes),
            turns=turns,
            exchanges=exchanges,
            tolerance_ns=tolerance_ns if self._flags.scrape_adjust_timestamps else None,
            sync_interval_s=self._flags.scrape_discovery_reload_interval.seconds or 5.0,
            reload_on_startup=True,
            start_timestamps=not _STARTS.isdisjoint(self._flags.features),
            type_and_unit_labels=TYPE_AND_UNIT_LABELS in self._flags.features,
        )

    def _say(self, event: str) -> None:
        self._log.info(event)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _refresh_limits(self) -> None:
        """Follow the container's memory limit, as often as --auto-gomemlimit asks."""
        interval_s = self._flags.auto_gomemlimit_refresh_interval.seconds
        while self._flags.auto_gomemlimit and interval_s:
            await self._clock.sleep_until(self._clock.monotonic_s() + interval_s)
            self.limits = refresh(self.limits, memory_ratio=self._flags.auto_gomemlimit_ratio)
            self._log_limits()

    async def _apply_first(self) -> None:
        try:
            await self._apply(self.config)
        except ConfigError as exc:
            where = self._flags.config_file
            raise ConfigError(f'error loading config from "{where}": {exc}') from exc

    async def _apply(self, config: Config) -> None:
        """Let every component take over the configuration, those after a failed one, too."""
        self._unused.note(config)
        problems: list[Problem] = []
        failed = False
        for component in (self._apply_destinations, self._apply_jobs):
            try:
                await component(config)
            except PromscrapeError as exc:
                failed = True
                self._log.error("Failed to apply configuration", err=exc)
                problems += exc.problems if isinstance(exc, ConfigError) else ()
        if failed:
            raise ConfigError(
                "one or more errors occurred while applying the new configuration "
                f'(--config.file="{self._flags.config_file}")',
                tuple(problems),
            )

    async def _apply_destinations(self, config: Config) -> None:
        check_destinations(config)
        assert self._remote is not None
        entries = [Entry(entry, dump_destination(entry)) for entry in config.remote_write]
        external = config.global_.external_labels.to_map()
        scheme = config.global_.metric_name_validation_scheme
        await self._remote.apply(entries, external, scheme)

    async def _apply_jobs(self, config: Config) -> None:
        """Read the included files, and let scraping and discovery take over all jobs.

        Raises ConfigError with both as they were where an included file is wrong, and when both
        had their turn where scraping could not take over all of it.
        """
        assert self._scraping is not None
        assert self._discovery is not None
        jobs = await self._in_thread(lambda: load_scrape_configs(config))
        try:
            await self._scraping.apply(msgspec.structs.replace(config, scrape_configs=jobs))
        finally:
            await self._discovery.apply({job.job_name: job.discovery for job in jobs})

    def _log_start(self) -> None:
        version = Version.current()
        self._log.info("Starting Prometheus Agent", mode="agent", version=version.info())
        self._log.info("operational information", **version.operational_information())
        self._log_limits()
        if not COMPILED:
            self._log.warning(
                "Running the plain Python core, which needs several times the CPU of the compiled",
                reason=WHY_PLAIN,
            )

    def _log_limits(self) -> None:
        for message in self.limits.messages:
            write = self._log.warning if message.warning else self._log.info
            write(message.event, component=message.component, **message.attributes)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT, reload on SIGHUP; a second SIGTERM changes nothing."""
        loop = asyncio.get_running_loop()
        for number, name in ((signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupt")):
            loop.add_signal_handler(number, self._on_stop_signal, name)
        loop.add_signal_handler(signal.SIGHUP, self._reloader.hangup.set)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _on_stop_signal(self, name: str) -> None:
        if not self._quit.is_set():
            self._log.warning("Received an OS signal, exiting gracefully...", signal=name)
            self.quit()


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield what a nest of exception groups was made of."""
    if isinstance(exc, BaseExceptionGroup):
        for nested in exc.exceptions:
            yield from _causes(nested)
    else:
        yield exc
