"""The records of native histograms.

    V1  type, ref0 u64, t0 i64, (varint ref - ref0, varint t - t0, histogram)*
    V2  type, first: varint ref, varint t, varint start, histogram
              next:  varint ref - previous ref, varint t - first t, marker, histogram

    histogram := reset hint u8, varint schema, f64 zero threshold, zero count, count, f64 sum,
                 spans, spans, buckets, buckets      positive ones first
                 and with schema -53 only: uvarint n, n times f64 upper bound
    spans     := uvarint n, n times (varint offset, uvarint length)
    buckets   := uvarint n, n times value

Types 7, 9 and 12 hold integers: counts are uvarints and bucket values varints, each the
difference to the bucket before. Types 8, 10 and 13 hold floats: counts and values are f64. In V1
custom buckets have types of their own, 9 and 10; in V2 they stand among the others. `marker` is
a `StartMarker`. Source: Prometheus tsdb/record/record.go.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence

from promscrape.model.histogram import CUSTOM_BUCKETS_SCHEMA, CounterReset, Histogram, Span
from promscrape.model.varint import uvarint
from promscrape.storage.wal.record_types import LoggedHistogram, RecordType, StartMarker
from promscrape.storage.wal.varint import Cursor, signed, varint

_HEAD = struct.Struct(">BQq")
_F64 = struct.Struct(">d")
_U64_MASK = (1 << 64) - 1
_HINTS = frozenset(CounterReset)
_FLOAT_TYPES = frozenset(
    {
        RecordType.FLOAT_HISTOGRAMS,
        RecordType.CUSTOM_FLOAT_HISTOGRAMS,
        RecordType.FLOAT_HISTOGRAMS_V2,
    }
)
_V2_TYPES = frozenset({RecordType.HISTOGRAMS_V2, RecordType.FLOAT_HISTOGRAMS_V2})
# In the order in which a commit logs them.
_V1_TYPES = (
    (RecordType.HISTOGRAMS, False, False),
    (RecordType.CUSTOM_HISTOGRAMS, False, True),
    (RecordType.FLOAT_HISTOGRAMS, True, False),
    (RecordType.CUSTOM_FLOAT_HISTOGRAMS, True, True),
)


def encode_histograms(histograms: Iterable[LoggedHistogram]) -> list[bytes]:
    """Return the V1 records for `histograms`, one for each type that occurs; starts are lost."""
    records = []
    everything = list(histograms)
    for type_, is_float, is_custom in _V1_TYPES:
        entries = [
            entry
            for entry in everything
            if entry.histogram.is_float is is_float
            and (entry.histogram.schema == CUSTOM_BUCKETS_SCHEMA) is is_custom
        ]
        if entries:
            records.append(_encode_v1(type_, entries))
    return records


def encode_started_histograms(histograms: Iterable[LoggedHistogram]) -> list[bytes]:
    """Return the V2 records for `histograms`, one for integers and one for floats."""
    everything = list(histograms)
    kinds = [
        [each for each in everything if each.histogram.is_float is kind] for kind in (False, True)
    ]
    return [encode_histograms_v2(kind) for kind in kinds if kind]


def _encode_v1(type_: RecordType, entries: Sequence[LoggedHistogram]) -> bytes:
    ref0, t0_ms = entries[0].ref, entries[0].t_ms
    record = bytearray(_HEAD.pack(type_, ref0, t0_ms))
    for entry in entries:
        record += varint(entry.ref - ref0) + varint(entry.t_ms - t0_ms)
        record += _encode_histogram(entry.histogram)
    return bytes(record)


def encode_histograms_v2(entries: Sequence[LoggedHistogram]) -> bytes:
    """Encode one histogram or more, all of integers or all of floats, with their starts."""
    first = previous = entries[0]
    is_float = first.histogram.is_float
    record = bytearray((RecordType.FLOAT_HISTOGRAMS_V2 if is_float else RecordType.HISTOGRAMS_V2,))
    record += varint(first.ref) + varint(first.t_ms) + varint(first.start_ms)
    record += _encode_histogram(first.histogram)
    for entry in entries[1:]:
        record += varint(entry.ref - previous.ref) + varint(entry.t_ms - first.t_ms)
        record += _encode_start(entry.start_ms, previous.start_ms, first.start_ms)
        record += _encode_histogram(entry.histogram)
        previous = entry
    return bytes(record)


def _encode_start(start_ms: int, previous_ms: int, first_ms: int) -> bytes:
    if start_ms == 0:
        return bytes((StartMarker.NONE,))
    if start_ms == previous_ms:
        return bytes((StartMarker.SAME,))
    return bytes((StartMarker.EXPLICIT,)) + varint(start_ms - first_ms)


def _encode_histogram(histogram: Histogram) -> bytes:
    count, bucket = (_F64.pack, _F64.pack) if histogram.is_float else (_integer, _delta)
    out = bytearray((histogram.counter_reset,))
    out += varint(histogram.schema) + _F64.pack(histogram.zero_threshold)
    out += count(histogram.zero_count) + count(histogram.count) + _F64.pack(histogram.sum)
    for spans in (histogram.positive_spans, histogram.negative_spans):
        out += uvarint(len(spans))
        out += b"".join([varint(span.offset) + uvarint(span.length) for span in spans])
    for buckets in (histogram.positive_buckets, histogram.negative_buckets):
        out += uvarint(len(buckets)) + b"".join(map(bucket, buckets))
    if histogram.schema == CUSTOM_BUCKETS_SCHEMA:
        bounds = histogram.custom_bounds
        out += uvarint(len(bounds)) + b"".join(map(_F64.pack, bounds))
    return bytes(out)


def _integer(number: float) -> bytes:
    return uvarint(int(number))


def _delta(number: float) -> bytes:
    return varint(int(number))


def decode_histograms(record: bytes) -> list[LoggedHistogram]:
    """Decode a record of types 7 to 10, 12 or 13, whatever the schemas in it.

    Raises MalformedRecord where the record breaks its layout.
    """
    type_ = RecordType(record[0])
    cursor = Cursor(record, 1)
    if cursor.at_end():
        return []
    decode = _decode_v2 if type_ in _V2_TYPES else _decode_v1
    return list(decode(cursor, is_float=type_ in _FLOAT_TYPES))


def _decode_v1(cursor: Cursor, *, is_float: bool) -> Iterator[LoggedHistogram]:
    ref0, t0_ms = cursor.u64(), cursor.i64()
    while not cursor.at_end():
        ref = ref0 + cursor.varint() & _U64_MASK
        t_ms = signed(t0_ms + cursor.varint())
        yield LoggedHistogram(ref, t_ms, _decode_histogram(cursor, is_float=is_float))


def _decode_v2(cursor: Cursor, *, is_float: bool) -> Iterator[LoggedHistogram]:
    ref = cursor.varint() & _U64_MASK
    t_ms = first_ms = cursor.varint()
    start_ms = first_start_ms = cursor.varint()
    while True:
        histogram = _decode_histogram(cursor, is_float=is_float)
        yield LoggedHistogram(ref, t_ms, histogram, start_ms)
        if cursor.at_end():
            return
        ref = ref + cursor.varint() & _U64_MASK
        t_ms = signed(first_ms + cursor.varint())
        start_ms = _decode_start(cursor, start_ms, first_start_ms)


def _decode_start(cursor: Cursor, previous_ms: int, first_ms: int) -> int:
    marker = cursor.u8()
    if marker == StartMarker.NONE:
        return 0
    return previous_ms if marker == StartMarker.SAME else signed(first_ms + cursor.varint())


def _decode_histogram(cursor: Cursor, *, is_float: bool) -> Histogram:
    count, bucket = (cursor.f64, cursor.f64) if is_float else (cursor.uvarint, cursor.varint)
    hint, schema = cursor.u8(), cursor.varint()
    zero_threshold, zero_count, total, total_sum = cursor.f64(), count(), count(), cursor.f64()
    positive_spans, negative_spans = _decode_spans(cursor), _decode_spans(cursor)
    positive_buckets = tuple(bucket() for _ in range(cursor.count()))
    negative_buckets = tuple(bucket() for _ in range(cursor.count()))
    is_custom = schema == CUSTOM_BUCKETS_SCHEMA
    bounds = tuple(cursor.f64() for _ in range(cursor.count() if is_custom else 0))
    return Histogram(
        is_float=is_float,
        counter_reset=CounterReset(hint) if hint in _HINTS else CounterReset.UNKNOWN,
        schema=schema,
        zero_threshold=zero_threshold,
        zero_count=zero_count,
        count=total,
        sum=total_sum,
        positive_spans=positive_spans,
        negative_spans=negative_spans,
        positive_buckets=positive_buckets,
        negative_buckets=negative_buckets,
        custom_bounds=bounds,
    )


def _decode_spans(cursor: Cursor) -> tuple[Span, ...]:
    return tuple(Span(cursor.varint(), cursor.uvarint()) for _ in range(cursor.count()))
