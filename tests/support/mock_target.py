"""A target with a body for each path, which answers as the public sender suite's target does."""

from collections.abc import Mapping
from typing import Final, final

from aiohttp import web

from tests.support.http_server import Entered, RecordingServer

TEXT: Final = "text/plain; version=0.0.4"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@final
class MockTarget(Entered):
    """Serves `bodies` by path, without looking at Accept.

    A body with an exemplar is OpenMetrics and gets its `# EOF`; any other is the classic text.
    """

    def __init__(self, bodies: Mapping[str, str]) -> None:
        self.bodies = dict(bodies)
        self.server = RecordingServer(self._answer)

    @property
    def address(self) -> str:
        return self.server.url.removeprefix("http://")

    @property
    def scrapes(self) -> int:
        """How often it was asked."""
        return len(self.server.requests)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = self.bodies.get(request.path)
        if body is None:
            return web.Response(status=404)
        if "# {" in body:
            text = body if body.endswith("\n") else f"{body}\n"
            headers = {"Content-Type": OPENMETRICS}
            return web.Response(body=f"{text}# EOF\n".encode(), headers=headers)
        return web.Response(body=body.encode(), headers={"Content-Type": TEXT})
