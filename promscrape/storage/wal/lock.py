"""The lock that keeps a second process out of the data directory.

Source: Prometheus tsdb/tsdbutil/dir_locker.go.
"""

import fcntl
import os
from pathlib import Path
from typing import final

from promscrape.errors import StorageError


@final
class DirectoryLock:
    """Holds `<directory>/lock` from `acquire` until `release`, which removes the file.

    The kernel lets go of the lock when the process ends in any way; the file then stays, so
    that one that is already there tells of an unclean end.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._fd = -1

    def acquire(self) -> bool:
        """Return whether the last holder ended cleanly; raises StorageError where one lives."""
        was_clean = not self._path.exists()
        while self._fd < 0:
            self._fd = self._open_locked()
        return was_clean

    def _open_locked(self) -> int:
        """Return the locked file, or -1 where its last holder removed it in between."""
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as exc:
            raise _refusal(exc) from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(fd)
            raise _refusal(exc) from exc
        if self._is_ours(fd):
            return fd
        os.close(fd)
        return -1

    def _is_ours(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        # The file goes first: once the lock is free the file belongs to the next holder.
        self._path.unlink(missing_ok=True)
        os.close(self._fd)
        self._fd = -1


def _refusal(exc: OSError) -> StorageError:
    reason = os.strerror(exc.errno or 0)
    return StorageError(f"lock DB directory: {reason[:1].lower()}{reason[1:]}")
