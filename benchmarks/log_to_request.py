"""What a sample costs from the log's commit to a finished request of remote write, and its bytes.

A hundred targets of a real node_exporter body are committed round by round, as scrapes do in the
steady state, with values of which two fifths move. The peer takes whatever comes, at once. The
commits' own time is measured apart, and left out.
"""

import asyncio
import re
import tempfile
import time
from pathlib import Path
from typing import final

import structlog
from prometheus_client import CollectorRegistry

from benchmarks.bodies import NODE_EXPORTER, generations
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
from tests.support.wal import Target

TARGETS, ROUNDS, VALUES = 100, 10, 4
START_MS = 1_700_000_000_000
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


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


def _samples(text: str) -> list[tuple[str, float]]:
    """Return the series text and the value of each sample."""
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return [(series, float(value)) for series, _, value in lines]


def _series(texts: list[str], target: int) -> list[Labels]:
    """Return what a target's series are called, each with its instance and job."""
    own = {"instance": f"127.0.0.1:{20_000 + target}", "job": "node"}
    found = []
    for text in texts:
        name, _, labels = text.partition("{")
        found.append(Labels.from_map({**own, "__name__": name, **dict(_LABEL.findall(labels))}))
    return found


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
            samples = [
                _samples(body.plain.decode()) for body in generations(NODE_EXPORTER, count=VALUES)
            ]
            texts = [text for text, _ in samples[0]]
            values = [[value for _, value in some] for some in samples]
            targets = [Target(storage, _series(texts, n)) for n in range(TARGETS)]
            await _rounds(targets, values, sink, range(3))
            items, size = sink.items, sink.bytes
            with measured() as spent:
                commits_s = await _rounds(targets, values, sink, range(3, 3 + ROUNDS))
            items, size = sink.items - items, sink.bytes - size
    cost_ns = (spent.cpu_s - commits_s) / items * 1e9
    print(f"{message:<32} {cost_ns:7.0f} ns a sample {size / items:6.1f} bytes a sample")


async def _rounds(
    targets: list[Target], values: list[list[float]], sink: _Sink, rounds: range
) -> float:
    """Commit rounds, each taken by the sink before the next; return what the commits took."""
    commits_s = 0.0
    for at in rounds:
        for number, target in enumerate(targets):
            before_s = time.thread_time()
            target.scrape(values[(at + number) % VALUES], START_MS + 1000 * at)
            commits_s += time.thread_time() - before_s
            await asyncio.sleep(0)
        while sink.items < (at + 1) * TARGETS * len(values[0]):
            await asyncio.sleep(0.005)
    return commits_s


def main() -> None:
    for message in WriteMessage:
        with tempfile.TemporaryDirectory() as directory:
            asyncio.run(_run(Path(directory), message))
