"""What can go wrong with the answers of a server, to be switched on by a test."""

import asyncio
from enum import Enum, auto
from typing import final

from aiohttp import web

from tests.support.http_server import Answer


@final
class Fault(Enum):
    """One way to fail.

    ERROR: status 500, with a sentence. HANG: the request is taken, and nothing comes back.
    TRICKLE: the head comes, then a byte now and then, without an end. CUT: the connection is
    closed within the body. GARBAGE: status 200 with a body that is no JSON. WRONG_SHAPE: JSON of
    another shape. EMPTY: no body at all.
    """

    ERROR = auto()
    HANG = auto()
    TRICKLE = auto()
    CUT = auto()
    GARBAGE = auto()
    WRONG_SHAPE = auto()
    EMPTY = auto()


@final
class Faults:
    """Answers as `answer` does, but for the paths that contain `where` while a fault is `active`."""

    def __init__(self, answer: Answer) -> None:
        self.active: Fault | None = None
        self.where = ""
        self._answer = answer

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if self.active is None or self.where not in request.path:
            return await self._answer(request)
        match self.active:
            case Fault.ERROR:
                return web.Response(status=500, text="rpc error: No cluster leader")
            case Fault.HANG:
                await asyncio.Event().wait()
            case Fault.TRICKLE | Fault.CUT:
                return await self._begin(request, self.active)
            case Fault.GARBAGE:
                return web.Response(text='[{"a": ', content_type="application/json")
            case Fault.WRONG_SHAPE:
                return web.json_response("a text")
        return web.Response()

    async def _begin(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100000"})
        await response.prepare(request)
        await response.write(b"[")
        while fault is Fault.TRICKLE:
            await response.write(b" ")
            await asyncio.sleep(0.01)
        assert request.transport is not None
        request.transport.close()
        return response
