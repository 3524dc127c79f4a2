"""Up to where a destination has everything, while batches finish in any order."""

from collections import deque
from typing import final

from promscrape.storage.wal.tail import Position


@final
class Ticket:
    """One commit of which something is on its way, or yet to be put there."""

    __slots__ = ("_items", "_lane", "end", "is_read", "newest_ms")

    def __init__(self, lane: "Progress", end: Position, newest_ms: int) -> None:
        self._lane, self._items = lane, 0
        self.end, self.newest_ms = end, newest_ms
        self.is_read = False

    def send(self, items: int) -> None:
        """Take note that so many more items are on their way."""
        self._items += items

    def done(self, items: int) -> None:
        """Take note that the destination has these items, or shall not get them."""
        self._items -= items
        self._lane.advance()

    def finish_reading(self) -> None:
        """Take note that all of the commit is on its way."""
        self.is_read = True
        self._lane.advance()

    @property
    def is_done(self) -> bool:
        return self.is_read and not self._items


@final
class Progress:
    """Counts the items of each commit that are on their way.

    position: everything before it is done. done_ms: the newest sample of a commit before it.
    """

    def __init__(self, position: Position, done_ms: int = 0) -> None:
        self.position, self.done_ms = position, done_ms
        self._tickets: deque[Ticket] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is on its way."""
        return not self._tickets

    def begin(self, end: Position, newest_ms: int) -> Ticket:
        """Return the ticket of a commit that ends at `end`, after all those before it."""
        ticket = Ticket(self, end, newest_ms)
        self._tickets.append(ticket)
        return ticket

    def advance(self) -> None:
        """Move the position over the commits that are done."""
        while self._tickets and self._tickets[0].is_done:
            ticket = self._tickets.popleft()
            self.position = max(self.position, ticket.end)
            self.done_ms = max(self.done_ms, ticket.newest_ms)

    def skip_to(self, position: Position) -> None:
        """Take note that nothing before `position` can be had any more, or is wanted."""
        self.position = max(self.position, position)
