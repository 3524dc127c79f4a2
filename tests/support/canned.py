"""A target that says the same to everyone: one body, one type."""

from http.server import BaseHTTPRequestHandler
from typing import final

from tests.support.threaded_target import ThreadedTarget, send


@final
class CannedTarget(ThreadedTarget):
    """Serves `body` on every path. accepted: the Accept header of each request."""

    def __init__(self, body: bytes, content_type: str) -> None:
        super().__init__()
        self.body, self.content_type = body, content_type
        self.accepted: list[str] = []

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.accepted.append(handler.headers.get("Accept", ""))
        send(handler, 200, self.content_type, self.body)
