"""What a sample costs from the log's commit to a finished request of remote write, and its bytes.

A hundred targets of 500 series are committed round by round, as scrapes do in the steady state.
The peer takes whatever comes, at once. The commits' own time is measured apart, and left out.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import final

import structlog
from prometheus_client import CollectorRegistry

from benchmarks.cpu import measured
from promscrape.clock import SystemClock
from promscrape.model.duration import Duration
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.model.url import URL
from promscrape.storage.remote.config import QueueConfig, RemoteWriteConfig, WriteMessage
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from promscrape.storage.remote.remote_storage import Entry, RemoteOptions, RemoteStorage
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions
from tests.support.wal import Target, metric

TARGETS, SERIES, ROUNDS = 100, 500, 10
START_MS = 1_700_000_000_000


@final
class _Sink:
    """Takes everything, and counts it."""

    def __init__(self) -> None:
        self.items = self.bytes = 0

    async def send(
        self, body: bytes, *, version: WriteMessage, attempt: int, counts: Counts
    ) -> Outcome:
        del version, attempt
        self.items += counts.items
        self.bytes += len(body)
        return Outcome(Verdict.ACCEPTED)

    async def close(self) -> None:
        return


def _series(target: int) -> list[Labels]:
    instance = f"host{target}:9100"
    return [
        metric(f"node_metric_{n}", instance=instance, job="node", cpu=str(n % 8))
        for n in range(SERIES)
    ]


async def _run(directory: Path, message: WriteMessage) -> None:
    clock, metrics, sink = SystemClock(), WalMetrics(CollectorRegistry()), _Sink()
    log = structlog.wrap_logger(structlog.ReturnLogger())
    config = RemoteWriteConfig(
        url=URL.parse("http://sink/"),
        protobuf_message=message,
        queue_config=QueueConfig(batch_send_deadline=Duration(20)),
    )
    storage = AgentStorage(WalOptions(directory), metrics=metrics, clock=clock, log=log)
    options = RemoteOptions(directory, lambda _: sink)
    async with storage:
        remote = RemoteStorage(
            storage, metrics, options, registry=CollectorRegistry(), clock=clock, log=log
        )
        async with remote:
            await remote.apply([Entry(config, "")], {}, ValidationScheme.UTF8)
            targets = [Target(storage, _series(n)) for n in range(TARGETS)]
            await _rounds(targets, sink, 0, 2)
            items, size = sink.items, sink.bytes
            with measured() as spent:
                commits_s = await _rounds(targets, sink, 2, ROUNDS)
            items, size = sink.items - items, sink.bytes - size
    cost_ns = (spent.cpu_s - commits_s) / items * 1e9
    print(f"{message:<32} {cost_ns:7.0f} ns a sample {size / items:6.1f} bytes a sample")


async def _rounds(targets: list[Target], sink: _Sink, first: int, rounds: int) -> float:
    """Commit rounds, each taken by the sink before the next; return what the commits took."""
    commits_s = 0.0
    for at in range(first, first + rounds):
        for number, target in enumerate(targets):
            before_s = time.thread_time()
            target.scrape([at * number + 0.5] * SERIES, START_MS + 1000 * at)
            commits_s += time.thread_time() - before_s
            await asyncio.sleep(0)
        while sink.items < (at + 1) * TARGETS * SERIES:
            await asyncio.sleep(0.005)
    return commits_s


def main() -> None:
    for message in WriteMessage:
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(_run(Path(directory), message))
