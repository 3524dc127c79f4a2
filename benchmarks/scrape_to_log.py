"""What a sample costs from the body to the log, without the request: cold, warm, and changing.

Fifty targets expose a real node_exporter body of 507 samples. `cold` is the first scrape, `warm`
one with the same series and other numbers, `1 %` and `10 %` ones in which so many of the lines
are of series that the last scrape did not have.
"""

import asyncio
import statistics
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import SystemClock
from promscrape.config.scrape import ScrapeConfig
from promscrape.exposition.body_format import PROTOBUF
from promscrape.exposition.reader import BodyReader
from promscrape.exposition.scanner import TextScanner
from promscrape.exposition.text_format import PROMETHEUS_TEXT, parse
from promscrape.model.labels import Labels
from promscrape.scrape.cache import SeriesCache
from promscrape.scrape.ingest import Ingest
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.transaction import Transaction
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import WalOptions

BODY_PATH = Path(__file__).parents[1] / "tests" / "data" / "node_exporter.txt"
BODY = BODY_PATH.read_bytes()
PROTOBUF_BODY = BODY_PATH.with_name("prometheus.pb").read_bytes()
# The number zero as the field of a counter, a gauge or a quantile, and what it becomes.
_ZERO, _ONE = b"\x09" + struct.pack("<d", 0), b"\x09" + struct.pack("<d", 1)
SAMPLES = sum(1 for line in BODY.splitlines() if not line.startswith(b"#"))
TARGETS = 50
ROUNDS = 10
START_MS = 1_700_000_000_000


def main() -> None:
    """Print nanoseconds of CPU a sample, a figure a line."""
    scanner = TextScanner()
    scanner.scan(BODY)
    _show("parse, for scale", lambda: sum(1 for _ in parse(BODY, PROMETHEUS_TEXT)), SAMPLES)
    _show("scan, warm", lambda: scanner.scan(BODY), SAMPLES)
    protobuf = BodyReader()
    bodies = cycle([PROTOBUF_BODY, PROTOBUF_BODY.replace(_ZERO, _ONE)])
    protobuf_samples = len(protobuf.scan(next(bodies), PROTOBUF).series)
    _show("scan protobuf, warm", lambda: protobuf.scan(next(bodies), PROTOBUF), protobuf_samples)
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_scrapes(Path(directory)))


async def _scrapes(directory: Path) -> None:
    log = structlog.get_logger()
    metrics, wal_metrics = ScrapeMetrics(CollectorRegistry()), WalMetrics(CollectorRegistry())
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    storage = AgentStorage(WalOptions(directory), metrics=wal_metrics, clock=SystemClock(), log=log)
    async with storage:
        targets = [
            Ingest(
                ScrapeConfig(job_name="node"),
                Labels.from_map({"job": "node", "instance": f"host{number}:9100"}),
                SeriesCache(labels=storage.labels),
                metrics,
                log,
            )
            for number in range(TARGETS)
        ]
        times = count(START_MS, 1000)

        def scrape(body: bytes) -> None:
            t_ms = next(times)
            for target in targets:
                transaction = Transaction.open(storage, t_ms)
                columns = target.scan(body, PROMETHEUS_TEXT)
                ingested = target.append(transaction, columns, t_ms)
                assert ingested.error is None
                transaction.appender.commit()

        _show("body to log, cold", lambda: scrape(BODY), SAMPLES * TARGETS, rounds=1)
        _show("body to log, warm", lambda: scrape(BODY), SAMPLES * TARGETS)
        for percent in (1, 10):
            bodies = _churning(percent)
            label = f"body to log, {percent} % changing"
            _show(label, lambda bodies=bodies: scrape(next(bodies)), SAMPLES * TARGETS)  # type: ignore[misc]  # bound early


def _churning(percent: int) -> Iterator[bytes]:
    """Yield bodies in which this share of the samples is of series never seen before."""
    lines = BODY.splitlines(keepends=True)
    samples = [index for index, line in enumerate(lines) if not line.startswith(b"#")]
    chosen = samples[:: 100 // percent]
    for generation in count():
        changed = list(lines)
        for index in chosen:
            value = lines[index].rpartition(b" ")[2]
            changed[index] = b"churn_%d_%d %s" % (generation, index, value)
        yield b"".join(changed)


def _show(what: str, work: Callable[[], object], samples: int, rounds: int = ROUNDS) -> None:
    spent = []
    for _ in range(rounds):
        started = time.process_time_ns()
        work()
        spent.append((time.process_time_ns() - started) / samples)
    print(f"{what:32} {statistics.median(spent):10.0f} ns a sample (least {min(spent):.0f})")
