"""The records that carry every sample and every series, in columns.

    series      1, (ref u64, labels)*
    samples V1  2, ref0 u64, t0 i64, (varint ref - ref0, varint t - t0, f64)*
    samples V2  11, first: varint ref, varint t, varint start, f64
                    next:  varint ref - previous ref, varint t - first t, marker, f64
    marker      0 no start | 1 the previous start | 2 and then varint start - first start

labels is the encoding of `model.labels.Labels`. Source: Prometheus tsdb/record/record.go.

In the steady state each scrape brings the same refs at one timestamp, and all but eight bytes an
entry is as it was in the scrape before. An entry's width is that of its two varints and the
value, so that a record falls into a few runs of entries of equal width. Both directions move a
run's values with strided slices, eight a run, and touch no sample by itself. Values are bits all
the way: a stale marker is one particular NaN.
"""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, final

from promscrape.errors import MalformedRecord
from promscrape.model.label_store import LabelStore
from promscrape.model.sample import NO_START
from promscrape.storage.wal.record_types import LoggedSeries, RecordType, StartMarker
from promscrape.storage.wal.varint import Cursor, signed, varint

Refs: TypeAlias = "array[int]"
Values: TypeAlias = "array[float]"
Timestamps: TypeAlias = "array[int]"

_HEAD = struct.Struct(">BQq")
_U64_MASK = (1 << 64) - 1
# The place in memory of each byte of a float, from the highest, which the log has first.
_BYTE_ORDER = range(7, -1, -1) if sys.byteorder == "little" else range(8)
# Below this many entries a run the strided slices cost more than joining entries one by one.
_WORTHWHILE_RUN = 16
_HIGH = bytes(range(0x80, 0x100))
_LOW = bytes(range(0x80))
_FLIP = _HIGH + _LOW


def encode_series(series: Iterable[tuple[int, bytes]]) -> bytes:
    """Encode pairs of a ref and a label set's wire bytes."""
    record = bytearray((RecordType.SERIES,))
    for ref, wire in series:
        record += ref.to_bytes(8, "big")
        record += wire
    return bytes(record)


def encode_kept_series(refs: Refs, labels: LabelStore, rows: "array[int]") -> bytes:
    """Encode series whose label sets are these rows of the store. Raises IndexError for no row."""
    return encode_series(zip(refs, map(labels.wire, rows), strict=True))


def decode_series(record: bytes) -> list[LoggedSeries]:
    """Decode a record of type 1."""
    series = []
    at, size = 1, len(record)
    try:
        while at < size:
            begin = at + 8
            end = _end_of_labels(record, begin)
            series.append(LoggedSeries(int.from_bytes(record[at:begin], "big"), record[begin:end]))
            at = end
    except IndexError as exc:
        raise MalformedRecord(f"series record ends within entry {len(series)}") from exc
    if at > size:
        raise MalformedRecord(f"series record ends within entry {len(series) - 1}")
    return series


def _end_of_labels(record: bytes, at: int) -> int:
    count = record[at]
    at += 1
    if count >= 0x80:
        count, at = _uvarint_at(record, at - 1)
    if count > len(record):
        raise MalformedRecord(f"{count} labels do not fit in the record")
    for _ in range(2 * count):
        size = record[at]
        if size < 0x80:
            at += 1 + size
        else:
            size, at = _uvarint_at(record, at)
            at += size
    return at


def _uvarint_at(record: bytes, at: int) -> tuple[int, int]:
    cursor = Cursor(record, at)
    return cursor.uvarint(), cursor.at


def samples_head(ref0: int, t0_ms: int) -> bytes:
    """Return what stands before the entries of a record of type 2."""
    return _HEAD.pack(RecordType.SAMPLES, ref0, t0_ms)


class _Run(NamedTuple):
    """`entries` of them from the `first` on; each has `stride` bytes and its value at their end."""

    at: int  # where the first value stands
    stride: int
    first: int
    entries: int

    def column(self, byte: int) -> slice:
        """Return the slice of the record that is this byte of each value, 0 the highest."""
        start = self.at + byte
        return slice(start, start + self.stride * (self.entries - 1) + 1, self.stride)

    def memory(self, byte: int) -> slice:
        """Return the slice of the values' memory that is this byte of each value."""
        return slice(8 * self.first + _BYTE_ORDER[byte], 8 * (self.first + self.entries), 8)


