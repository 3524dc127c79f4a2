"""A process whose series come and go, for tests that end it in the middle.

    python -m tests.support.churn_writer DIRECTORY FIRST_SCRAPE

It writes the number of each scrape to its standard output when the commit has returned. A scrape
is a minute of the simulated time, and takes none.
"""

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from promscrape.model.labels import Labels
from promscrape.model.sample import STALE_NAN
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from tests.support.clock import ManualClock
from tests.support.wal import batch_of, metric

BEGIN_MS = 1_700_000_000_000
MINUTE_MS = 60_000
STEADY = [metric("steady", i=str(i)) for i in range(20)]
RETURNING = metric("returning")
AWAY = 9
"""Minutes, which is long enough to be forgotten."""


def time_of(scrape: int) -> int:
    return BEGIN_MS + MINUTE_MS * scrape


def series_of(scrape: int) -> list[Labels]:
    """Return the series of a scrape: those of always, a new one, and one that is away at times."""
    returning = [RETURNING] if scrape // AWAY % 2 == 0 else []
    return [*STEADY, metric("new", n=str(scrape)), *returning]


def values_of(scrape: int) -> list[float]:
    return [100.0 * scrape + i for i in range(len(series_of(scrape)))]


def write_scrape(storage: AgentStorage, scrape: int, *, marks: bool = True) -> None:
    """Commit a scrape, with markers of the series of the last one that it does not have."""
    series, before = series_of(scrape), series_of(scrape - 1)
    gone = [labels for labels in before if labels not in series] if marks else []
    appender, t_ms, generation = storage.appender(), time_of(scrape), storage.generation
    appender.append(batch_of(generation, series, values_of(scrape), t_ms))
    markers = [STALE_NAN] * len(gone)
    appender.append(batch_of(generation, gone, markers, t_ms, reject_out_of_order=True))
    appender.commit()


async def write(directory: Path, first: int) -> None:
    clock = ManualClock(now_ns=time_of(first) * 1_000_000)
    storage = AgentStorage(
        WalOptions(directory, segment_bytes=32 << 10),
        metrics=WalMetrics(CollectorRegistry()),
        clock=clock,
        log=structlog.wrap_logger(structlog.ReturnLogger()),
    )
    async with storage:
        for scrape in count(first):
            write_scrape(storage, scrape, marks=scrape > first)
            os.write(1, b"%d\n" % scrape)
            await clock.advance(60)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
