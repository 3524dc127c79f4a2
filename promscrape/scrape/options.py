"""What a scrape loop shares with all others: the process's own settings and means."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

from promscrape.clock import Clock
from promscrape.scrape.collections import CollectionPauses
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.turns import Turns
from promscrape.storage.interface import Appendable

if TYPE_CHECKING:
    from promscrape.httpclient._exchange_c import Exchanges

OFF_LOOP_BYTES = 128 * 1024
"""A body of this size or more is unpacked and scanned in a thread.

Below it the hand-over costs more than it frees; above it the scan would hold up the timers of
the other targets.
"""

VERY_LARGE_BYTES = 1024 * 1024
"""For a body of this size or more, packed or not, the search for reference cycles is put off."""

PACKED_SHARE = 8
"""How many times smaller a packed body may be than what it unpacks to, and mostly is."""

T = TypeVar("T")


class RunInThread(Protocol):
    """Runs a function in the pool of worker threads, and waits for its result."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


_MIB = 1 << 20
_CEILING_SHARE = 64
_CEILING_FLOOR_BYTES = 32 * _MIB
_CEILING_WITHOUT_LIMIT_BYTES = 256 * _MIB


@dataclass(frozen=True, slots=True)
class ScrapeOptions:
    """Flags that a restart is needed for, and what the daemon lends to scraping.

    tolerance_ns: how late a timer may be for its timestamp still to be put on the grid; None where
        timestamps are not to be adjusted.
    sync_interval_s: the shortest time between two syncs with discovery.
    reload_on_startup: the first sync waits for nothing but the first targets.
    initial_offset_s: how much later than its place in the interval each loop begins.
    scrape_on_shutdown: a loop that ends scrapes once more before.
    start_timestamps: whether targets are asked when their counters started.
    type_and_unit_labels: whether series get the labels `__type__` and `__unit__`.
    turns: asked by each loop before it works on its body, on the event loop.
    exchanges: what sends requests ahead of the event loop; None where each is made by it.
    ceiling_bytes: the largest body where a job sets no `body_size_limit`.
    """

    storage: Appendable
    clock: Clock
    metrics: ScrapeMetrics
    run_in_thread: RunInThread
    user_agent: str
    ceiling_bytes: int
    turns: Turns = field(default_factory=Turns)
    exchanges: "Exchanges | None" = None
    collections: CollectionPauses = field(default_factory=CollectionPauses)
    tolerance_ns: int | None = 2_000_000
    sync_interval_s: float = 5.0
    reload_on_startup: bool = False
    initial_offset_s: float = 0.0
    scrape_on_shutdown: bool = False
    start_timestamps: bool = False
    type_and_unit_labels: bool = False


def body_ceiling_bytes(memory_bytes: int | None) -> int:
    """Return how large a body may be where its job sets no limit.

    A body's series take several times its size in memory, and some targets can send one at the
    same time: a sixty-fourth of the process's memory keeps one target from ending it.
    """
    if memory_bytes is None:
        return _CEILING_WITHOUT_LIMIT_BYTES
    return max(memory_bytes // _CEILING_SHARE, _CEILING_FLOOR_BYTES)
