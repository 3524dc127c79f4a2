"""The listening sockets, and how many connections there may be at a time.

A connection over the limit is not refused: it stays in the kernel's queue, unaccepted, until
another one ends. The listeners share one limit, and none of them holds a part of it while it
waits.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import TypeAlias, final

from promscrape.flags.external_url import split_host_port
from promscrape.model.invalid import InvalidValue

Serve: TypeAlias = Callable[[socket.socket], None]
"""Takes over an accepted connection. `Listeners.release` is owed for each."""

# What accept() says when the process or the machine has no room for a connection.
_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_RETRY_S = 1.0


@final
class Listeners:
    """Accepts connections on several sockets, up to a number at a time."""

    def __init__(self, sockets: list[socket.socket], max_connections: int, serve: Serve) -> None:
        self._sockets, self._serve = sockets, serve
        self._free = max_connections
        self._loop = asyncio.get_running_loop()
        self._is_accepting = False
        self._retry: asyncio.TimerHandle | None = None
        self._resume()

    def release(self) -> None:
        """Say that an accepted connection has ended."""
        self._free += 1
        self._resume()

    def close(self) -> None:
        """Stop listening. Connections that were accepted are not touched."""
        self._pause()
        if self._retry is not None:
            self._retry.cancel()
        for listener in self._sockets:
            listener.close()
        self._sockets = []

    def _resume(self) -> None:
        if self._is_accepting or self._free <= 0 or self._retry is not None:
            return
        for listener in self._sockets:
            self._loop.add_reader(listener, self._accept, listener)
        self._is_accepting = True

    def _pause(self) -> None:
        if self._is_accepting:
            for listener in self._sockets:
                self._loop.remove_reader(listener)
        self._is_accepting = False

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError as exc:
            if exc.errno in _NO_ROOM:
                # The connection stays in the queue; asking again at once would only spin.
                self._pause()
                self._retry = self._loop.call_later(_RETRY_S, self._retry_accept)
            return
        connection.setblocking(False)  # the standard library's signature
        self._free -= 1
        if self._free <= 0:
            self._pause()
        self._serve(connection)

    def _retry_accept(self) -> None:
        self._retry = None
        self._resume()


async def listen(address: str) -> socket.socket:
    """Listen on `host:port`, `:port` or `[v6]:port`. Raises OSError in Go's words."""
    try:
        host, port = split_host_port(address)
    except InvalidValue as exc:
        raise OSError(f"listen tcp: {exc}") from exc
    family, target = await _resolve(host, port)
    try:
        listener = socket.create_server(
            target,
            family=family,
            backlog=socket.SOMAXCONN,
            dualstack_ipv6=not host and family == socket.AF_INET6,
        )
    except OSError as exc:
        reason = (exc.strerror or str(exc)).lower()
        raise OSError(f"listen tcp {address}: bind: {reason}") from exc
    listener.setblocking(False)
    return listener


async def _resolve(host: str, port: str) -> tuple[socket.AddressFamily, tuple[str, int]]:
    if port.isdigit() and int(port) > 0xFFFF:
        raise OSError(f"listen tcp: address {port}: invalid port")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, port or None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as exc:
        raise OSError(f"listen tcp: lookup {host}:{port}: {exc.strerror}") from exc
    family, _, _, _, target = found[0]
    if not host:
        # Every address of the machine, of both families where one socket can serve both.
        both = socket.has_dualstack_ipv6()
        return socket.AF_INET6 if both else socket.AF_INET, ("", int(target[1]))
    return socket.AddressFamily(family), (str(target[0]), int(target[1]))
