"""A proxy before a real receiver that fails as networks and busy servers do.

What it does with a request is a `Fault`; one that is served is passed on, and so is the answer.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, final

from aiohttp import ClientSession, web

from tests.support.http_server import RecordingServer
from tests.support.remote_write.faults import SERVE, Fault, Way
from tests.support.remote_write.receiver import reset, truncated

# Of one connection only, and not to be passed on.
_OWN = frozenset({"host", "connection", "content-length", "transfer-encoding", "date", "server"})


@dataclass(slots=True)
class Passage:
    """One request: when it came by the loop's clock, its headers, and how it was answered.

    status: what the client was told; 0 where it was told nothing.
    """

    t_s: float
    headers: Mapping[str, str]
    way: Way
    status: int = 0


@final
class FaultProxy:
    """Passes requests on to `upstream`, a URL without a path, but for what its script says.

    script: what the next requests meet, one each. default: what those after it meet.
    """

    def __init__(self, upstream: str) -> None:
        self.script: deque[Fault] = deque()
        self.default = SERVE
        self.passages: list[Passage] = []
        self._upstream = upstream
        self._over = asyncio.Event()
        self._server = RecordingServer(self._answer)

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return self._server.url

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        came_s = asyncio.get_running_loop().time()
        fault = self.script.popleft() if self.script else self.default
        body = self._server.bodies[-1]
        passage = Passage(came_s, dict(request.headers), fault.way)
        self.passages.append(passage)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        passage.status, response = await self._response(request, body, fault)
        return response

    async def _response(
        self, request: web.Request, body: bytes, fault: Fault
    ) -> tuple[int, web.Response]:
        if fault.way is Way.ANSWER:
            headers = dict(fault.headers)
            return fault.status, web.Response(status=fault.status, text=fault.text, headers=headers)
        if fault.way is Way.HANG:
            await self._over.wait()
        if fault.way in (Way.HANG, Way.CUT):
            return 0, reset(request)
        if fault.way is Way.TRUNCATE:
            return 0, truncated(request)
        passed = await self._pass_on(request, body)
        if fault.way is Way.LOSE:
            return 0, reset(request)
        return passed.status, passed

    async def _pass_on(self, request: web.Request, body: bytes) -> web.Response:
        async with self._session.request(
            request.method,
            f"{self._upstream}{request.raw_path}",
            headers=_passed(request.headers),
            data=body,
            allow_redirects=False,
        ) as answer:
            return web.Response(
                status=answer.status, body=await answer.read(), headers=_passed(answer.headers)
            )

    async def __aenter__(self) -> Self:
        self._session = ClientSession(auto_decompress=False)
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        await self._server.__aexit__(exc_type, exc, traceback)
        await self._session.close()


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OWN}
