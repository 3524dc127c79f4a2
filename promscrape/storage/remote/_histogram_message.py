"""A native histogram as both versions of the protocol have it.

Fields: 1 count_int, 2 count_float, 3 sum, 4 schema, 5 zero_threshold, 6 zero_count_int,
7 zero_count_float, 8 negative_spans, 9 negative_deltas, 10 negative_counts, 11 positive_spans,
12 positive_deltas, 13 positive_counts, 14 reset_hint, 15 timestamp, 16 custom_values, and
17 start_timestamp in the second version only.
"""

import struct
from collections.abc import Iterable, Sequence

from promscrape.model.histogram import Histogram, Span
from promscrape.model.varint import uvarint

_ZERO = bytes(8)
_F64 = struct.Struct("<d")
_U64 = (1 << 64) - 1


def encode_histogram(histogram: Histogram, t_ms: int, start_ms: int, *, is_v2: bool) -> bytes:
    """Return the message, without its tag and length."""
    is_float = histogram.is_float
    parts = [
        _count(b"\x11" if is_float else b"\x08", histogram.count, is_float=is_float),
        _double(b"\x19", histogram.sum),
        _varint(b"\x20", _zigzag(histogram.schema)),
        _double(b"\x29", histogram.zero_threshold),
        _count(b"\x39" if is_float else b"\x30", histogram.zero_count, is_float=is_float),
        *_spans(b"\x42", histogram.negative_spans),
        _buckets(b"\x52" if is_float else b"\x4a", histogram.negative_buckets, is_float=is_float),
        *_spans(b"\x5a", histogram.positive_spans),
        _buckets(b"\x6a" if is_float else b"\x62", histogram.positive_buckets, is_float=is_float),
        _varint(b"\x70", histogram.counter_reset),
        _varint(b"\x78", t_ms & _U64),
        _packed(b"\x82\x01", map(_F64.pack, histogram.custom_bounds)),
        _varint(b"\x88\x01", start_ms & _U64) if is_v2 else b"",
    ]
    return b"".join(parts)


def _count(tag: bytes, count: float, *, is_float: bool) -> bytes:
    # A member of a oneof is written even where it is zero.
    return tag + (_F64.pack(count) if is_float else uvarint(int(count)))


def _double(tag: bytes, value: float) -> bytes:
    raw = _F64.pack(value)
    return tag + raw if raw != _ZERO else b""


def _varint(tag: bytes, number: int) -> bytes:
    return tag + uvarint(number) if number else b""


def _zigzag(number: int) -> int:
    return (number << 1 ^ number >> 63) & _U64


def _spans(tag: bytes, spans: Sequence[Span]) -> Iterable[bytes]:
    for span in spans:
        body = _varint(b"\x08", _zigzag(span.offset)) + _varint(b"\x10", span.length)
        yield tag + uvarint(len(body)) + body


def _buckets(tag: bytes, buckets: Sequence[float], *, is_float: bool) -> bytes:
    if is_float:
        return _packed(tag, map(_F64.pack, buckets))
    return _packed(tag, [uvarint(_zigzag(int(delta))) for delta in buckets])


def _packed(tag: bytes, values: Iterable[bytes]) -> bytes:
    body = b"".join(values)
    return tag + uvarint(len(body)) + body if body else b""
