"""Finding out that the other end of a connection is gone, though nobody said so."""

import contextlib
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import aiohttp

_IDLE_S, _INTERVAL_S, _PROBES = 30, 10, 3
_SILENT_AFTER_MS = 60_000

# A system that lacks one of them does with the others.
_OPTIONS: Final = (
    ("TCP_KEEPIDLE", _IDLE_S),
    ("TCP_KEEPALIVE", _IDLE_S),  # what macOS calls it
    ("TCP_KEEPINTVL", _INTERVAL_S),
    ("TCP_KEEPCNT", _PROBES),
    ("TCP_USER_TIMEOUT", _SILENT_AFTER_MS),
)


def keep_alive(answer: "aiohttp.ClientResponse") -> None:
    """Let the kernel probe the connection of an answer, and cut it after a minute of silence.

    A watch can say nothing for minutes and be well. Without probes, a connection that a firewall
    or a dead machine dropped would look the same until the watch's own deadline.
    """
    transport = answer.connection.transport if answer.connection is not None else None
    wire = transport.get_extra_info("socket") if transport is not None else None
    if wire is None:
        return
    with contextlib.suppress(OSError):  # it may be closed already
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _OPTIONS:
            if hasattr(socket, name):
                wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
