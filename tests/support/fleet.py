"""A thousand targets in one process: `python -m tests.support.fleet PORT BODY`.

Every path is a target that serves the body, packed, with numbers that move from one of a few
variants to the next. The server does no more than that, so that what is measured is who scrapes.
"""

import asyncio
import gzip
import re
import sys
from pathlib import Path

import uvloop

VARIANTS = 8
_NUMBER = re.compile(rb"(?m)^([^#\n].* )([0-9]+)$")


def variants(body: bytes) -> list[bytes]:
    """Return packed bodies with the same series, integers counted up."""

    def moved(step: int) -> bytes:
        return _NUMBER.sub(lambda match: b"%s%d" % (match[1], int(match[2]) + step), body)

    return [gzip.compress(moved(step), 6) for step in range(VARIANTS)]


class Target(asyncio.Protocol):
    """One connection: requests in, the next variant out."""

    answers: list[bytes]
    served = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # TCP
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            _, _, self._received = self._received.partition(b"\r\n\r\n")
            Target.served += 1
            self._transport.write(self.answers[Target.served % VARIANTS])


async def serve(port: int, body: bytes) -> None:
    """Serve until the process is ended."""
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    )
    Target.answers = [head % len(packed) + packed for packed in variants(body)]
    server = await asyncio.get_running_loop().create_server(Target, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes()))
