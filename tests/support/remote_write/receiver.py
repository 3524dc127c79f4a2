"""A receiver of remote write 1.0 and 2.0 on loopback that checks every demand of both documents.

async with Receiver() as receiver:
    ...                                  # a sender writes to receiver.url
    receiver.script.append(answer(500))  # what the next request meets
    assert receiver.faults == []
    receiver.series[labels]              # samples in the order of their arrival
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, final

from aiohttp import web
from google.protobuf.message import DecodeError

from tests.support.http_server import RecordingServer
from tests.support.remote_write.demands import header_faults, message_faults, version_of
from tests.support.remote_write.faults import SERVE, Fault, Way
from tests.support.remote_write.message import (
    Pairs,
    WireMetadata,
    WireRequest,
    WireSample,
    WireSeries,
    decoded,
    unpacked,
)

_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


@dataclass(slots=True)
class Received:
    """One request: when it came by the loop's clock, and what was done with it."""

    t_s: float
    headers: Mapping[str, str]
    body: bytes
    message: WireRequest | None
    way: Way
    status: int


@dataclass(slots=True)
class Taken:
    """What of a request was taken, by kind."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0


@dataclass(slots=True)
class _Room:
    """How many items may still be taken; None for all."""

    left: int | None

    def take(self, count: int) -> int:
        if self.left is None:
            return count
        taken = min(count, self.left)
        self.left -= taken
        return taken


Refuse = Callable[[WireSeries], str]
"""Returns why a series is refused, "" where it is not."""


def nothing(_: WireSeries) -> str:
    return ""


@final
class Receiver:
    """Takes requests on every path.

    script: what the next requests meet, one each. default: what those after it meet.
    refuses: a request with a series that this refuses is answered 400 and not taken, as
        Prometheus does with a sample that it cannot append.
    requests: all that came. series: the samples that were taken, by labels. faults: what any
        request was wrong about, in the order of arrival.
    says_written: whether answers have the Written headers, which a receiver of 1.0 has not.
    knows_v2: whether version 2.0 is taken; answered 415 if not.
    """

    def __init__(self, *, says_written: bool = True, knows_v2: bool = True) -> None:
        self.script: deque[Fault] = deque()
        self.default = SERVE
        self.refuses: Refuse = nothing
        self.requests: list[Received] = []
        self.series: dict[Pairs, list[WireSample]] = {}
        self.histograms: dict[Pairs, list[int]] = {}
        self.exemplars: dict[Pairs, list[tuple[Pairs, float, int]]] = {}
        self.metadata: list[WireMetadata] = []
        self.faults: list[str] = []
        self._says_written, self._knows_v2 = says_written, knows_v2
        self._over = asyncio.Event()
        self._server = RecordingServer(self._answer)

    @property
    def url(self) -> str:
        return f"{self._server.url}/api/v1/write"

    @property
    def messages(self) -> list[WireRequest]:
        """The message of each request that could be decoded, taken or not."""
        return [request.message for request in self.requests if request.message]

    def names(self) -> set[str]:
        """The metric names of what was taken."""
        return {dict(labels).get("__name__", "") for labels in self.series}

    def of(self, name: str, /, **labels: str) -> list[WireSample]:
        """Return the samples of the one series with this name and at least these labels."""
        wanted = {"__name__": name, **labels}.items()
        found = [taken for pairs, taken in self.series.items() if wanted <= dict(pairs).items()]
        assert len(found) == 1, f"{len(found)} series {dict(wanted)}"
        return found[0]

    def disorder(self) -> list[str]:
        """Say what of the taken samples was not in the order of its series.

        A sample that came before, with the same value, is a harmless repeat of a request whose
        answer was lost.
        """
        found = []
        for labels, samples in self.series.items():
            seen: dict[int, int] = {}
            newest = -1 << 63
            for sample in samples:
                if sample.t_ms < newest and seen.get(sample.t_ms) != sample.bits:
                    found.append(f"{sample.t_ms} after {newest} in {dict(labels)}")
                seen[sample.t_ms] = sample.bits
                newest = max(newest, sample.t_ms)
        return found

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fault = self.script.popleft() if self.script else self.default
        body = self._server.bodies[-1]
        message = self._checked(request, body)
        received = Received(
            asyncio.get_running_loop().time(),
            dict(request.headers),
            body,
            message,
            fault.way,
            fault.status,
        )
        self.requests.append(received)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        response = await self._response(request, message, fault)
        received.status = response.status
        return response

    def _checked(self, request: web.Request, body: bytes) -> WireRequest | None:
        """Note what is wrong with a request, and return its message if it has one."""
        names = Counter(name.lower() for name in request.headers)
        self.faults += header_faults(request.method, request.headers, names, body)
        try:
            version = version_of(request.headers.get("Content-Type", "")) or 1
            message = decoded(unpacked(body), version)
        except (ValueError, DecodeError) as exc:
            self.faults.append(f"a body that cannot be read: {exc}")
            return None
        self.faults += message_faults(message)
        return message

    async def _response(
        self, request: web.Request, message: WireRequest | None, fault: Fault
    ) -> web.StreamResponse:
        if fault.way is Way.ANSWER:
            return web.Response(status=fault.status, text=fault.text, headers=dict(fault.headers))
        if fault.way is Way.HANG:
            await self._over.wait()
        if fault.way in (Way.HANG, Way.CUT):
            return reset(request)
        if fault.way is Way.TRUNCATE:
            return truncated(request)
        if message is None:
            return web.Response(status=400, text="the body cannot be read")
        if message.version == 2 and not self._knows_v2:
            return web.Response(status=415, text="only prometheus.WriteRequest is known")
        refusals = [why for series in message.series if (why := self.refuses(series))]
        if refusals:
            return web.Response(status=400, text=refusals[0], headers=self._written(Taken()))
        taken = self._take(message, fault.takes if fault.way is Way.PARTLY else None)
        if fault.way is Way.LOSE:
            return reset(request)
        headers = {**self._written(taken), **fault.headers}
        return web.Response(status=fault.status, text=fault.text, headers=headers)

    def _take(self, message: WireRequest, limit: int | None) -> Taken:
        room, taken = _Room(limit), Taken()
        for series in message.series:
            samples = series.samples[: room.take(len(series.samples))]
            self.series.setdefault(series.labels, []).extend(samples)
            histograms = series.histograms[: room.take(len(series.histograms))]
            if histograms:
                times = [histogram.t_ms for histogram in histograms]
                self.histograms.setdefault(series.labels, []).extend(times)
            exemplars = series.exemplars[: room.take(len(series.exemplars))]
            if exemplars:
                self.exemplars.setdefault(series.labels, []).extend(exemplars)
            taken.samples += len(samples)
            taken.histograms += len(histograms)
            taken.exemplars += len(exemplars)
        self.metadata += message.metadata
        return taken

    def _written(self, taken: Taken) -> dict[str, str]:
        if not self._says_written:
            return {}
        return {
            _WRITTEN.format("Samples"): str(taken.samples),
            _WRITTEN.format("Histograms"): str(taken.histograms),
            _WRITTEN.format("Exemplars"): str(taken.exemplars),
        }

    async def leave(self) -> None:
        """Listen no longer: connections are refused."""
        await self._server.stop()

    async def come_back(self) -> None:
        """Listen on the same port again."""
        await self._server.start()

    async def __aenter__(self) -> Self:
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


def reset(request: web.Request) -> web.Response:
    """End the connection of a request without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def truncated(request: web.Request) -> web.Response:
    """Answer with half a head, and end the connection."""
    if request.transport is not None:
        request.transport.write(b"HTTP/1.1 204 No Con")
        request.transport.close()
    return web.Response()