@final
class SampleLayout:
    """The entries of samples that share the record's timestamp, with room for their values.

    Costs 11 bytes a sample where refs ascend without many gaps, about 60 where they jump about.
    """

    __slots__ = ("_pieces", "_ref0", "_runs", "_template", "count")

    def __init__(self, ref0: int, refs: Sequence[int]) -> None:
        self._ref0 = ref0
        prefixes = [varint(ref - ref0) + b"\x00" for ref in refs]
        self.count = len(prefixes)
        self._runs = _runs_of([len(prefix) for prefix in prefixes])
        self._template, self._pieces = b"", [b""]
        if len(self._runs) * _WORTHWHILE_RUN <= self.count:
            room = bytes(8)
            self._template = b"".join([prefix + room for prefix in prefixes])
        else:
            self._pieces = [piece for prefix in prefixes for piece in (prefix, b"")]

    def record(self, t0_ms: int, values: Values) -> bytes:
        """Return a whole record, whose head and entries have this timestamp."""
        return samples_head(self._ref0, t0_ms) + self.encode(values)

    def encode(self, values: Values) -> bytes | bytearray:
        """Return the entries with these values; raises ValueError where their number differs."""
        if not self._template:
            self._pieces[1::2] = _big_endian(values)
            return b"".join(self._pieces)
        memory, entries = bytearray(values), bytearray(self._template)
        # Spelled out, where `SampleColumns.values` names the slices: they were a third of this.
        for at, stride, first, count in self._runs:
            span, start, end = stride * (count - 1) + 1, 8 * first, 8 * (first + count)
            for place, byte in enumerate(_BYTE_ORDER, at):
                entries[place : place + span : stride] = memory[start + byte : end : 8]
        return entries


def _runs_of(widths: Sequence[int]) -> list[_Run]:
    runs = []
    at = first = 0
    while first < len(widths):
        width, last = widths[first], first + 1
        while last < len(widths) and widths[last] == width:
            last += 1
        runs.append(_Run(at + width, width + 8, first, last - first))
        at += (width + 8) * (last - first)
        first = last
    return runs


def _big_endian(values: Values) -> list[bytes]:
    raw = bytes(_swapped(values))
    return [raw[at : at + 8] for at in range(0, len(raw), 8)]


def _swapped(values: Values) -> Values:
    swapped = values[:]
    if sys.byteorder == "little":
        swapped.byteswap()
    return swapped


def encode_entries(
    head: tuple[int, int], refs: Iterable[int], timestamps_ms: Iterable[int], values: Values
) -> bytes:
    """Return entries of a record of type 2 whose ref0 and t0 are `head`."""
    ref0, t0_ms = head
    return b"".join(
        [
            varint(ref - ref0) + varint(t_ms - t0_ms) + value
            for ref, t_ms, value in zip(refs, timestamps_ms, _big_endian(values), strict=True)
        ]
    )


def encode_samples(refs: Sequence[int], timestamps_ms: Sequence[int], values: Values) -> bytes:
    """Encode a record of type 2 of one sample or more."""
    head = refs[0], timestamps_ms[0]
    return samples_head(*head) + encode_entries(head, refs, timestamps_ms, values)


@final
@dataclass(frozen=True, slots=True)
class SampleColumns:
    """A samples record, its refs and timestamps decoded and its values within reach.

    `refs` is one and the same array for all records of one decoder that name the same series.
    """

    refs: Refs
    base_ms: int
    offsets_ms: "array[int] | None"  # to `base_ms`; None where all are 0
    _record: bytes
    _runs: Sequence[_Run]
    starts: "array[int] | None" = None  # 0 where a sample has none; None where none has

    def timestamps_ms(self) -> Timestamps:
        if self.offsets_ms is None:
            return array("q", (self.base_ms,)) * len(self.refs)
        return array("q", [signed(self.base_ms + offset) for offset in self.offsets_ms])

    def values(self) -> Values:
        memory = bytearray(8 * len(self.refs))
        for run in self._runs:
            for byte in range(8):
                memory[run.memory(byte)] = self._record[run.column(byte)]
        return array("d", bytes(memory))


@final
class SampleDecoder:
    """Decodes records of types 2 and 11; remembers what refs the last ones had.

    Not to be shared between threads.
    """

    def __init__(self, remembered_samples: int = 1_000_000) -> None:
        self._room = self._remembered_samples = remembered_samples
        self._known: dict[tuple[object, ...], tuple[Refs, array[int] | None]] = {}

    def decode(self, record: bytes) -> SampleColumns:
        """Raises MalformedRecord where the record breaks its layout."""
        if len(record) == 1:
            return SampleColumns(array("Q"), 0, None, record, ())
        if record[0] == RecordType.SAMPLES_V2:
            return _decode_v2(record)
        if len(record) < _HEAD.size:
            raise MalformedRecord("samples record ends within its head")
        _, ref0, t0_ms = _HEAD.unpack_from(record)
        runs = _scan(record)
        if runs is None:
            return _decode_one_by_one(record, ref0, t0_ms)
        key = ref0, *[(run.stride, run.entries) for run in runs], *_prefix_columns(record, runs)
        refs, offsets_ms = self._known.get(key) or self._learn(key, record, runs)
        return SampleColumns(refs, t0_ms, offsets_ms, record, runs)

    def _learn(
        self, key: tuple[object, ...], record: bytes, runs: Sequence[_Run]
    ) -> "tuple[Refs, array[int] | None]":
        known = _refs_and_offsets(record, runs)
        self._room -= len(known[0])
        if self._room < 0:
            self._known.clear()
            self._room = self._remembered_samples - len(known[0])
        self._known[key] = known
        return known


