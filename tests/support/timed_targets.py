"""Targets that note when each request came: many small ones, and a large one with bodies of its own.

All are paths of one server on the loop of the test, which does nothing else meanwhile.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Self, final

LARGE = "/large"

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n%sContent-Length: %d\r\n\r\n"
)
_SMALL = b"up_since_seconds 1.5\nrequests_total 12\n"
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 64 << 10


@final
class TimedTargets:
    """Serves while it is entered; its clients have to end first.

    bodies: of the large target, in turn, gzip or as they are; the last one again and again.
    came_s: by path, when its requests came, by the monotonic clock.
    """

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self._bodies = bodies
        self.came_s: dict[str, list[float]] = defaultdict(list)
        self.port = 0
        self._serving: set[asyncio.Task[None]] = set()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                came_s = time.monotonic()
                path = head.split(b" ", 2)[1].decode()
                self.came_s[path].append(came_s)
                await self._answer(path, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path != LARGE:
            writer.write(_HEAD % (b"", len(_SMALL)) + _SMALL)
            return
        body = self._bodies[min(len(self.came_s[LARGE]), len(self._bodies)) - 1]
        encoding = b"Content-Encoding: gzip\r\n" if body.startswith(_GZIP) else b""
        writer.write(_HEAD % (encoding, len(body)))
        # In pieces, so that the small targets do not wait here.
        for start in range(0, len(body), _CHUNK_BYTES):
            writer.write(body[start : start + _CHUNK_BYTES])
            await writer.drain()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        if self._serving:
            await asyncio.wait(self._serving)
        await self._server.wait_closed()


def lateness_s(came_s: Sequence[float], interval_s: float) -> list[float]:
    """Return how much later than an interval after the one before it each request came."""
    gaps = [later - earlier for earlier, later in pairwise(came_s)]
    return [0.0, *(max(gap - interval_s, 0.0) for gap in gaps)]
