"""`file_sd_configs`: targets from files that other programs write."""

import asyncio
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import ClassVar, final

import msgspec

from promscrape.decode.schema import ConfigStruct, FilePath
from promscrape.discovery.directory_watch import DirectoryWatch
from promscrape.discovery.kind import Kind
from promscrape.discovery.kind_metrics import FileMetrics
from promscrape.discovery.provider import ProviderContext, Publish
from promscrape.discovery.refresh import check_interval
from promscrape.discovery.target_group import TargetGroup
from promscrape.discovery.target_group_file import read_target_groups
from promscrape.errors import ConfigError
from promscrape.glob import BadPattern, glob
from promscrape.model.duration import Duration
from promscrape.model.invalid import InvalidValue
from promscrape.model.quoting import quote
from promscrape.ticker import Ticker

FILEPATH_LABEL = "__meta_filepath"

# After a change the files are read at the earliest after so long, and after so many times the
# time that it takes to read them all, but not later than the third figure says.
_PAUSE_S, _PAUSES_A_SCAN, _MAX_PAUSE_S = 0.05, 4, 10.0

# A star stands in the last part of a path only; `?` and `[...]` may stand anywhere.
_PATTERN = re.compile(r"[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)", re.DOTALL)


@final
class FileSDConfig(ConfigStruct, frozen=True, kw_only=True):
    """One entry; source: Prometheus discovery/file/file.go, SDConfig."""

    go_type: ClassVar[str] = "file.plain"
    go_item: ClassVar[str] = "*file.SDConfig"

    files: tuple[FilePath, ...] = ()
    refresh_interval: Duration = Duration(300_000)

    def check(self) -> Iterator[InvalidValue]:
        if not self.files:
            yield InvalidValue(
                "file service discovery config must contain at least one path name", at=("files",)
            )
        for index, path in enumerate(self.files):
            if not _PATTERN.fullmatch(path):
                yield InvalidValue(
                    f"path name {quote(path)} is not valid for file discovery",
                    at=("files", index),
                    hint="end it in .json, .yml or .yaml; `*` may stand in its last part only",
                )
        yield from check_interval(self.refresh_interval)


@final
class _File(msgspec.Struct, frozen=True):
    """One file as a scan found it: its groups, or why there are none."""

    path: str
    mtime_s: int
    groups: tuple[TargetGroup, ...]
    error: ConfigError | None = None


