import struct
from array import array
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promscrape.errors import MalformedRecord
from promscrape.model.exemplar import Exemplar
from promscrape.model.histogram import CounterReset, Histogram, Span
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.storage.wal.histogram_record import (
    decode_histograms,
    encode_histograms,
    encode_histograms_v2,
)
from promscrape.storage.wal.record import (
    SampleDecoder,
    SampleLayout,
    decode_series,
    encode_samples,
    encode_series,
    samples_head,
)
from promscrape.storage.wal.record_types import (
    LoggedExemplar,
    LoggedHistogram,
    LoggedMetadata,
    LoggedSeries,
)
from promscrape.storage.wal.sparse_record import (
    decode_exemplars,
    decode_metadata,
    decode_tombstones,
    encode_exemplars,
    encode_metadata,
)

REFS = st.integers(1, (1 << 64) - 1)
TIMES = st.integers(-(1 << 63), (1 << 63) - 1)
BITS = st.one_of(
    st.integers(0, (1 << 64) - 1), st.sampled_from([0x7FF0000000000002, 0x7FF8000000000001])
)
FLOATS = st.floats(allow_nan=False)
TEXTS = st.text(max_size=20)
LABELS = st.lists(st.tuples(TEXTS, TEXTS), max_size=5).map(Labels.from_pairs)


@st.composite
def refs_of_a_scrape(draw: st.DrawFn) -> list[int]:
    """Return refs that ascend with gaps, and now and then jump."""
    ref = draw(st.integers(1, 1 << 40))
    refs: list[int] = []
    for _ in range(draw(st.integers(1, 6))):
        refs += range(ref, ref + draw(st.integers(1, 90)))
        ref = max(1, refs[-1] + draw(st.one_of(st.integers(1, 3), st.integers(-200_000, 200_000))))
    return refs


def values_of(refs: Sequence[int], seed: int) -> "array[float]":
    return array("d", struct.pack("=Q", seed) * len(refs))


@given(refs_of_a_scrape(), TIMES, BITS)
def test_a_layout_writes_what_the_plain_way_writes(refs: list[int], t_ms: int, seed: int) -> None:
    """S4, S18: whatever the distances between the refs, and whatever the bits of the values."""
    values = values_of(refs, seed)
    plain = encode_samples(refs, [t_ms] * len(refs), values)
    layout = SampleLayout(refs[0], refs)
    assert samples_head(refs[0], t_ms) + layout.encode(values) == plain
    columns = SampleDecoder().decode(plain)
    assert list(columns.refs) == refs
    assert (columns.base_ms, columns.offsets_ms) == (t_ms, None)
    assert columns.values().tobytes() == values.tobytes()


@given(st.lists(st.tuples(REFS, TIMES, BITS), min_size=1, max_size=60))
def test_samples_are_read_as_they_were_written(rows: list[tuple[int, int, int]]) -> None:
    """Storage 2.10: distances wrap at 64 bits, as Go's do."""
    refs, times, bits = zip(*rows, strict=True)
    values = array("d", struct.pack(f"={len(rows)}Q", *bits))
    columns = SampleDecoder().decode(encode_samples(refs, times, values))
    assert tuple(columns.refs) == refs
    assert tuple(columns.timestamps_ms()) == times
    assert columns.values().tobytes() == values.tobytes()


@given(refs_of_a_scrape(), st.lists(TIMES, min_size=1, max_size=4))
def test_a_decoder_does_not_mix_records_up(refs: list[int], times: list[int]) -> None:
    """What it remembers is found again by all that distinguishes two records."""
    decoder = SampleDecoder()
    for t_ms in times:
        for some in (refs, refs[1:] or refs, [ref + 1 for ref in refs]):
            record = encode_samples(some, [t_ms] * len(some), values_of(some, t_ms & 255))
            columns = decoder.decode(record)
            assert list(columns.refs) == some
            assert columns.timestamps_ms() == array("q", [t_ms]) * len(some)


@given(st.lists(st.tuples(REFS, LABELS), max_size=8))
def test_series_are_read_as_they_were_written(entries: list[tuple[int, Labels]]) -> None:
    """S2: any label set, the empty one too."""
    series = [LoggedSeries(ref, labels.wire) for ref, labels in entries]
    assert decode_series(encode_series(series)) == series


