"""A proxy in front of a real exporter that remembers every body it handed on."""

import http.client
from http.server import BaseHTTPRequestHandler
from typing import final

from tests.support.threaded_target import ThreadedTarget, send

_HANDED_ON = ("Accept", "Accept-Encoding", "User-Agent", "X-Prometheus-Scrape-Timeout-Seconds")


@final
class Recorder(ThreadedTarget):
    """Passes requests on to `host:port` as they are; bodies unpacked."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self.bodies: list[bytes] = []
        self._upstream = upstream

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
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
        send(handler, answer.status, answer.headers["Content-Type"], body)
