"""The records of what few samples have: exemplars, metadata, tombstones.

    tombstones  3, (ref u64, varint mint, varint maxt)*
    exemplars   4, ref0 u64, t0 i64, (varint ref - ref0, varint t - t0, f64, labels)*
    metadata    6, (uvarint ref, type u8, uvarint fields, (text name, text value)*)*

labels is the encoding of `model.labels.Labels`; a text has its length before it. Decoders raise
MalformedRecord for what is not of their type. The log of an agent holds neither tombstones nor
metadata, and none are written: a server's log may, and is read. Source: Prometheus tsdb/record.
"""

import struct
from collections.abc import Sequence

from promscrape.model.exemplar import Exemplar
from promscrape.model.labels import Labels
from promscrape.model.metadata import Metadata, MetricType
from promscrape.model.varint import uvarint
from promscrape.storage.wal.record_types import (
    LoggedExemplar,
    LoggedMetadata,
    RecordType,
    Tombstone,
)
from promscrape.storage.wal.varint import Cursor, signed, varint

_HEAD = struct.Struct(">BQq")
_F64 = struct.Struct(">d")
_TYPES = tuple(MetricType)  # the log numbers them in the order in which they are declared
_U64_MASK = (1 << 64) - 1


def encode_exemplars(exemplars: Sequence[LoggedExemplar]) -> bytes:
    """Encode one exemplar or more."""
    ref0, t0_ms = exemplars[0].ref, exemplars[0].exemplar.t_ms or 0
    record = bytearray(_HEAD.pack(RecordType.EXEMPLARS, ref0, t0_ms))
    for ref, exemplar in exemplars:
        record += varint(ref - ref0) + varint((exemplar.t_ms or 0) - t0_ms)
        record += _F64.pack(exemplar.value) + exemplar.labels.wire
    return bytes(record)


def decode_exemplars(record: bytes) -> list[LoggedExemplar]:
    cursor = Cursor(record, 1)
    exemplars: list[LoggedExemplar] = []
    if cursor.at_end():
        return exemplars
    ref0, t0_ms = cursor.u64(), cursor.i64()
    while not cursor.at_end():
        ref = ref0 + cursor.varint() & _U64_MASK
        t_ms, value = signed(t0_ms + cursor.varint()), cursor.f64()
        exemplars.append(LoggedExemplar(ref, Exemplar(Labels(cursor.labels()), value, t_ms)))
    return exemplars


def encode_metadata(entries: Sequence[LoggedMetadata]) -> bytes:
    record = bytearray((RecordType.METADATA,))
    for ref, metadata in entries:
        record += uvarint(ref) + bytes((_TYPES.index(metadata.type), 2))
        for text in ("UNIT", metadata.unit, "HELP", metadata.help):
            raw = text.encode()
            record += uvarint(len(raw)) + raw
    return bytes(record)


def decode_metadata(record: bytes) -> list[LoggedMetadata]:
    """Fields other than unit and help are skipped, and types that are unknown are `unknown`."""
    cursor = Cursor(record, 1)
    entries = []
    while not cursor.at_end():
        ref, kind = cursor.uvarint(), cursor.u8()
        fields = {cursor.text(): cursor.text() for _ in range(cursor.count())}
        unit, help_ = (fields.get(name, b"").decode("utf-8", "replace") for name in _FIELDS)
        type_ = _TYPES[kind] if kind < len(_TYPES) else MetricType.UNKNOWN
        entries.append(LoggedMetadata(ref, Metadata(type_, help_, unit)))
    return entries


_FIELDS = (b"UNIT", b"HELP")


def decode_tombstones(record: bytes) -> list[Tombstone]:
    cursor = Cursor(record, 1)
    tombstones = []
    while not cursor.at_end():
        tombstones.append(Tombstone(cursor.u64(), cursor.varint(), cursor.varint()))
    return tombstones
