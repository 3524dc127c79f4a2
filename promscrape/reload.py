"""The configuration in effect: the first load, and every later one in its turn.

A reload is asked for over HTTP, by SIGHUP, or by the file itself where it is watched. Each loads
and checks the whole file before anything changes, and they never overlap.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar, final

from structlog.typing import FilteringBoundLogger

from promscrape.clock import Clock
from promscrape.config.checksum import Checksums
from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.config.options import DEFAULT_OPTIONS, LoadOptions
from promscrape.config.root import Config
from promscrape.errors import ConfigError
from promscrape.model.go_duration import GoDuration
from promscrape.process import ProcessMetrics

T = TypeVar("T")
Apply = Callable[[Config], Awaitable[None]]
"""Lets all components take over a configuration, and reads what its main file includes.

Raises ConfigError if one of them could not, when the others have.
"""


class RunInThread(Protocol):
    """Runs what blocks, such as reading files, off the event loop."""

    async def __call__(self, work: Callable[[], T], /) -> T: ...


@final
class Reloader:
    """Loads the configuration file, and has what it says taken over.

    config: the newest that was loaded. last_ok: how the last attempt ended. last_s: the wall time
    of the last one that succeeded. hangup: set it to ask for a reload; asking twice is asking once.
    """

    def __init__(
        self,
        path: str,
        apply: Apply,
        *,
        clock: Clock,
        metrics: ProcessMetrics,
        run_in_thread: RunInThread,
        log: FilteringBoundLogger,
        options: LoadOptions = DEFAULT_OPTIONS,
    ) -> None:
        self.config = Config()
        self.last_ok, self.last_s = True, time.time()
        self.hangup = asyncio.Event()
        self._path, self._apply, self._options = path, apply, options
        self._clock, self._metrics, self._log = clock, metrics, log
        self._run_in_thread = run_in_thread
        # Held from the reading of the file until all components have taken it over.
        self._turn = asyncio.Lock()
        self._checksums: Checksums | None = None
        self._checksum = ""
        self._quiet_since_s = clock.monotonic_s()

    async def load(self, *, watched: bool = False) -> None:
        """Load the file for the first time. Raises ConfigError, which has been logged.

        watched: whether `run` will look for changes of the file.
        """
        if watched:
            self._checksums = Checksums(self._path)
        checksum = await self._take_checksum()
        event = f"Error loading config (--config.file={self._path})"
        try:
            self.config = await self._run_in_thread(self._load_main)
            event = (
                "Error loading dynamic scrape config files from config "
                f'(--config.file="{self._path}")'
            )
            await self._run_in_thread(lambda: load_scrape_configs(self.config))
        except ConfigError as exc:
            self._log_problems(exc, event)
            raise
        self._note_loaded(checksum)

    async def run(self, watch_interval_s: float | None) -> None:
        """Reload on `hangup` and, where an interval is given, on changes of the file; never end."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._reload_on_hangup(), name="reload:hangup")
            if watch_interval_s is not None:
                tasks.create_task(self._reload_on_change(watch_interval_s), name="reload:change")

    async def reload(self) -> None:
        """Load the file again and have it taken over, once earlier reloads are done.

        Raises ConfigError with nothing changed where the file is refused, and after the other
        components have taken it over where one of them could not.
        """
        async with self._turn:
            try:
                await self._reload(await self._take_checksum())
            finally:
                self._quiet_since_s = self._clock.monotonic_s()

    async def _reload(self, checksum: str) -> None:
        try:
            await self._load_and_apply()
        except ConfigError as exc:
            self.last_ok = False
            self._metrics.reload_successful.set(0)
            self._log_problems(exc, "Error reloading config")
            raise
        self._note_loaded(checksum)

    async def _load_and_apply(self) -> None:
        started_s = self._clock.monotonic_s()
        self._log.info("Loading configuration file", filename=self._path)
        try:
            config = await self._run_in_thread(self._load_main)
        except ConfigError as exc:
            text = f'couldn\'t load configuration (--config.file="{self._path}"): {exc}'
            raise ConfigError(text, exc.problems) from exc
        self.config = config
        await self._apply(config)
        self._log.info(
            "Completed loading of configuration file",
            filename=self._path,
            totalDuration=GoDuration.of_seconds(self._clock.monotonic_s() - started_s),
        )

    def _load_main(self) -> Config:
        return load(self._path, self._options)

    async def _reload_on_hangup(self) -> None:
        """Reload on SIGHUP; signals that come while one is served are one more."""
        while True:
            await self.hangup.wait()
            self.hangup.clear()
            try:
                await self.reload()
            except ConfigError:
                continue  # Logged and counted by `reload`; the old configuration goes on.

    async def _reload_on_change(self, interval_s: float) -> None:
        """Look at the file whenever nothing was reloaded, and it was not looked at, for so long."""
        while True:
            due_s = self._quiet_since_s + interval_s
            if self._clock.monotonic_s() < due_s:
                await self._clock.sleep_until(due_s)
                continue  # A reload meanwhile has moved the due time.
            async with self._turn:
                try:
                    await self._reload_if_changed()
                finally:
                    self._quiet_since_s = self._clock.monotonic_s()

    async def _reload_if_changed(self) -> None:
        """Reload unless the file is the one in effect.

        Prometheus compares checksums alone, so that a file which was wrong for a while and is
        back at what it was leaves `prometheus_config_last_reload_successful` at 0. Here a failed
        reload is always tried again.
        """
        checksum = await self._take_checksum()
        if not checksum:
            self._checksum = ""
        elif checksum == self._checksum and self.last_ok:
            return
        self._log.info("Configuration file change detected, reloading the configuration.")
        try:
            await self._reload(checksum)
        except ConfigError:
            return  # Logged and counted; the next look tries again.

    async def _take_checksum(self) -> str:
        """Return the checksum of what is about to be loaded, "" where there is none."""
        if self._checksums is None:
            return ""
        try:
            return await self._run_in_thread(self._checksums.take)
        except ConfigError as exc:
            self._log.error("Failed to generate checksum during configuration reload", err=exc)
            return ""

    def _note_loaded(self, checksum: str) -> None:
        self._checksum = checksum
        self.last_ok, self.last_s = True, time.time()
        self._metrics.reload_successful.set(1)
        self._metrics.reload_success_time.set(self.last_s)

    def _log_problems(self, error: ConfigError, event: str) -> None:
        """Say what is wrong with the file, each problem with its place and its remedy."""
        for problem in error.problems:
            if not problem.line:
                continue  # It is about the file as a whole: the last line says it.
            self._log.error(
                "Configuration problem",
                at=f"{problem.file}:{problem.line}:{problem.column}",
                path=problem.path,
                err=problem.message,
                **({"hint": problem.hint} if problem.hint else {}),
            )
        self._log.error(event, file=str(Path(self._path).absolute()), err=error)