EXEMPLARS = st.builds(LoggedExemplar, REFS, st.builds(Exemplar, LABELS, FLOATS, TIMES))
METADATA = st.builds(
    LoggedMetadata, REFS, st.builds(Metadata, st.sampled_from(MetricType), TEXTS, TEXTS)
)
SPANS = st.lists(st.builds(Span, st.integers(-99, 99), st.integers(0, 99)), max_size=4).map(tuple)


@st.composite
def histograms(draw: st.DrawFn, *, is_float: bool) -> Histogram:
    count = FLOATS if is_float else st.integers(0, (1 << 64) - 1)
    bucket = st.lists(FLOATS if is_float else TIMES, max_size=5).map(tuple)
    schema = draw(st.sampled_from([-53, -4, 0, 8, 20]))
    return Histogram(
        is_float=is_float,
        counter_reset=draw(st.sampled_from(CounterReset)),
        schema=schema,
        zero_threshold=draw(FLOATS),
        zero_count=draw(count),
        count=draw(count),
        sum=draw(FLOATS),
        positive_spans=draw(SPANS),
        negative_spans=draw(SPANS),
        positive_buckets=draw(bucket),
        negative_buckets=draw(bucket),
        custom_bounds=tuple(draw(st.lists(FLOATS, max_size=4))) if schema == -53 else (),
    )


def logged_histograms(*, is_float: bool) -> st.SearchStrategy[list[LoggedHistogram]]:
    kind = histograms(is_float=is_float)
    return st.lists(st.builds(LoggedHistogram, REFS, TIMES, kind, TIMES), min_size=1, max_size=4)


@given(st.one_of(logged_histograms(is_float=False), logged_histograms(is_float=True)))
def test_histograms_are_read_as_they_were_written(entries: list[LoggedHistogram]) -> None:
    """S17, storage 2.12: with their starts in the second version, without in the first."""
    assert decode_histograms(encode_histograms_v2(entries)) == entries
    first = [entry for record in encode_histograms(entries) for entry in decode_histograms(record)]
    key = repr
    without = [LoggedHistogram(entry.ref, entry.t_ms, entry.histogram) for entry in entries]
    assert sorted(first, key=key) == sorted(without, key=key)


@given(st.lists(EXEMPLARS, min_size=1, max_size=5), st.lists(METADATA, max_size=5))
def test_exemplars_and_metadata_are_read_as_they_were_written(
    exemplars: list[LoggedExemplar], metadata: list[LoggedMetadata]
) -> None:
    """S7, S8."""
    assert decode_exemplars(encode_exemplars(exemplars)) == exemplars
    assert decode_metadata(encode_metadata(metadata)) == metadata


def read_samples(record: bytes) -> None:
    columns = SampleDecoder().decode(record)
    assert len(columns.values()) == len(columns.timestamps_ms()) == len(columns.refs)


READERS: list[tuple[int, Callable[[bytes], object]]] = [
    (1, decode_series),
    (2, read_samples),
    (3, decode_tombstones),
    (4, decode_exemplars),
    (6, decode_metadata),
    *[(type_, decode_histograms) for type_ in (7, 8, 9, 10, 12, 13)],
    (11, read_samples),
]


@pytest.mark.parametrize(("type_", "read"), READERS, ids=[str(type_) for type_, _ in READERS])
@given(body=st.binary(max_size=300))
def test_noise_is_read_or_refused(type_: int, read: Callable[[bytes], object], body: bytes) -> None:
    """Storage 5.4: a decoder never crashes and never loops, whatever a checksum let through."""
    with suppress(MalformedRecord):
        read(bytes((type_,)) + body)


@given(refs_of_a_scrape(), BITS, st.data())
def test_a_changed_byte_of_a_record_is_read_or_refused(
    refs: list[int], seed: int, data: st.DataObject
) -> None:
    """Storage 5.4: records near to good ones take other paths than noise does."""
    record = bytearray(encode_samples(refs, [5] * len(refs), values_of(refs, seed)))
    record[data.draw(st.integers(1, len(record) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(MalformedRecord):
        read_samples(bytes(record))
