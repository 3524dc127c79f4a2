"""The wire format of protocol buffers, read with every length checked against its surroundings.

    message = { tag value }              tag = varint of (field number << 3 | wire type)
    wire type 0  varint
              1  8 bytes, little-endian
              2  varint length, then as many bytes
              5  4 bytes
              3, 4  begin and end of a group; groups are skipped, whatever their depth

Nothing here recurses: how deep messages nest is up to whoever reads the fields that it knows.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NoReturn

from promscrape.errors import ParseError

VARINT, FIXED64, LENGTH, GROUP, END_GROUP, FIXED32 = range(6)

_DOUBLE = struct.Struct("<d")
_UINT64 = (1 << 64) - 1
_VARINT_BITS = 64
_LONGEST_FRAME_VARINT = 5


def read_varint(buf: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the varint at `at` and the position behind it."""
    number = shift = 0
    while at < end:
        byte = buf[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & _UINT64, at
        shift += 7
        if shift >= _VARINT_BITS + 6:
            raise ParseError("proto: integer overflow")
    raise ParseError("unexpected EOF")


def read_frame(body: bytes, at: int) -> tuple[int, int]:
    """Return the begin and the end of the delimited message at `at` (B1, B2)."""
    size, begin = body[at], at + 1
    if size >= 0x80:
        size, begin = _frame_size(body, at)
    if size > len(body) - begin:
        raise ParseError(
            "clientpb: insufficient length of buffer, expected at least "
            f"{begin - at + size} bytes, got {len(body) - at} bytes"
        )
    return begin, begin + size


def _frame_size(body: bytes, at: int) -> tuple[int, int]:
    size = shift = 0
    for place in range(at, min(at + _LONGEST_FRAME_VARINT, len(body))):
        byte = body[place]
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return size, place + 1
        shift += 7
    raise ParseError("clientpb: invalid varint encountered")


def read_fields(buf: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the fields of a message as (tag, a, b).

    a: of a varint its value; of everything else, the position of its first byte. b: the position
    behind it.
    """
    while at < end:
        tag = buf[at]
        at += 1
        if tag >= 0x80:
            tag, at = read_varint(buf, at - 1, end)
        if tag & 7 == LENGTH:
            # Most lengths are of one byte; the call for the others would cost twice the rest.
            size = buf[at] if at < end else 0x80
            at += 1
            if size >= 0x80:
                size, at = read_varint(buf, at - 1, end)
            begin, stop = at, at + size
        else:
            begin, stop = _read_scalar(buf, tag, at, end)
        if stop > end:
            raise ParseError("unexpected EOF")
        if tag < 8:
            raise ParseError(f"proto: illegal tag {tag >> 3} (wire type {tag & 7})")
        yield tag, begin, stop
        at = stop


def _read_scalar(buf: bytes, tag: int, at: int, end: int) -> tuple[int, int]:
    kind = tag & 7
    if kind == FIXED64:
        return at, at + 8
    if kind == VARINT:
        return read_varint(buf, at, end)
    if kind == FIXED32:
        return at, at + 4
    if kind == GROUP:
        return at, _skip_group(buf, at, end)
    raise ParseError(f"proto: illegal wireType {kind}")


def _skip_group(buf: bytes, at: int, end: int) -> int:
    depth = 1
    while depth:
        tag, at = read_varint(buf, at, end)
        kind = tag & 7
        if kind == VARINT:
            _, at = read_varint(buf, at, end)
        elif kind == GROUP:
            depth += 1
        elif kind == END_GROUP:
            depth -= 1
        else:
            at += _size(buf, kind, at, end)
            if at > end:
                raise ParseError("unexpected EOF")
    return at


def _size(buf: bytes, kind: int, at: int, end: int) -> int:
    if kind == FIXED64:
        return 8
    if kind == FIXED32:
        return 4
    if kind != LENGTH:
        raise ParseError(f"proto: illegal wireType {kind}")
    size, begin = read_varint(buf, at, end)
    return begin - at + size


def read_double(buf: bytes, at: int) -> float:
    number: float = _DOUBLE.unpack_from(buf, at)[0]
    return number


def read_doubles(buf: bytes, at: int, end: int) -> tuple[float, ...]:
    """Return a packed field of doubles."""
    if (end - at) % 8:
        raise ParseError("unexpected EOF")
    return struct.unpack_from(f"<{(end - at) // 8}d", buf, at)


def read_zigzags(buf: bytes, at: int, end: int) -> Iterator[int]:
    """Yield the numbers of a packed field of sint64."""
    while at < end:
        number, at = read_varint(buf, at, end)
        yield zigzag(number)


def zigzag(number: int) -> int:
    """Return the signed number that is sent as `number`."""
    return (number >> 1) ^ -(number & 1)


def signed64(number: int) -> int:
    return number - (1 << 64) if number >> 63 else number


def signed32(number: int) -> int:
    """Return the low 32 bits of a varint as the int32 that they are."""
    number &= (1 << 32) - 1
    return number - (1 << 32) if number >> 31 else number


def refuse_known(tag: int, names: Mapping[int, str], message: str) -> None:
    """Raise for a field that the message has, in a wire type that the field has not."""
    if name := names.get(tag >> 3):
        _wrong_type(tag & 7, f"{message}.{name}")


def _wrong_type(kind: int, field: str) -> NoReturn:
    raise ParseError(f"proto: wrong wireType = {kind} for field {field}")
