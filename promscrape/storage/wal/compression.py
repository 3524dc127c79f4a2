"""How records are packed: one snappy block, or one zstd frame, a record.

What comes from disk is not trusted: the size a packed record claims is checked before a byte of
it is unpacked. Source: Prometheus util/compression.
"""

from enum import StrEnum
from typing import TypeAlias

import cramjam

from promscrape.errors import MalformedRecord

ReadableBuffer: TypeAlias = bytes | bytearray | memoryview
"""Bytes that are looked at and not kept."""

SNAPPY_FLAG = 0x08
ZSTD_FLAG = 0x10
MAX_RECORD_BYTES = 256 << 20
"""A record is no larger than the largest segment that can be configured."""

_ZSTD_LEVEL = 3
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class Compression(StrEnum):
    """What the log's records are packed with; reading takes all of them at any time."""

    NONE = "none"
    SNAPPY = "snappy"
    ZSTD = "zstd"


def compress(record: ReadableBuffer, compression: Compression) -> tuple[ReadableBuffer, int]:
    """Return the packed record and its flag, or `record` and 0 where packing does not help."""
    if compression is Compression.NONE:
        return record, 0
    if compression is Compression.SNAPPY:
        packed, flag = cramjam.snappy.compress_raw(record), SNAPPY_FLAG
    else:
        packed, flag = cramjam.zstd.compress(record, _ZSTD_LEVEL), ZSTD_FLAG
    return (memoryview(packed), flag) if len(packed) < len(record) else (record, 0)


def decompress(payload: bytes, flags: int, limit: int = MAX_RECORD_BYTES) -> bytes:
    """Return the record in `payload`; raises MalformedRecord for one of more than `limit` bytes."""
    try:
        if flags & SNAPPY_FLAG:
            _check(cramjam.snappy.decompress_raw_len(payload), limit)
            return bytes(cramjam.snappy.decompress_raw(payload))
        if flags & ZSTD_FLAG:
            return _unpack_zstd(payload, limit)
    except cramjam.DecompressionError as exc:
        raise MalformedRecord(f"decompress record: {exc}") from exc
    return payload


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise MalformedRecord(f"record of {size} bytes exceeds the limit of {limit}")


def _unpack_zstd(payload: bytes, limit: int) -> bytes:
    size = _zstd_content_size(payload)
    if size is not None:
        _check(size, limit)
        return _unpack_into(payload, size)
    # The frame does not say how much it holds, so room is doubled until it is enough.
    room = 4 * len(payload)
    while room < limit:
        try:
            return _unpack_into(payload, room)
        except cramjam.DecompressionError:
            room *= 2
    return _unpack_into(payload, limit)


def _unpack_into(payload: bytes, room: int) -> bytes:
    record = bytearray(room)
    written = cramjam.zstd.decompress_into(payload, record)
    return bytes(memoryview(record)[:written])


def _zstd_content_size(payload: bytes) -> int | None:
    """Return the size that the frame's header gives, None where it gives none.

    Frame_Header: descriptor, window descriptor unless bit 5 of the descriptor is set, dictionary
    id of 0, 1, 2 or 4 bytes (bits 0-1), content size of 0 or 1, 2, 4 or 8 bytes (bits 6-7).
    Source: RFC 8878, section 3.1.1.1.
    """
    if len(payload) < 5 or not payload.startswith(_ZSTD_MAGIC):
        raise MalformedRecord("decompress record: no zstd frame")
    descriptor = payload[4]
    single_segment = descriptor >> 5 & 1
    at = 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3]
    width = (single_segment, 2, 4, 8)[descriptor >> 6]
    if width == 0:
        return None
    size = int.from_bytes(payload[at : at + width], "little")
    return size + 256 if width == 2 else size
