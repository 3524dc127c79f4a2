"""The record of samples with start timestamps, which the feature st-storage asks for.

    samples V2  11, first: varint ref, varint t, varint start, f64
                    next:  varint ref - previous ref, varint t - first t, marker, f64
    marker      0 no start | 1 the previous start | 2 and then varint start - first start

Prometheus reads it from 3.x on. Source: Prometheus tsdb/record/record.go.
"""

import struct
from collections.abc import Iterable, Iterator
from itertools import repeat

from promscrape.model.sample import NO_START
from promscrape.storage.wal.record_types import RecordType, StartMarker
from promscrape.storage.wal.tail import Floats
from promscrape.storage.wal.varint import varint


def encode_started(floats: Iterable[Floats]) -> bytes:
    """Encode one sample or more."""
    rows = _rows(floats)
    first_ref, first_ms, first_start, value = next(rows)
    record = bytearray((RecordType.SAMPLES_V2,))
    record += varint(first_ref) + varint(first_ms) + varint(first_start) + value
    ref_before, start_before = first_ref, first_start
    for ref, t_ms, start_ms, value in rows:
        record += varint(ref - ref_before) + varint(t_ms - first_ms)
        if start_ms == NO_START:
            record.append(StartMarker.NONE)
        elif start_ms == start_before:
            record.append(StartMarker.SAME)
        else:
            record.append(StartMarker.EXPLICIT)
            record += varint(start_ms - first_start)
        record += value
        ref_before, start_before = ref, start_ms
    return bytes(record)


def _rows(floats: Iterable[Floats]) -> Iterator[tuple[int, int, int, bytes]]:
    for each in floats:
        count = len(each.refs)
        times: Iterable[int] = each.timestamps or repeat(each.t_ms, count)
        starts: Iterable[int] = each.starts or repeat(NO_START, count)
        raw = struct.pack(f">{count}d", *each.values)
        values = (raw[at : at + 8] for at in range(0, len(raw), 8))
        yield from zip(each.refs, times, starts, values, strict=True)
