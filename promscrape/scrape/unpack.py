"""Unpacking of response bodies, never to more than a bound (rules H14, H15)."""

from typing import TYPE_CHECKING

from promscrape.errors import BodySizeLimitExceeded, FetchError

if TYPE_CHECKING:
    import zlib as deflate
else:
    try:
        # Three times as fast as zlib on a scrape's body.
        from isal import isal_zlib as deflate
    except ImportError:  # there are platforms that it has no wheel for
        import zlib as deflate

_GZIP_WBITS = 31
_MAGIC = b"\x1f\x8b"


def gunzip(packed: bytes, limit: int) -> bytes:
    """Return the unpacked body; one that reaches `limit` bytes raises BodySizeLimitExceeded.

    No more than `limit` bytes are ever unpacked, however much the packed ones promise. Raises
    FetchError for bytes that are not gzip or end early.
    """
    parts: list[bytes] = []
    room, rest = limit, packed
    while rest:
        if not rest.startswith(_MAGIC):
            raise FetchError("gzip: invalid header")
        member = deflate.decompressobj(_GZIP_WBITS)
        try:
            part = member.decompress(rest, room)
        except deflate.error as exc:
            raise FetchError(f"gzip: invalid data: {exc}") from exc
        parts.append(part)
        room -= len(part)
        if room <= 0:
            raise BodySizeLimitExceeded("body size limit exceeded")
        if not member.eof:
            raise FetchError("unexpected EOF")
        rest = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
