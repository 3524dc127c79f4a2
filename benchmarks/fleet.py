"""A fleet of targets in one process that costs next to nothing: answers are made beforehand.

    python -m benchmarks.fleet '<a FleetSpec as JSON>'

Each target has an address of its own in 127.0.0.0/8 and serves its generations in turn. It keeps
when each request came, from which `GET /report` on the control port says how many scrapes were
missed and how late the others were.
"""

import asyncio
import resource
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast, final

import msgspec
import uvloop

from benchmarks.bodies import (
    NODE_EXPORTER,
    Body,
    Endless,
    enlarged,
    generations,
    samples_of,
    shortened,
)

_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n%s"
    b"Content-Length: %d\r\n\r\n"
)
_GZIP = b"Content-Encoding: gzip\r\n"
_END = b"\r\n\r\n"


class FleetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is exposed. samples: a target's, 0 for all of the node_exporter's.

    endless: the churning series are never seen again; otherwise the generations come round.
    """

    port: int
    control_port: int
    targets: int
    interval_s: float
    copies: int = 1
    samples: int = 0
    generations: int = 8
    churn_percent: int = 0
    endless: bool = False


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What was served between two moments of the monotonic clock, lateness in seconds.

    asked: how many targets were, at least once.
    """

    samples_a_target: int
    asked: int
    scrapes: int
    body_bytes: int
    missed: int
    late_p50_s: float
    late_p99_s: float
    late_max_s: float


def addresses(spec: FleetSpec) -> list[str]:
    """Return the host of each target."""
    return [
        f"127.{1 + index // 62_500}.{index // 250 % 250}.{index % 250 + 1}"
        for index in range(spec.targets)
    ]


def main() -> None:
    """Serve until the process is ended."""
    spec = msgspec.json.decode(sys.argv[1], type=FleetSpec)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard) if soft < hard else (soft, hard))
    uvloop.run(_serve(spec))


async def _serve(spec: FleetSpec) -> None:
    text = shortened(NODE_EXPORTER, spec.samples) if spec.samples else NODE_EXPORTER
    text = enlarged(text, spec.copies)
    answers = _answers(text, spec)
    targets = [_Target(answers, index) for index in range(spec.targets)]
    loop = asyncio.get_running_loop()
    for host, target in zip(addresses(spec), targets, strict=True):
        await loop.create_server(partial(_Connection, target), host, spec.port, backlog=16)
    count = samples_of(text)
    size = sum(len(of("0")[True]) for of in answers) // len(answers)

    def report(since_s: float, until_s: float) -> bytes:
        return msgspec.json.encode(_report(targets, spec.interval_s, count, size, since_s, until_s))

    control = await loop.create_server(lambda: _Control(report), "127.0.0.1", spec.control_port)
    await control.serve_forever()


Answer = tuple[bytes, bytes]
"""An answer, head and all: plain, and packed."""


def _answers(text: str, spec: FleetSpec) -> Sequence[Callable[[str], Answer]]:
    """Return what gives the answers of each generation, by the name of the series in it."""
    if spec.endless:
        return [
            partial(_endless, Endless(text, number=number, churn_percent=spec.churn_percent))
            for number in range(spec.generations)
        ]
    bodies = generations(text, count=spec.generations, churn_percent=spec.churn_percent)
    return [partial(_same, _answer(body)) for body in bodies]


def _answer(body: Body) -> Answer:
    return (
        _HEAD % (b"", len(body.plain)) + body.plain,
        _HEAD % (_GZIP, len(body.packed)) + body.packed,
    )


def _endless(body: Endless, name: str) -> Answer:
    return _answer(body.named(name))


def _same(answer: Answer, _name: str) -> Answer:
    return answer


@final
class _Target:
    """One target: which generation comes next, and when each request came."""

    def __init__(self, answers: Sequence[Callable[[str], Answer]], index: int) -> None:
        self._answers, self._index = answers, index
        self.came_s = array("d")

    def answer(self, *, takes_gzip: bool) -> bytes:
        count = len(self.came_s)
        self.came_s.append(time.monotonic())
        return self._answers[count % len(self._answers)](f"{self._index}-{count}")[takes_gzip]


@final
class _Connection(asyncio.Protocol):
    """Takes GET requests, one after the other, each usually in one piece."""

    def __init__(self, target: _Target) -> None:
        self._target = target
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        head = self._head + data
        while (end := head.find(_END)) >= 0:
            takes_gzip = b"gzip" in head[:end]
            self._transport.write(self._target.answer(takes_gzip=takes_gzip))
            head = head[end + len(_END) :]
        self._head = head


@final
class _Control(asyncio.Protocol):
    """Answers `GET /report?<since>,<until>`, moments of this machine's monotonic clock."""

    def __init__(self, report: Callable[[float, float], bytes]) -> None:
        self._report = report

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own class is no subclass

    def data_received(self, data: bytes) -> None:
        since, _, until = data.split(b" ")[1].partition(b"?")[2].partition(b",")
        body = self._report(float(since or 0), float(until or time.monotonic()))
        self._transport.write(_HEAD % (b"", len(body)) + body)
        self._transport.close()


def _report(
    targets: Sequence[_Target],
    interval_s: float,
    samples: int,
    body_bytes: int,
    since_s: float,
    until_s: float,
) -> Report:
    asked, scrapes, missed, late_s = 0, 0, 0, list[float]()
    for target in targets:
        came_s = [moment for moment in target.came_s if since_s <= moment < until_s]
        asked += bool(came_s)
        scrapes += len(came_s)
        expected = int((until_s - since_s) / interval_s)
        missed += max(expected - len(came_s), 0)
        late_s += _lateness_s(came_s, interval_s)
    late_s = sorted(late_s) or [0.0]
    return Report(
        samples_a_target=samples,
        asked=asked,
        scrapes=scrapes,
        body_bytes=body_bytes,
        missed=missed,
        late_p50_s=late_s[len(late_s) // 2],
        late_p99_s=late_s[len(late_s) * 99 // 100],
        late_max_s=late_s[-1],
    )


def _lateness_s(came_s: Sequence[float], interval_s: float) -> list[float]:
    """Return how late each request was on the grid that the most punctual one is on."""
    if not came_s:
        return []
    phases = [moment % interval_s for moment in came_s]
    # The grid's phase can be anywhere on the circle: begin after its largest empty stretch.
    ordered = sorted(phases)
    gaps = [
        (later - earlier) % interval_s
        for earlier, later in zip(ordered, ordered[1:] + ordered[:1], strict=True)
    ]
    if len(ordered) == 1:
        return [0.0]
    first = ordered[(gaps.index(max(gaps)) + 1) % len(ordered)]
    return [(phase - first) % interval_s for phase in phases]


if __name__ == "__main__":
    main()
