"""Changes in directories, told by inotify."""

import asyncio
import importlib
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from asyncinotify import Inotify, Mask


@final
class DirectoryWatch:
    """Watches directories, not what is below their subdirectories. A context manager."""

    def __init__(self, inotify: "Inotify", changes: "Mask", gone: "Mask") -> None:
        self._inotify, self._changes, self._gone = inotify, changes, gone

    @classmethod
    async def open(cls) -> Self:
        """Raises OSError where the system has no inotify, or no more of it to give."""
        if sys.platform != "linux":
            raise OSError("inotify is part of Linux")
        # It looks for the C library by starting programs, which takes a fifth of a second.
        module = await asyncio.to_thread(importlib.import_module, "asyncinotify")
        mask = module.Mask
        # All that changes what a directory or a file in it holds; a chmod does not.
        changes = mask.CREATE | mask.DELETE | mask.MODIFY | mask.MOVED_FROM | mask.MOVED_TO
        return cls(module.Inotify(), changes | mask.DELETE_SELF | mask.MOVE_SELF, mask.IGNORED)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._inotify.close()

    def replace(self, directories: Collection[str]) -> dict[str, OSError]:
        """Watch these, as the names lead now; return those that cannot be watched, and why.

        A name can lead elsewhere than before: it was made anew, or is a symlink that was changed.
        """
        used: set[int] = set()
        failed: dict[str, OSError] = {}
        for directory in directories:
            try:
                used.add(self._inotify.add_watch(Path(directory), self._changes).wd)
            except OSError as exc:
                failed[directory] = exc
        for watch in self._inotify.watches:
            if watch.wd not in used:
                with suppress(OSError):  # It has ended with its directory.
                    self._inotify.rm_watch(watch)
        return failed

    async def change(self) -> None:
        """Return when something has changed since the last call."""
        while True:
            event = await self._inotify.get()
            if self._gone not in event.mask:
                return
