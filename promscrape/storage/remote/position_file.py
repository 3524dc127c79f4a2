"""Where a destination stands in the log, on disk: `<data>/remote/<identity>.json`.

    {"segment": 7, "offset": 1024, "sent_ms": 1700000000000,
     "backlog": [{"from": [3, 0], "to": [6, 512]}]}

Everything before the position is with the peer, but for what lies in the backlog. The file is
replaced as a whole, and forced to the disk before the old one goes.
"""

import os
from pathlib import Path
from typing import final

import msgspec

from promscrape.storage.wal.directory import sync_directory
from promscrape.storage.wal.tail import Position


@final
class Gap(msgspec.Struct, frozen=True):
    """A stretch of the log that is yet to be sent, and came before what was sent."""

    start: tuple[int, int] = msgspec.field(name="from")
    stop: tuple[int, int] = msgspec.field(name="to")


@final
class StoredPosition(msgspec.Struct, frozen=True):
    """What the file holds. sent_ms: the newest sample before the position, 0 where unknown."""

    segment: int
    offset: int
    sent_ms: int = 0
    backlog: tuple[Gap, ...] = ()

    @property
    def position(self) -> Position:
        return Position(self.segment, self.offset)


@final
class PositionFile(msgspec.Struct, frozen=True):
    """One destination's file. Both calls block for a moment, and may be made in a thread."""

    path: Path

    def load(self) -> StoredPosition | None:
        """Return what was stored, None where nothing was, or nothing that can be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=StoredPosition)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def store(self, stored: StoredPosition) -> None:
        """Replace the file. Raises OSError, with the old one still there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(self.path.name + ".tmp")
        with unfinished.open("wb") as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self.path)
        sync_directory(self.path.parent)
