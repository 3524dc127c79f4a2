"""Bodies of version 1.0: what they unpack to, how long they are, and what is kept for them."""

import gc
import re
from array import array
from collections.abc import Sequence
from pathlib import Path

import cramjam
import pytest

from promscrape.model.labels import Labels
from promscrape.storage.remote import request_body
from promscrape.storage.remote.batch import Part, columns_of
from promscrape.storage.remote.encode import Encoder
from promscrape.storage.remote.progress import Progress
from promscrape.storage.remote.request_body import BodyWriter
from promscrape.storage.remote.series import RemoteSeries
from promscrape.storage.wal.tail import Position
from tests.support.clock import ManualClock
from tests.support.remote_queue import destination, named, running
from tests.support.remote_series import NamedSeries, remote_series
from tests.support.wal import Target, histogram

NOW_MS = 1_700_000_000_000
TICKET = Progress(Position(0, 0)).begin(Position(0, 1), 0)
NODE_EXPORTER = Path(__file__).parents[3] / "data" / "node_exporter.txt"


class Bench:
    """A writer, and an encoder that says what its bodies have to unpack to."""

    def __init__(self) -> None:
        self.series: RemoteSeries = remote_series()
        self.plain = Encoder(self.series)
        self.writer = BodyWriter(self.series, Encoder(self.series))

    def rows(self, labels: Sequence[Labels]) -> "array[int]":
        refs = array("Q", range(1, len(labels) + 1))
        return self.series.rows(refs, NamedSeries(*labels)).rows

    def body(self, *parts: Part) -> bytes:
        """Return the body, which is checked."""
        body = self.writer.body(parts)
        wanted = self.plain.encode_v1(columns_of(parts))
        assert bytes(cramjam.snappy.decompress_raw(body)) == wanted
        return body

    def packed(self, *parts: Part) -> bytes:
        """Return the body that is made without templates."""
        return self.plain.pack(columns_of(parts), is_v2=False)


def part_of(rows: "array[int]", values: Sequence[float], t_ms: int) -> Part:
    return Part(TICKET, rows, array("d", values), t_ms, source=rows)


def series_of(count: int, job: str = "node") -> list[Labels]:
    return [
        Labels.from_map({"__name__": f"metric_{n // 8}", "cpu": str(n % 8), "job": job})
        for n in range(count)
    ]


def exposed(text: str) -> tuple[list[Labels], list[float]]:
    """Return the series of an exposition as they are sent, and their values."""
    labels, values = list[Labels](), list[float]()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        series, _, value = line.rpartition(" ")
        name, _, pairs = series.partition("{")
        own = dict(re.findall(r'(\w+)="([^"]*)"', pairs))
        labels.append(
            Labels.from_map({"__name__": name, "instance": "localhost:9100", "job": "node", **own})
        )
        values.append(float(value))
    return labels, values


def test_rows_that_come_again_are_written_from_a_template() -> None:
    """The first time they are not: what comes once is not worth one."""
    bench = Bench()
    rows = bench.rows(series_of(300))
    first = [part_of(rows, [n % 7 for n in range(300)], NOW_MS)]
    assert bench.body(*first) == bench.packed(*first)
    assert bench.writer.memory == 0
    for at in range(1, 4):
        bench.body(part_of(rows, [n % (7 + at) / at for n in range(300)], NOW_MS + at))
    assert bench.writer.memory > 0


@pytest.mark.parametrize("limit", [1, 7, 100, 129, 2000])
def test_batches_may_be_cut_anywhere(limit: int) -> None:
    """7.3: a batch ends where it is full, also in the middle of a scrape."""
    bench = Bench()
    rows = bench.rows(series_of(500))
    for at in range(3):
        whole = part_of(rows, [(n * at) % 11 for n in range(500)], NOW_MS + at)
        for start in range(0, 500, limit):
            bench.body(whole.between(start, start + limit))


def test_a_template_grows_as_far_as_rows_are_sent() -> None:
    """A target of a million series must not hold up the event loop for all of them at once."""
    bench = Bench()
    rows = bench.rows(series_of(9000))
    bench.body(part_of(rows, [1.5] * 9000, NOW_MS))
    whole = part_of(rows, [2.5 + n % 3 for n in range(9000)], NOW_MS + 1)
    bench.body(whole.between(0, 10))
    a_little = bench.writer.memory
    for start in range(0, 9000, 1700):
        bench.body(whole.between(start, start + 1700))
    assert bench.writer.memory > 3 * a_little > 0


