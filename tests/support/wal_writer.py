"""A process that writes scrapes as fast as it can, for tests that end it in the middle.

    python -m tests.support.wal_writer DIRECTORY FIRST_SCRAPE

It writes the number of each scrape to its standard output when the commit has returned. What a
scrape holds follows from its number, so that a test knows what has to be there.
"""

import asyncio
import os
import random
import struct
import sys
from array import array
from itertools import count
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import SystemClock
from promscrape.model.labels import Labels
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import FsyncPolicy, WalOptions
from tests.support.wal import Target, metric

SCRAPES_A_SERIES_SET = 7
SCRAPES_A_TRUNCATION = 40


def options_for(directory: Path) -> WalOptions:
    """Return options with small segments, so that a second sees many of them."""
    return WalOptions(directory, segment_bytes=32 << 10, fsync=FsyncPolicy.COMMIT)


def labels_of(scrape: int) -> list[Labels]:
    """Return the series of a scrape; they change every few scrapes."""
    change = scrape // SCRAPES_A_SERIES_SET
    return [metric("m", i=str(i)) for i in range(20 + change % 5)] + [metric("n", i=str(change))]


def bits_of(scrape: int) -> list[int]:
    """Return the values' bits: any at all, NaNs of all kinds among them."""
    rng = random.Random(scrape)
    return [rng.getrandbits(64) for _ in labels_of(scrape)]


async def write(directory: Path, first: int) -> None:
    log = structlog.wrap_logger(structlog.ReturnLogger())
    metrics = WalMetrics(CollectorRegistry())
    storage = AgentStorage(options_for(directory), metrics=metrics, clock=SystemClock(), log=log)
    async with storage, asyncio.TaskGroup() as tasks:
        target = Target(storage, labels_of(first))
        for scrape in count(first):
            if scrape % SCRAPES_A_SERIES_SET == 0:
                target = Target(storage, labels_of(scrape))
            bits = bits_of(scrape)
            target.scrape(array("d", struct.pack(f"={len(bits)}Q", *bits)), scrape)
            os.write(1, b"%d\n" % scrape)
            if scrape % SCRAPES_A_TRUNCATION == 0:
                tasks.create_task(storage.truncate(0))
            await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
