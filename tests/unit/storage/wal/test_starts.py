"""What becomes of start timestamps: zeros, or records that hold them (S17, storage 2.11)."""

from array import array
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from promscrape.model.histogram import CounterReset, Histogram
from promscrape.model.histogram_check import check_histogram
from promscrape.storage.interface import Batch
from promscrape.storage.wal.appender import WalAppender
from promscrape.storage.wal.histogram_record import decode_histograms
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record_types import LoggedHistogram, RecordType
from promscrape.storage.wal.started_record import encode_started
from promscrape.storage.wal.tail import Floats
from tests.support.wal import Log, batch_of, bits, histogram, logged_samples, logged_types, metric

A, B = metric("a"), metric("b")
HOUR_MS = 3_600_000


class Started:
    """A target whose scrapes have starts, on a log that does something with them."""

    def __init__(self, directory: Path, *, zero_age_ms: int = 0, logs_starts: bool = False) -> None:
        self.log = Log(directory)
        self._parts = replace(self.log.parts, zero_age_ms=zero_age_ms, logs_starts=logs_starts)
        self._refs = array("Q", [0, 0])

    def scrape(
        self,
        starts: Iterable[int],
        t_ms: int,
        histograms: dict[int, Histogram] | None = None,
        *,
        commits: bool = True,
    ) -> None:
        appender = WalAppender(self._parts)
        values = [0.0 if place in (histograms or {}) else 5.0 for place in range(2)]
        batch: Batch = batch_of(
            self.log.generation,
            [A, B],
            values,
            t_ms,
            refs=self._refs,
            starts=starts,
            histograms=histograms,
        )
        batch.refs = self._refs
        appended = appender.append(batch)
        assert appended.codes is None
        self._refs = appended.refs
        if commits:
            appender.commit()
        else:
            appender.rollback()

    def samples(self) -> dict[str, list[tuple[int, int]]]:
        return {name: list(found) for name, found in logged_samples(self.log.directory).items()}

    def histograms(self) -> list[LoggedHistogram]:
        records = [logged.framed.record for logged in read_log(self.log.directory)]
        return [
            found
            for record in records
            if record[0] in range(RecordType.HISTOGRAMS, RecordType.CUSTOM_FLOAT_HISTOGRAMS + 1)
            or record[0] > RecordType.SAMPLES_V2
            for found in decode_histograms(record)
        ]


def test_a_counter_begins_with_a_zero_where_it_started(tmp_path: Path) -> None:
    """S17: once; what has no start has no zero."""
    target = Started(tmp_path, zero_age_ms=HOUR_MS)
    for t_ms in (2000, 3000, 4000):
        target.scrape([1000, 0], t_ms)
    five = [(t_ms, bits(5.0)) for t_ms in (2000, 3000, 4000)]
    assert target.samples() == {str(A): [(1000, bits(0.0)), *five], str(B): five}


def test_a_counter_that_started_anew_gets_another_zero(tmp_path: Path) -> None:
    """S17: between the last sample and the next one."""
    target = Started(tmp_path, zero_age_ms=HOUR_MS)
    target.scrape([0, 0], 2000)
    target.scrape([2500, 2000], 3000)
    assert target.samples()[str(A)] == [
        (2000, bits(5.0)),
        (2500, bits(0.0)),
        (3000, bits(5.0)),
    ]
    assert target.samples()[str(B)] == [(2000, bits(5.0)), (3000, bits(5.0))]


@pytest.mark.parametrize("start_ms", [5_000_000, 5_000_001, 5_000_000 - HOUR_MS - 1])
def test_a_start_that_is_not_before_the_sample_or_too_old_is_skipped(
    tmp_path: Path, start_ms: int
) -> None:
    """S17: the sample stands."""
    target = Started(tmp_path, zero_age_ms=HOUR_MS)
    target.scrape([start_ms, 0], 5_000_000)
    assert target.samples()[str(A)] == [(5_000_000, bits(5.0))]


def test_a_zero_that_was_rolled_back_comes_with_the_next_scrape(tmp_path: Path) -> None:
    """L10: a failed scrape leaves nothing of itself behind."""
    target = Started(tmp_path, zero_age_ms=HOUR_MS)
    target.scrape([1000, 0], 2000, commits=False)
    target.scrape([1000, 0], 3000)
    assert target.samples()[str(A)] == [(1000, bits(0.0)), (3000, bits(5.0))]


@pytest.mark.parametrize("is_float", [False, True])
@pytest.mark.parametrize("schema", [2, -53])
def test_a_histogram_begins_empty(
    tmp_path: Path,
    schema: int,
    is_float: bool,  # noqa: FBT001 - a parameter
) -> None:
    """S17: with the schema, the zero threshold and the bounds of the sample, and a reset."""
    target, sample = (
        Started(tmp_path, zero_age_ms=HOUR_MS),
        histogram(schema=schema, is_float=is_float),
    )
    target.scrape([1000, 0], 2000, {0: sample})
    target.scrape([1000, 0], 3000, {0: sample})
    empty, first, second = target.histograms()
    if schema != -53:  # The test's own histogram is none: it has a zero bucket.
        check_histogram(empty.histogram)
    assert [each.t_ms for each in (empty, first, second)] == [1000, 2000, 3000]
    found = empty.histogram
    assert (found.count, found.counter_reset) == (0, CounterReset.RESET)
    assert (found.schema, found.zero_threshold, found.custom_bounds, found.is_float) == (
        schema,
        sample.zero_threshold,
        sample.custom_bounds,
        is_float,
    )


def test_without_the_features_starts_are_dropped(tmp_path: Path) -> None:
    """S16: and the log is what Prometheus 2 can read."""
    target = Started(tmp_path)
    target.scrape([1000, 0], 2000)
    assert logged_types(target.log.directory) == [RecordType.SERIES, RecordType.SAMPLES]
    assert len(target.samples()[str(A)]) == 1


def test_starts_are_logged_where_that_is_asked_for(tmp_path: Path) -> None:
    """Storage 2.11, 2.13: in the second version of the records, histograms of all kinds in two."""
    target = Started(tmp_path, logs_starts=True)
    target.scrape([1000, 1500], 2000, {1: histogram(schema=-53)})
    target.scrape([1000, 1500], 3000, {0: histogram(is_float=True)})
    assert logged_types(target.log.directory) == [
        RecordType.SERIES,
        RecordType.SAMPLES_V2,
        RecordType.HISTOGRAMS_V2,
        RecordType.SAMPLES_V2,
        RecordType.FLOAT_HISTOGRAMS_V2,
    ]
    assert [(each.t_ms, each.start_ms) for each in target.histograms()] == [
        (2000, 1500),
        (3000, 1000),
    ]


@pytest.mark.parametrize(
    ("starts", "record"),
    [
        (None, "0b02d00f003ff00000000000000200004004000000000000"),
        (
            [500, 500, 600],
            "0b02d00fe8073ff00000000000000200014004000000000000020002c8014008000000000000",
        ),
    ],
)
def test_records_of_starts_are_laid_out_as_specified(starts: list[int] | None, record: str) -> None:
    """Storage S5, S6: by hand."""
    values = [1.0, 2.5, 3.0][: 2 if starts is None else 3]
    floats = Floats(
        array("Q", range(1, len(values) + 1)),
        array("d", values),
        1000,
        starts=None if starts is None else array("q", starts),
    )
    assert encode_started([floats]).hex() == record
