"""What tests of the log need: targets that are scraped into it, and what it then says."""

import asyncio
import resource
import struct
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, final

import structlog
from prometheus_client import CollectorRegistry

from promscrape.clock import Clock
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import CounterReset, Histogram, Span
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata
from promscrape.storage.interface import Appended, Appender, Batch
from promscrape.storage.wal.agent import AgentStorage
from promscrape.storage.wal.appender import WalAppender, WalParts
from promscrape.storage.wal.compression import Compression
from promscrape.storage.wal.holder import GivenUp
from promscrape.storage.wal.layout import LayoutCache
from promscrape.storage.wal.metrics import WalMetrics
from promscrape.storage.wal.options import FsyncPolicy, WalOptions
from promscrape.storage.wal.pace import Pace
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record import SampleDecoder, decode_series
from promscrape.storage.wal.record_types import RecordType, record_type
from promscrape.storage.wal.segment import SegmentWriter
from promscrape.storage.wal.series import SeriesTable
from promscrape.storage.wal.tail import LogTail, Position
from tests.support.clock import ManualClock

Samples: TypeAlias = Mapping[str, Sequence[tuple[int, int]]]
"""By the text of the labels: the samples' timestamps and the bits of their values."""

SEGMENT_BYTES = 64 << 10
BEGIN = Position(0, 0)


def metric(name: str, **labels: str) -> Labels:
    return Labels.from_map({"__name__": name, **labels})


def bits(value: float) -> int:
    number: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return number


def batch_of(
    generation: int,
    labels: Sequence[Labels],
    values: Iterable[float],
    t_ms: int,
    *,
    refs: Iterable[int] | None = None,
    timestamps: Iterable[int] | None = None,
    exemplars: Mapping[int, Sequence[Exemplar]] | None = None,
    histograms: Mapping[int, Histogram] | None = None,
    starts: Iterable[int] | None = None,
    metadata: Sequence[Metadata | None] | None = None,
    reject_out_of_order: bool = False,
) -> Batch:
    """Return a batch whose columns are given as anything that can be iterated."""
    return Batch(
        refs=array("Q", refs if refs is not None else [0] * len(labels)),
        labels=labels,
        values=array("d", values),
        t_ms=t_ms,
        generation=generation,
        timestamps=None if timestamps is None else array("q", timestamps),
        exemplars=exemplars or {},
        histograms=histograms or {},
        starts=None if starts is None else array("q", starts),
        metadata=metadata,
        reject_out_of_order=reject_out_of_order,
    )


def histogram(
    *, schema: int = 0, is_float: bool = False, total: float = 3, total_sum: float = 1.5
) -> Histogram:
    """Return a small histogram; schema -53 gets bounds."""
    return Histogram(
        is_float=is_float,
        counter_reset=CounterReset.NOT_RESET,
        schema=schema,
        zero_threshold=0.001,
        zero_count=1,
        count=total,
        sum=total_sum,
        positive_spans=(Span(-2, 2),),
        negative_spans=(Span(5, 1),),
        positive_buckets=(1, 1) if is_float else (1, 0),
        negative_buckets=(1,),
        custom_bounds=(0.5, 1.0) if schema == -53 else (),
    )


@final
class Log:
    """A log without its component: what appenders need, in one directory, with no event loop."""

    def __init__(
        self,
        directory: Path,
        *,
        first: int = 0,
        segment_bytes: int = 1 << 20,
        compression: Compression = Compression.SNAPPY,
        window_ms: int = 0,
        table: SeriesTable | None = None,
    ) -> None:
        self.directory = directory
        self.metrics = WalMetrics(CollectorRegistry())
        self.table = table or SeriesTable()
        self.writer = SegmentWriter(
            directory,
            first,
            segment_bytes=segment_bytes,
            compression=compression,
            metrics=self.metrics,
            clock=ManualClock(),
        )
        self.notices = 0
        self.tail = LogTail(self.writer.position, self.table)
        self.parts = WalParts(
            self.table,
            LayoutCache(),
            self.writer,
            self.metrics,
            window_ms,
            self._notice,
            self.tail,
        )

    def _notice(self) -> None:
        self.notices += 1

    @property
    def generation(self) -> int:
        return self.table.generation

    @property
    def labels(self) -> LabelStore:
        return self.table.labels

    def appender(self) -> WalAppender:
        return WalAppender(self.parts)


