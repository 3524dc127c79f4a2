"""How records lie in a segment: pages, fragments, checksums. Bytes in, bytes out.

    segment   := page*                      a page has 32768 bytes, the last one may be shorter
    page      := fragment* zero*
    fragment  := type u8, length u16, CRC-32C of the payload u32, payload      big endian
    type      := 1 full | 2 first | 3 middle | 4 last, + 8 snappy | + 16 zstd

A record is packed as a whole and then cut, so that no fragment crosses a page; all fragments of
a record carry its packing. Where fewer than seven bytes are left in a page they are zero, and a
type of zero says that so is the rest of the page. Source: Prometheus tsdb/wlog/wlog.go.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, final

from crc32c import crc32c

from promscrape.errors import MalformedRecord
from promscrape.storage.wal.compression import MAX_RECORD_BYTES, ReadableBuffer, decompress

PAGE_BYTES = 32 << 10
HEADER_BYTES = 7
MAX_FRAGMENT_BYTES = PAGE_BYTES - HEADER_BYTES

_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_NAMES = {_FULL: "full", _FIRST: "first", _MIDDLE: "middle", _LAST: "last"}
_TYPE_MASK = 0x07
_HEADER = struct.Struct(">BHI")
_ZEROS = bytes(PAGE_BYTES)


def frame(payload: ReadableBuffer, flags: int, position: int) -> bytes | bytearray:
    """Return the bytes that put `payload`, packed as `flags` say, at `position` of a segment."""
    size = len(payload)
    left = PAGE_BYTES - position % PAGE_BYTES
    if HEADER_BYTES + size <= left - HEADER_BYTES:  # nearly every record: one fragment, no zeros
        return b"".join((_HEADER.pack(_FULL | flags, size, crc32c(payload)), payload))
    return _cut(memoryview(payload), flags, left)


def _cut(payload: memoryview, flags: int, left: int) -> bytearray:
    framed = bytearray()
    begun = False
    while not begun or payload:
        if left < HEADER_BYTES:
            framed += _ZEROS[:left]
            left = PAGE_BYTES
        # With exactly seven bytes left this is a fragment without payload, as Prometheus has it.
        part, payload = payload[: left - HEADER_BYTES], payload[left - HEADER_BYTES :]
        kind = (_MIDDLE if begun else _FIRST) if payload else (_LAST if begun else _FULL)
        framed += _HEADER.pack(kind | flags, len(part), crc32c(part))
        framed += part
        begun = True
        left -= HEADER_BYTES + len(part)
    return framed + _ZEROS[:left] if left < HEADER_BYTES else framed


def padding(position: int) -> bytes:
    """Return the zeros that complete the page of `position`; none where it is complete."""
    return _ZEROS[: -position % PAGE_BYTES]


class Fragment(NamedTuple):
    """`type` without the packing, `flags` the packing alone, `size` with the header."""

    type: int
    flags: int
    payload: bytes
    size: int


def fragment_at(page: bytes, at: int, end: int = PAGE_BYTES) -> Fragment | None:
    """Return the fragment at `at` of a whole page, None where the page holds no further one.

    end: from where on the page is padding, and no part of a fragment.

    Raises MalformedRecord for what is neither.
    """
    if page[at] & _TYPE_MASK == 0:
        if page.count(0, at) != len(page) - at:
            raise MalformedRecord("unexpected non-zero byte in padded page")
        return None
    begin = at + HEADER_BYTES
    if begin > len(page):
        raise MalformedRecord("record header crosses the end of its page")
    kind, size, checksum = _HEADER.unpack_from(page, at)
    if size > MAX_FRAGMENT_BYTES or begin + size > len(page):
        raise MalformedRecord(f"invalid record size {size}")
    if begin + size > end:
        raise MalformedRecord("record crosses the end of the data")
    payload = page[begin : begin + size]
    if (found := crc32c(payload)) != checksum:
        raise MalformedRecord(f"unexpected checksum {found:x}, expected {checksum:x}")
    return Fragment(kind & _TYPE_MASK, kind & ~_TYPE_MASK, payload, HEADER_BYTES + size)


@final
class Assembler:
    """Joins the fragments of one segment, in their order, to records."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bytes = 0

    @property
    def is_torn(self) -> bool:
        """Whether a record has begun and not ended: at the end of a segment it never will."""
        return bool(self._parts)

    def push(self, fragment: Fragment) -> bytes | None:
        """Return the record that ends with `fragment`, None where it goes on.

        Raises MalformedRecord for a fragment out of place and for a record that does not unpack.
        """
        if fragment.type == _FULL and not self._parts:
            return decompress(fragment.payload, fragment.flags)
        starts = fragment.type in (_FULL, _FIRST)
        if fragment.type > _LAST or starts == self.is_torn:
            name = _NAMES.get(fragment.type, f"type {fragment.type}")
            raise MalformedRecord(f"unexpected {name} record")
        self._parts.append(fragment.payload)
        self._bytes += len(fragment.payload)
        if self._bytes > MAX_RECORD_BYTES:
            raise MalformedRecord(f"record exceeds the limit of {MAX_RECORD_BYTES} bytes")
        return self._join(fragment.flags) if fragment.type == _LAST else None

    def _join(self, flags: int) -> bytes:
        whole = b"".join(self._parts)
        self._parts.clear()
        self._bytes = 0
        return decompress(whole, flags)


class Framed(NamedTuple):
    """A record, and the bytes [start, end) of its segment that hold it."""

    record: bytes
    start: int
    end: int


def unframe(pages: Iterable[bytes], start: int = 0) -> Iterator[Framed]:
    """Yield the records of a segment, given its pages; a short last page counts as padded.

    start: where the first record to yield begins; the first page is the one that holds it.

    Raises MalformedRecord, with the start of the record it belongs to, at the first byte that
    breaks the format: nothing from there on can be used.
    """
    assembler = Assembler()
    at = start % PAGE_BYTES
    base = start - at
    for short in pages:
        page = short.ljust(PAGE_BYTES, b"\x00")
        while at < PAGE_BYTES:
            if not assembler.is_torn:
                start = base + at
            try:
                fragment = fragment_at(page, at, len(short))
                record = assembler.push(fragment) if fragment else None
            except MalformedRecord as exc:
                raise MalformedRecord(exc.reason, start) from exc
            if fragment is None:
                break
            at += fragment.size
            if record is not None:
                yield Framed(record, start, base + at)
        base += PAGE_BYTES
        at = 0
    if assembler.is_torn:
        raise MalformedRecord("last record is torn", start)
