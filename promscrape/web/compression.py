"""Compression of answers, by the first of gzip and deflate that the client names."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import zlib as deflate
else:
    try:
        # Seven times as fast as zlib on the targets of a large setup.
        from isal import isal_zlib as deflate
    except ImportError:  # there are platforms that it has no wheel for
        import zlib as deflate

_WBITS = {"gzip": 31, "deflate": 15}
# Smaller bodies are compressed sooner than a thread has started.
_THREAD_BYTES = 1 << 18


def chosen_encoding(accept_encoding: str) -> str | None:
    """Return the first encoding of the header that can be had; its q-values mean nothing."""
    names = (part.strip() for part in accept_encoding.split(","))
    return next((name for name in names if name in _WBITS), None)


async def compress(body: bytes, encoding: str) -> bytes:
    """Compress as `chosen_encoding` says; a large body leaves the event loop free meanwhile."""
    if len(body) < _THREAD_BYTES:
        return deflate.compress(body, wbits=_WBITS[encoding])
    return await asyncio.to_thread(deflate.compress, body, wbits=_WBITS[encoding])
