"""Those for whose sake the log is kept: destinations that do not have all of it yet."""

from typing import Protocol, final

import msgspec

from promscrape.storage.wal.tail import Position


@final
class GivenUp(msgspec.Struct, frozen=True):
    """A part of the log that is dropped before a holder was done with it.

    position: where the holder has to go on. size: of the part, in bytes of the files.
    """

    position: Position
    size: int


class Holder(Protocol):
    """One that reads the log, and needs it from its position on."""

    @property
    def needed(self) -> Position:
        """Where the first record is that it is not done with."""

    @property
    def done_ms(self) -> int:
        """The newest timestamp up to which it is done, 0 where it does not know yet."""

    def give_up(self, part: GivenUp) -> None:
        """Hear that a part of what it needs is dropped, because of its age or of the log's size."""
