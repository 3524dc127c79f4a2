"""What each stage costs that touches a sample, in both twins: nanoseconds of CPU a sample.

The body is that of a real node_exporter, 507 samples. The requests are of the series of eight of
them. What has no twin (packing and unpacking) is there for scale.
"""

import gzip
import statistics
import time
from array import array
from collections.abc import Callable
from functools import partial
from types import ModuleType

import cramjam

from benchmarks import bodies
from promscrape import twins
from promscrape.exposition import _scanner_py
from promscrape.exposition.entries import SeriesEntry
from promscrape.exposition.text_format import parse
from promscrape.model.label_store import LabelStore
from promscrape.model.labels import Labels, ValidationScheme
from promscrape.scrape.unpack import gunzip
from promscrape.storage.remote import _encode_py
from promscrape.storage.remote.columns import Columns
from promscrape.storage.remote.series import LabelPipeline, RemoteSeries
from promscrape.storage.wal import _record_py
from promscrape.storage.wal.record_types import LoggedSeries

BODY = bodies.NODE_EXPORTER.encode()
ENTRIES = [entry for entry in parse(BODY) if isinstance(entry, SeriesEntry)]
VALUES = array("d", [entry.value for entry in ENTRIES])
EXPORTERS = 8
ROUNDS = 15
T_MS = 1_700_000_000_000
MOST_BYTES = 1 << 30


class _Named:
    """Knows the series of some node_exporters by their refs, which count from 1."""

    def named(self, ref: int) -> LoggedSeries:
        exporter, at = divmod(ref - 1, len(ENTRIES))
        own = {"job": "node", "instance": f"host{exporter}:9100"}
        return LoggedSeries(ref, Labels.from_map({**dict(ENTRIES[at].labels), **own}).wire)

    def rows_in(self, labels: LabelStore, refs: "array[int]") -> "array[int]":
        del labels
        return array("I", [0]) * len(refs)


def main() -> None:
    """Print the least and the median of some rounds, a stage a line."""
    packed = gzip.compress(BODY, 6)
    _show("gunzip", lambda: gunzip(packed, MOST_BYTES), len(ENTRIES))
    for twin in ("python", "cython") if twins.COMPILED else ("python",):
        _scan(twin)
        _log(twin)
        _send(twin)


def _module(plain: ModuleType, twin: str) -> ModuleType:
    if twin == "python":
        return plain
    from importlib import import_module  # noqa: PLC0415 - only where it was built

    return import_module(plain.__name__.replace("_py", "_c"))


def _scan(twin: str) -> None:
    scanner = _module(_scanner_py, twin).TextScanner
    known = scanner()
    known.scan(BODY)
    alternating = [BODY, BODY.replace(b"node_load1 ", b"node_load1x ")]
    _show(f"{twin}: scan, cold", lambda: scanner().scan(BODY), len(ENTRIES))
    _show(f"{twin}: scan, warm", lambda: known.scan(BODY), len(ENTRIES))
    _show(
        f"{twin}: scan, one series changed",
        lambda: [known.scan(body) for body in alternating],
        2 * len(ENTRIES),
    )


def _log(twin: str) -> None:
    module = _module(_record_py, twin)
    layout = module.SampleLayout(1, array("Q", range(1, len(ENTRIES) + 1)))
    record = module.samples_head(1, T_MS) + bytes(layout.encode(VALUES))
    decoder = module.SampleDecoder()
    _show(f"{twin}: log, encode", lambda: layout.encode(VALUES), len(ENTRIES))
    _show(f"{twin}: log, decode", lambda: decoder.decode(record).values(), len(ENTRIES))


def _send(twin: str) -> None:
    series = RemoteSeries(LabelPipeline({}, (), ValidationScheme.UTF8))
    refs = array("Q", range(1, EXPORTERS * len(ENTRIES) + 1))
    rows = series.rows(refs, _Named()).rows
    columns = Columns(rows, array("q", [T_MS]) * len(rows), VALUES * EXPORTERS)
    encoder = _module(_encode_py, twin).Encoder(series)
    for version, encode in (("1.0", encoder.encode_v1), ("2.0", encoder.encode_v2)):
        message = encode(columns)
        _show(f"{twin}: remote write {version}", partial(encode, columns), len(rows))
        if twin == "python":
            pack = partial(cramjam.snappy.compress_raw, message)
            _show(f"snappy, {version}", pack, len(rows))


def _show(what: str, work: Callable[[], object], samples: int) -> None:
    spent = []
    for _ in range(ROUNDS):
        started = time.process_time_ns()
        work()
        spent.append((time.process_time_ns() - started) / samples)
    print(f"{what:36} {statistics.median(spent):10.1f} ns a sample (least {min(spent):.1f})")
