"""Up to where a destination has everything, while batches finish in any order."""

from collections import deque
from typing import final

import msgspec

from promscrape.storage.wal.tail import Position


@final
class Ticket(msgspec.Struct, eq=False):  # made without a line of Python, in each scrape
    """One commit of which something is on its way, or yet to be put there.

    items: how many of its items are on their way. is_read: whether all of them were put there.
    """

    lane: "Progress"
    end: Position
    newest_ms: int
    items: int
    is_read: bool

    def send(self, items: int) -> None:
        """Take note that so many more items are on their way."""
        self.items += items

    def finish_reading(self) -> None:
        """Take note that all of the commit is on its way."""
        self.is_read = True
        self.lane.advance()


@final
class Progress:
    """Counts the items of each commit that are on their way.

    Whoever lowers the `items` of tickets calls `advance` after the last of them. position:
    everything before it is done. done_ms: the newest sample of a commit before it.
    """

    def __init__(self, position: Position, done_ms: int = 0) -> None:
        self.position, self.done_ms = position, done_ms
        self._tickets: deque[Ticket] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._tickets

    def begin(
        self, end: Position, newest_ms: int, items: int = 0, *, is_read: bool = False
    ) -> Ticket:
        """Return the ticket of a commit that ends at `end`, after all those before it."""
        ticket = Ticket(self, end, newest_ms, items, is_read)
        self._tickets.append(ticket)
        return ticket

    def advance(self) -> None:
        """Move the position over the commits that are done."""
        tickets, last = self._tickets, None
        while tickets and tickets[0].is_read and not tickets[0].items:
            last = tickets.popleft()
            self.done_ms = max(self.done_ms, last.newest_ms)
        if last is not None:
            self.position = max(self.position, last.end)

    def skip_to(self, position: Position) -> None:
        """Take note that nothing before `position` can be had any more, or is wanted."""
        self.position = max(self.position, position)
