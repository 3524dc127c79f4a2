"""Files whose content can change at any time: credentials, certificates, header values."""

import os
import time
from typing import final

# File systems stamp a change with a clock that ticks between every few milliseconds and every two
# seconds. Within one tick a second change leaves no trace, so what was changed just now is read
# again the next time.
_SETTLED_NS = 2_000_000_000

_Stamp = tuple[int, int, int, int, int]


@final
class WatchedFile:
    """A file that is read when it has changed, which one call of `stat` tells.

    Symbolic links are followed, so the switch of a link, as for secrets in Kubernetes, is seen.
    """

    __slots__ = ("_content", "_stamp", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._stamp: _Stamp | None = None
        self._content = b""

    def read(self) -> bytes:
        """Return the content: the very same object as long as it is equal. Raises OSError.

        Blocks for as long as the file system does, like all reading of files here.
        """
        # The stamp is taken first: what is written after it shows in the next one.
        status = os.stat(self.path)  # noqa: PTH116 - a request's cost, without a Path for it
        stamp = (
            status.st_mtime_ns,
            status.st_ctime_ns,
            status.st_size,
            status.st_ino,
            status.st_dev,
        )
        if stamp != self._stamp:
            with open(self.path, "rb") as file:  # noqa: PTH123 - as above
                content = file.read()
            if content != self._content:
                self._content = content
            # The stamps are the machine's time, so the time they are compared with is too.
            age_ns = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns)
            self._stamp = stamp if age_ns > _SETTLED_NS else None
        return self._content


def open_error(path: str, error: OSError) -> str:
    """Return what went wrong in Go's words: `open <path>: no such file or directory`."""
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    return f"open {path}: {reason}"