@final
class Target:
    """Series that are scraped together, with the handles that the storage gave for them."""

    def __init__(self, storage: Log | AgentStorage, labels: Sequence[Labels]) -> None:
        self._storage, self.labels = storage, list(labels)
        self.refs = array("Q", [0] * len(self.labels))
        self._generation = storage.generation

    def append(self, appender: Appender, values: Iterable[float], t_ms: int) -> Appended:
        batch = Batch(self.refs, self.labels, array("d", values), t_ms, self._generation)
        appended = appender.append(batch)
        self.refs, self._generation = appended.refs, appended.generation
        return appended

    def scrape(self, values: Iterable[float], t_ms: int) -> Appended:
        """Append and commit."""
        appender = self._storage.appender()
        appended = self.append(appender, values, t_ms)
        appender.commit()
        return appended


def open_storage(
    directory: Path,
    *,
    clock: Clock | None = None,
    segment_bytes: int = SEGMENT_BYTES,
    compression: Compression = Compression.SNAPPY,
    fsync: FsyncPolicy = FsyncPolicy.INTERVAL,
    window_ms: int = 0,
    from_memory: bool = False,
    max_bytes: int = 0,
    metrics: WalMetrics | None = None,
    use_lock_file: bool = True,
) -> AgentStorage:
    """Return a storage to enter, with small segments and a clock that stands still."""
    options = WalOptions(
        directory,
        segment_bytes=segment_bytes,
        compression=compression,
        fsync=fsync,
        out_of_order_window_ms=window_ms,
        checkpoint_from_memory=from_memory,
        use_lock_file=use_lock_file,
        max_bytes=max_bytes,
    )
    return AgentStorage(
        options,
        metrics=metrics or WalMetrics(CollectorRegistry()),
        clock=clock or ManualClock(),
        log=structlog.get_logger(),
    )


def no_pace() -> Pace:
    """Return a pace that never rests."""
    return Pace(ManualClock(), work_s=float("inf"), rest_s=0)


def logged_types(directory: Path) -> list[RecordType | None]:
    """Return the types of the log's records, in order."""
    return [record_type(logged.framed.record) for logged in read_log(directory)]


def logged_series(directory: Path) -> dict[int, str]:
    """Return the labels of each ref that the log names."""
    return {
        ref: str(Labels(wire))
        for logged in read_log(directory)
        if record_type(logged.framed.record) is RecordType.SERIES
        for ref, wire in decode_series(logged.framed.record)
    }


def logged_samples(directory: Path) -> Samples:
    """Return all float samples of the log; one whose series is not named before it is an error."""
    names: dict[int, str] = {}
    samples = defaultdict(list)
    decoder = SampleDecoder()
    for _, _, framed in read_log(directory):
        type_ = record_type(framed.record)
        if type_ is RecordType.SERIES:
            names |= {ref: str(Labels(wire)) for ref, wire in decode_series(framed.record)}
        elif type_ is RecordType.SAMPLES:
            columns = decoder.decode(framed.record)
            rows = zip(columns.refs, columns.timestamps_ms(), columns.values(), strict=True)
            for ref, t_ms, value in rows:
                samples[names[ref]].append((t_ms, bits(value)))
    return samples


@final
class Keeper:
    """Implements `storage.wal.holder.Holder` for a test."""

    def __init__(self, needed: Position = BEGIN, done_ms: int = 0) -> None:
        self.needed, self.done_ms = needed, done_ms
        self.given_up: list[GivenUp] = []

    def give_up(self, part: GivenUp) -> None:
        self.given_up.append(part)
        self.needed = part.position


async def until(condition: Callable[[], bool]) -> None:
    """Return once a worker thread has brought `condition` about; a test's timeout is the limit."""
    while not condition():
        await asyncio.sleep(0.001)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Make writes past `size` bytes of any file fail, as they do where the disk is full.

    The kernel writes what still fits, and refuses the rest: with EFBIG in place of ENOSPC.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
