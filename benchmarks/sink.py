"""A remote-write receiver in one process that costs next to nothing: it counts, and says 204.

    python -m benchmarks.sink PORT [decode]

`GET /report` says what has come so far. With `decode` each request is unpacked and its items are
counted, which costs more than a scraper does: for runs that check and do not measure.
"""

import asyncio
import re
import sys
from typing import Final, cast, final

import msgspec
import uvloop

from tests.support.remote_write.message import decoded, unpacked

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_V2 = b"io.prometheus.write.v2.Request"
_CONTINUE = re.compile(rb"\r\nexpect: *100-continue", re.IGNORECASE)
# A sender of the second version believes a success only with a count of what was written.
_NO_CONTENT: Final = (
    b"HTTP/1.1 204 No Content\r\nX-Prometheus-Remote-Write-Samples-Written: 1000000\r\n\r\n"
)
_UNKNOWN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Counts(msgspec.Struct):
    """What has come so far; items are counted with `decode` only."""

    requests: int = 0
    body_bytes: int = 0
    items: int = 0
    series_messages: int = 0


def main() -> None:
    """Serve until the process is ended."""
    uvloop.run(_serve(int(sys.argv[1]), decodes="decode" in sys.argv[2:]))


async def _serve(port: int, *, decodes: bool) -> None:
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(counts, decodes=decodes), "127.0.0.1", port
    )
    await server.serve_forever()


@final
class _Connection(asyncio.Protocol):
    """Takes requests, whose bodies it keeps only to decode them."""

    def __init__(self, counts: Counts, *, decodes: bool) -> None:
        self._counts, self._decodes = counts, decodes
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(_END)) >= 0:
            head = bytes(self._buffer[:end])
            if _CHUNKED.search(head):
                raise ValueError("no sender known here sends chunks")
            length = _LENGTH.search(head)
            size = int(length[1]) if length else 0
            body_at = end + len(_END)
            if len(self._buffer) < body_at + size:
                if _CONTINUE.search(head):
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            self._answer(
                head, self._buffer[body_at : body_at + size] if self._decodes else b"", size
            )
            del self._buffer[: body_at + size]

    def _answer(self, head: bytes, body: bytes | bytearray, size: int) -> None:
        if not head.startswith(b"POST "):
            is_report = head.startswith(b"GET /report")
            self._transport.write(self._report() if is_report else _UNKNOWN)
            return
        self._counts.requests += 1
        self._counts.body_bytes += size
        if self._decodes:
            message = decoded(unpacked(bytes(body)), 2 if _V2 in head else 1)
            self._counts.items += message.items
            self._counts.series_messages += len(message.series)
        self._transport.write(_NO_CONTENT)

    def _report(self) -> bytes:
        body = msgspec.json.encode(self._counts)
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


if __name__ == "__main__":
    main()
