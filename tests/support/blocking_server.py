"""A TLS server that does not run on an event loop.

asyncio's own servers hang up where a handshake fails, without the alert that says why. This one
is a thread with blocking sockets, and sends it, as most servers do.
"""

import contextlib
import socket
import ssl
import threading
from types import TracebackType
from typing import Self, final

_READ_BYTES = 65536
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


@final
class BlockingServer:
    """Answers one request a connection, one connection after the other, on loopback."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="blocking-server")
        self._is_over = False

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._is_over:
                connection.close()
                return
            # What the client is told of a failed handshake is what the test is about.
            with contextlib.suppress(ConnectionError):
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ) as secured:
            try:
                secured.do_handshake()
            except ssl.SSLError:
                # A socket that is closed with something unread cuts off the alert it has sent.
                while socket.socket.recv(secured, _READ_BYTES):
                    pass
                return
            secured.recv(_READ_BYTES)
            secured.sendall(_ANSWER)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        socket.create_connection(self._listener.getsockname()).close()  # wakes the thread
        self._thread.join()
        self._listener.close()
