"""Unpacking of response bodies, never to more than a bound (rules H14, H15).

Prometheus unpacks gzip alone. A body in zstd, which nobody was asked for, is taken all the same:
what it is, is said, and to refuse it would lose the scrape.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING

import cramjam

from promscrape.errors import BodySizeLimitExceeded, FetchError

# There are platforms that these two have no wheels for.
_HAS_LIBDEFLATE = find_spec("deflate") is not None
if TYPE_CHECKING or _HAS_LIBDEFLATE:
    from deflate import DeflateError, gzip_decompress
else:
    DeflateError = ValueError

if TYPE_CHECKING:
    import zlib as inflate
else:
    try:
        # Three times as fast as zlib on a scrape's body.
        from isal import isal_zlib as inflate
    except ImportError:
        import zlib as inflate

# Up to here libdeflate, which needs a second copy, is half as fast again.
_LIBDEFLATE_BYTES = 4 << 20
_GZIP_WBITS = 31
_MAGIC = b"\x1f\x8b"
_MEMBER = _MAGIC + b"\x08"
_LOOKED_AT_BYTES = 1 << 20
_SIZE_BYTES = 4  # the end of a member: how much it unpacks to
_MOST_TIMES_LARGER = 1032  # deflate has no way to say more with fewer bits
_ZSTD_ROOM_BYTES = 1 << 16
_ZSTD_FULL = "failed to write whole buffer"


def gunzip(packed: bytes, limit: int) -> bytes:
    """Return the unpacked body; one that reaches `limit` bytes raises BodySizeLimitExceeded.

    No more than `limit` bytes are ever unpacked, however much the packed ones promise. Raises
    FetchError for bytes that are not gzip or end early.
    """
    if (whole := _gunzip_at_once(packed, limit)) is not None:
        return whole
    parts: list[bytes] = []
    room, rest = limit, packed
    while rest:
        if not rest.startswith(_MAGIC):
            raise FetchError("gzip: invalid header")
        member = inflate.decompressobj(_GZIP_WBITS)
        try:
            part = member.decompress(rest, room)
        except inflate.error as exc:
            raise FetchError(f"gzip: invalid data: {exc}") from exc
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise BodySizeLimitExceeded("body size limit exceeded")
        if not member.eof:
            raise FetchError("unexpected EOF")
        rest = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _gunzip_at_once(packed: bytes, limit: int) -> bytes | None:
    """Return the body, if these bytes are surely one member that stays below the limit.

    It takes half as long as a piece at a time. None where it is for the caller to judge.
    """
    most = len(packed) * _MOST_TIMES_LARGER
    if most >= limit or not packed.startswith(_MAGIC) or _may_go_on(packed):
        return None
    size = int.from_bytes(packed[-_SIZE_BYTES:], "little")
    if size > most:
        return None
    try:
        if _HAS_LIBDEFLATE and 0 < size <= _LIBDEFLATE_BYTES:
            body = bytes(gzip_decompress(packed, size))
        else:
            body = inflate.decompress(packed, _GZIP_WBITS, size + 1)
    except (inflate.error, DeflateError):
        return None
    # What follows the member is passed over in silence; then these bytes are not its size.
    return body if len(body) == size else None


def _may_go_on(packed: bytes) -> bool:
    """Whether what may be the beginning of another member stands behind that of the first."""
    if len(packed) <= _LOOKED_AT_BYTES:
        return packed.find(_MEMBER, len(_MEMBER)) >= 0
    # In pieces: one call over a large body would hold up other threads for as long.
    return any(
        packed.find(_MEMBER, start, start + _LOOKED_AT_BYTES) >= 0
        for start in range(len(_MEMBER), len(packed), _LOOKED_AT_BYTES - len(_MEMBER) + 1)
    )


def unzstd(packed: bytes, limit: int) -> bytes:
    """Return the unpacked body; one that reaches `limit` bytes raises BodySizeLimitExceeded.

    Raises FetchError for bytes that are not zstd or end early. What a frame says of its own size
    is not believed: there is room for a little first, for twice as much where that is too little,
    and never for more than `limit`.
    """
    room = min(limit, max(_ZSTD_ROOM_BYTES, 8 * len(packed)))
    unpacked = bytearray(room)
    while (size := _unzstd_into(packed, unpacked)) is None and room < limit:
        room = min(2 * room, limit)
        del unpacked
        unpacked = bytearray(room)
    if size is None or size >= limit:
        raise BodySizeLimitExceeded("body size limit exceeded")
    return bytes(memoryview(unpacked)[:size])


def _unzstd_into(packed: bytes, unpacked: bytearray) -> int | None:
    """Return how much was unpacked, None where there is not enough room for all."""
    try:
        return cramjam.zstd.decompress_into(packed, unpacked)
    except cramjam.DecompressionError as exc:
        if _ZSTD_FULL in str(exc):
            return None
        raise FetchError(f"zstd: invalid data: {exc}") from exc


UNPACKERS: Mapping[str, Callable[[bytes, int], bytes]] = {"gzip": gunzip, "zstd": unzstd}
"""By the exact value of Content-Encoding; a body of any other is taken as it is."""
