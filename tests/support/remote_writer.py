"""A process that scrapes into a log and sends it on, for tests that end it in the middle.

    python -m tests.support.remote_writer DIRECTORY URL FIRST_SCRAPE MESSAGE SECONDS_BETWEEN_SCRAPES

It writes the number of each scrape to its standard output when the commit has returned. A scrape
is a quarter of a minute of the simulated time, and takes none. SIGTERM ends it in order.
"""

import asyncio
import os
import signal
import sys
from itertools import count
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import SystemClock
from promscrape.config.dump import dump_destination
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.storage.remote.client import WriteClient
from promscrape.storage.remote.config import RemoteWriteConfig
from promscrape.storage.remote.remote_storage import Entry, RemoteOptions, RemoteStorage
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from tests.support.remote_queue import destination
from tests.support.wal import Target, metric

BEGIN_MS = 1_700_000_000_000
INTERVAL_MS = 15_000
SERIES = 40


def labels() -> list[Labels]:
    return [metric("m", i=str(i)) for i in range(SERIES)]


def time_of(scrape: int) -> int:
    return BEGIN_MS + INTERVAL_MS * scrape


async def write(directory: Path, url: str, first: int, message: str, pause_s: float) -> None:
    log = structlog.wrap_logger(structlog.ReturnLogger())
    clock, metrics = SystemClock(), WalMetrics(CollectorRegistry())
    config = destination(
        url=url,
        protobuf_message=message,
        queue_config={"max_samples_per_send": 500, "batch_send_deadline": "50ms"},
    )
    ending = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)

    def make_sender(entry: RemoteWriteConfig) -> WriteClient:
        return WriteClient(entry, "promscrape/test", clock=clock, log=log)

    storage = AgentStorage(
        WalOptions(directory, segment_bytes=256 << 10), metrics=metrics, clock=clock, log=log
    )
    async with storage:
        remote = RemoteStorage(
            storage,
            metrics,
            RemoteOptions(directory, make_sender, flush_deadline_s=60.0),
            registry=CollectorRegistry(),
            clock=clock,
            log=log,
        )
        async with remote:
            await remote.apply([Entry(config, dump_destination(config))], {}, ValidationScheme.UTF8)
            target = Target(storage, labels())
            for scrape in count(first):
                target.scrape([scrape * 1000.0 + i for i in range(SERIES)], time_of(scrape))
                os.write(1, b"%d\n" % scrape)
                await asyncio.sleep(pause_s)
                if ending.is_set():
                    break


if __name__ == "__main__":
    _, directory, url, first, message, pause_s = sys.argv
    asyncio.run(write(Path(directory), url, int(first), message, float(pause_s)))