@final
class FileProvider:
    """Reads the files at once, at each change in their directories, and at the interval.

    A file that is wrong keeps the groups that it had; one that is gone loses them. Rules F-1 to
    F-10 of the discovery specification; source: Prometheus discovery/file/file.go.
    """

    def __init__(
        self, config: FileSDConfig, context: ProviderContext, metrics: FileMetrics
    ) -> None:
        self._config, self._metrics = config, metrics
        self._clock, self._log = context.clock, context.log
        self._counts: dict[str, int] = {}
        self._mtimes: dict[str, int] = {}
        self._due = asyncio.Event()
        self._watch: DirectoryWatch | None = None

    async def run(self, publish: Publish) -> None:
        self._metrics.mtimes[id(self)] = self._mtimes
        try:
            async with AsyncExitStack() as stack:
                tasks = await stack.enter_async_context(asyncio.TaskGroup())
                tasks.create_task(self._tick(), name="discovery:file:tick")
                self._watch = await self._open_watch()
                if self._watch is not None:
                    stack.enter_context(self._watch)
                    tasks.create_task(self._note_changes(self._watch), name="discovery:file:watch")
                await self._scan_when_due(publish)
        finally:
            del self._metrics.mtimes[id(self)]

    async def _open_watch(self) -> DirectoryWatch | None:
        try:
            return await DirectoryWatch.open()
        except OSError as exc:
            self._metrics.watcher_errors.inc()
            self._log.error(
                "Error creating file watcher; files are read at the refresh interval alone", err=exc
            )
            return None

    async def _tick(self) -> None:
        ticker = Ticker(self._clock.monotonic_s(), self._config.refresh_interval.seconds)
        while True:
            await self._clock.sleep_until(ticker.next_due_s(self._clock.monotonic_s()))
            ticker.take(self._clock.monotonic_s())
            self._due.set()

    async def _note_changes(self, watch: DirectoryWatch) -> None:
        while True:
            await watch.change()
            self._due.set()

    async def _scan_when_due(self, publish: Publish) -> None:
        while True:
            self._due.clear()
            started_s = self._clock.monotonic_s()
            # Before the files are read, so that no change falls between the two.
            await self._watch_directories()
            await self._scan(publish)
            took_s = self._clock.monotonic_s() - started_s
            self._metrics.scan_duration.observe(took_s)
            await self._due.wait()
            # Changes come in bursts, and something else may write to the directory all the time.
            pause_s = min(max(_PAUSE_S, took_s * _PAUSES_A_SCAN), _MAX_PAUSE_S)
            await self._clock.sleep_until(self._clock.monotonic_s() + pause_s)

    async def _watch_directories(self) -> None:
        if self._watch is None:
            return
        directories = await asyncio.to_thread(_directories, self._config.files)
        for directory, error in self._watch.replace(directories).items():
            self._log.error("Error adding file watch", path=directory, err=error)

    async def _scan(self, publish: Publish) -> None:
        # A file may be on a network file system that has stopped to answer.
        files, bad_patterns = await asyncio.to_thread(_read_all, self._config.files)
        for pattern in bad_patterns:
            self._log.error("Error expanding glob", glob=pattern, err="syntax error in pattern")
        before, self._counts = self._counts, {}
        for file in files:
            if file.error is not None:
                self._metrics.read_errors.inc()
                self._log.error("Error reading file", path=file.path, err=file.error)
                self._counts[file.path] = before.get(file.path, 0)
                continue
            self._counts[file.path] = len(file.groups)
            self._mtimes[file.path] = file.mtime_s
            publish(file.groups)
        self._clear_vanished(before, publish)

    def _clear_vanished(self, before: Mapping[str, int], publish: Publish) -> None:
        for path, count in before.items():
            for index in range(self._counts.get(path, 0), count):
                publish([TargetGroup((), {}, f"{path}:{index}")])
            if path not in self._counts:
                self._mtimes.pop(path, None)


def _directories(patterns: Sequence[str]) -> set[str]:
    """Return the directories that hold the files, and those that should and are not there."""
    found: set[str] = set()
    for pattern in patterns:
        directory = posixpath.dirname(pattern) or "./"
        with suppress(BadPattern):
            found.update(glob(directory) or [directory])
    for directory in found:
        # A network file system that has stopped to answer is waited for here, in a thread.
        Path(directory).is_dir()
    return found


def _read_all(patterns: Sequence[str]) -> tuple[list[_File], list[str]]:
    """Return all files that match, and the patterns that break their grammar. Blocks."""
    paths: dict[str, None] = {}
    bad: list[str] = []
    for pattern in patterns:
        try:
            paths |= dict.fromkeys(glob(pattern))
        except BadPattern:
            bad.append(pattern)
    return [_read(path) for path in paths], bad


def _read(path: str) -> _File:
    try:
        groups = read_target_groups(path)
        mtime_s = int(Path(path).stat().st_mtime)
    except ConfigError as exc:
        return _File(path, 0, (), exc)
    except OSError as exc:
        return _File(path, 0, (), ConfigError(f"stat {path}: {(exc.strerror or '').lower()}"))
    return _File(
        path,
        mtime_s,
        tuple(
            TargetGroup(group.targets, {**group.labels, FILEPATH_LABEL: path}, group.source)
            for group in groups
        ),
    )


KIND = Kind("file", FileSDConfig, FileMetrics, FileProvider, (FILEPATH_LABEL,))
