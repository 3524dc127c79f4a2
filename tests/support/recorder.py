"""A proxy in front of a real exporter that remembers every body it handed on."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, final

_HANDED_ON = ("Accept", "Accept-Encoding", "User-Agent", "X-Prometheus-Scrape-Timeout-Seconds")


@final
class Recorder:
    """Listens on loopback and passes requests on to `host:port` as they are; bodies unpacked."""

    def __init__(self, upstream: str) -> None:
        self.bodies: list[bytes] = []
        self._upstream = upstream
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                recorder.hand_on(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def hand_on(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request with what the exporter says to it."""
        headers = {name: handler.headers[name] for name in _HANDED_ON if name in handler.headers}
        headers["Accept-Encoding"] = "identity"
        connection = http.client.HTTPConnection(self._upstream, timeout=10)
        try:
            connection.request("GET", handler.path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        self.bodies.append(body)
        handler.send_response(answer.status)
        handler.send_header("Content-Type", answer.headers["Content-Type"])
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