def _scan(record: bytes) -> list[_Run] | None:
    """Return the runs of a record of type 2, None where they are too short to be of use."""
    runs: list[_Run] = []
    at, first, reach = _HEAD.size, 0, 64
    while at < len(record):
        if len(runs) * _WORTHWHILE_RUN > first + 4 * _WORTHWHILE_RUN:
            return None
        width = _prefix_width(record, at)
        stride = width + 8
        # Looking far ahead pays in a long run only, so that the reach grows with success.
        most = min((len(record) - at) // stride, reach)
        count = _equal_prefixes(record[at : at + most * stride], width)
        if count == 0:
            raise MalformedRecord(f"samples record ends within entry {first}")
        runs.append(_Run(at + width, stride, first, count))
        at += stride * count
        first += count
        reach = 4 * reach if count == reach else 64
    return runs


def _prefix_width(record: bytes, at: int) -> int:
    """Return the bytes of the two varints at `at`."""
    cursor = Cursor(record, at)
    cursor.uvarint()
    cursor.uvarint()
    return cursor.at - at


def _equal_prefixes(entries: bytes, width: int) -> int:
    """Return how many entries on end have their varints end where those of the first do."""
    stride = width + 8
    count = len(entries) // stride
    for byte in range(width if count else 0):
        column = entries[byte::stride]
        if entries[byte] < 0x80:
            if not column.isascii():
                count = min(count, len(column) - len(column.lstrip(_LOW)))
        elif not column.translate(_FLIP).isascii():
            count = min(count, len(column) - len(column.lstrip(_HIGH)))
    return count


def _prefix_columns(record: bytes, runs: Sequence[_Run]) -> list[bytes]:
    return [record[run.column(byte)] for run in runs for byte in range(8 - run.stride, 0)]


def _refs_and_offsets(record: bytes, runs: Sequence[_Run]) -> "tuple[Refs, array[int] | None]":
    ref0 = int.from_bytes(record[1:9], "big")
    refs, offsets_ms = array("Q"), array("q")
    for run in runs:
        columns = [record[run.column(byte)] for byte in range(8 - run.stride, 0)]
        ref_bytes = next(i for i, column in enumerate(columns, 1) if column[0] < 0x80)
        refs.extend([ref0 + n & _U64_MASK for n in _varint_column(columns[:ref_bytes])])
        offsets_ms.extend([signed(n) for n in _varint_column(columns[ref_bytes:])])
    return refs, offsets_ms if any(offsets_ms) else None


def _varint_column(columns: Sequence[bytes]) -> list[int]:
    """Decode varints of equal width, given their first bytes, their second bytes and so on."""
    numbers = [byte & 0x7F for byte in columns[0]]
    for place, column in enumerate(columns[1:], 1):
        shift = 7 * place
        numbers = [n | (byte & 0x7F) << shift for n, byte in zip(numbers, column, strict=True)]
    return [n >> 1 ^ -(n & 1) for n in numbers]


def _decode_one_by_one(record: bytes, ref0: int, t0_ms: int) -> SampleColumns:
    refs, offsets_ms, values = array("Q"), array("q"), bytearray()
    cursor = Cursor(record, _HEAD.size)
    while not cursor.at_end():
        refs.append(ref0 + cursor.varint() & _U64_MASK)
        offsets_ms.append(cursor.varint())
        values += cursor.take(8)
    return _columns(refs, t0_ms, offsets_ms, values)


def _columns(
    refs: Refs,
    t0_ms: int,
    offsets_ms: "array[int]",
    values: bytearray,
    starts: "array[int] | None" = None,
) -> SampleColumns:
    run = _Run(0, 8, 0, len(refs))
    return SampleColumns(
        refs,
        t0_ms,
        offsets_ms if any(offsets_ms) else None,
        bytes(values),
        (run,),
        starts if starts and any(starts) else None,
    )


def _decode_v2(record: bytes) -> SampleColumns:
    refs, offsets_ms, values, starts = array("Q"), array("q"), bytearray(), array("q")
    cursor = Cursor(record, 1)
    ref, t0_ms = cursor.varint() & _U64_MASK, cursor.varint()
    offset_ms = 0
    start = first_start = cursor.varint()
    while True:
        refs.append(ref)
        starts.append(start)
        offsets_ms.append(offset_ms)
        values += cursor.take(8)
        if cursor.at_end():
            return _columns(refs, t0_ms, offsets_ms, values, starts)
        ref = ref + cursor.varint() & _U64_MASK
        offset_ms = cursor.varint()
        marker = cursor.u8()
        if marker == StartMarker.NONE:
            start = NO_START
        elif marker != StartMarker.SAME:
            start = signed(first_start + cursor.varint())