def test_parts_of_all_kinds_go_into_one_body() -> None:
    """In their order: histograms, times of their own and rows that come once among others."""
    bench = Bench()
    rows, others = bench.rows(series_of(200)), bench.rows(series_of(200))
    with_histogram = Part(
        TICKET, others[:3], array("d", [0, 0, 5]), NOW_MS, histograms={1: histogram(total=3)}
    )
    with_times = Part(
        TICKET, rows, array("d", [4] * 200), NOW_MS, array("q", range(200)), source=rows
    )
    at_zero = part_of(rows, [8] * 200, 0)
    for at in range(3):
        again = part_of(rows, [n % 5 for n in range(200)], NOW_MS + at)
        once = part_of(bench.rows(series_of(200)), [9] * 200, NOW_MS + at)
        bench.body(
            again, with_histogram, once, again.between(90, 150), with_times, at_zero,
            again.between(20, 200), part_of(others, list(range(200)), NOW_MS + at),
        )  # fmt: skip


def test_a_template_goes_with_its_array() -> None:
    """Nothing else says that a list of series is out of use."""
    bench = Bench()
    rows = bench.rows(series_of(200))
    for at in range(2):
        bench.body(part_of(rows, [at] * 200, NOW_MS + at))
    assert bench.writer.memory > 0
    del rows
    gc.collect()
    assert bench.writer.memory == 0


def test_templates_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Series beyond it are encoded and packed each time, until others go."""
    monkeypatch.setattr(request_body, "MAX_TEMPLATE_BYTES", 1)
    bench = Bench()
    one, other = bench.rows(series_of(200)), bench.rows(series_of(200))
    for at in range(2):
        bench.body(part_of(one, [at] * 200, NOW_MS + at))
    memory = bench.writer.memory
    for at in range(3):
        part = part_of(other, [at] * 200, NOW_MS + at)
        assert bench.body(part) == bench.packed(part)
    assert bench.writer.memory == memory
    del one
    gc.collect()
    bench.body(part_of(other, [7] * 200, NOW_MS + 7))
    assert bench.writer.memory > 0


def test_nothing_is_kept_of_rows_that_may_stand_for_others() -> None:
    """A row that was let go is given to the next series."""
    bench = Bench()
    rows = bench.rows(series_of(200))
    for at in range(2):
        bench.body(part_of(rows, [at] * 200, NOW_MS + at))
    bench.series.layout += 1
    bench.body(part_of(rows, [5] * 200, NOW_MS + 5))
    assert bench.writer.memory == 0


def test_small_targets_are_packed_together() -> None:
    """Each by itself would be spelled out: twice the traffic, to save a fiftieth of the CPU."""
    bench = Bench()
    rows = [bench.rows(series_of(25)) for _ in range(8)]
    for at in range(3):
        parts = [part_of(own, [at] * 25, NOW_MS + at) for own in rows]
        assert bench.writer.body(parts) == bench.packed(*parts)
    assert bench.writer.memory == 0


def test_series_that_are_too_long_are_sent_as_ever() -> None:
    """There is no limit on the labels of a series but what its configuration says."""
    bench = Bench()
    rows = bench.rows([*series_of(200), Labels.from_map({"a": "x" * 70_000})])
    for at in range(3):
        bench.body(part_of(rows, [at] * 201, NOW_MS + at))
    assert bench.writer.memory == 0


def test_bodies_from_templates_are_about_as_long_as_others() -> None:
    """A real exporter's body; what is saved in CPU must not be paid for in traffic."""
    bench = Bench()
    labels, values = exposed(NODE_EXPORTER.read_text())
    rows = bench.rows(labels)
    bench.body(part_of(rows, values, NOW_MS))
    again = part_of(rows, values, NOW_MS + 15_000)
    assert len(bench.body(again)) < 1.05 * len(bench.packed(again))


async def test_a_queue_writes_scrapes_from_templates(tmp_path: Path) -> None:
    """Also where `write_relabel_configs` leave something out; what gets there is as before."""
    clock, names = ManualClock(), [f"m{n}" for n in range(200)]
    rule = {"source_labels": ["__name__"], "regex": "m7|m8", "action": "drop"}
    config = destination(write_relabel_configs=[rule], queue_config={"max_samples_per_send": 160})
    async with running(tmp_path, config, clock=clock) as bench:
        target = Target(bench.storage, named(*names))
        for at in range(5):
            target.scrape([at * n % 3 for n in range(200)], NOW_MS + at)
            await clock.advance(0)
        await clock.advance(6)
        (one,) = bench.remote._destinations.values()
        assert one._queue.delivery._bodies.memory > 0
        assert bench.peer.samples() == {
            name: [(NOW_MS + at, at * n % 3) for at in range(5)]
            for n, name in enumerate(names)
            if name not in ("m7", "m8")
        }
