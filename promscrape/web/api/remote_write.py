"""The destinations of remote write: where each stands, and what its peer refused."""

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.rfc3339 import utc_time
from promscrape.storage.remote.status import DestinationStatus, RefusedSeries
from promscrape.web.api.envelope import api_route
from promscrape.web.api.targets import NEVER
from promscrape.web.router import Route
from promscrape.web.state import Service


class Position(msgspec.Struct, frozen=True):
    """How far into the log the peer has everything."""

    segment: int
    offset: int


class Shards(msgspec.Struct, frozen=True):
    current: int
    min: int
    max: int
    desired: float


class Refused(msgspec.Struct, frozen=True):
    """A series that the peer did not take; `error` is what it said."""

    labels: dict[str, str]
    status: int
    error: str
    time: str


class Destination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A destination; rates are items a second, counts items since the start."""

    name: str
    url: str
    protobuf_message: str
    position: Position
    lag_seconds: float
    lag_bytes: int
    given_up_bytes: int
    shards: Shards
    pending: int
    in_rate: float
    out_rate: float
    sent: int
    failed: int
    retried: int
    dropped: int
    last_success: str
    last_error: str
    last_error_time: str
    refused: int
    refused_series: list[Refused]


class RemoteWrite(msgspec.Struct, frozen=True):
    """The answer to `status/remote_write`, destinations in the order of the configuration."""

    destinations: list[Destination]


def remote_write_routes(service: Service) -> list[Route]:
    async def remote_write(_: BaseRequest) -> object:
        return RemoteWrite([destination(status) for status in service.destinations()])

    return [api_route("/status/remote_write", remote_write)]


def destination(status: DestinationStatus) -> Destination:
    """Return a destination as the API shows it."""
    return Destination(
        name=status.name,
        url=status.url,
        protobuf_message=status.message,
        position=Position(status.segment, status.offset),
        lag_seconds=status.lag_s,
        lag_bytes=status.lag_bytes,
        given_up_bytes=status.given_up_bytes,
        shards=Shards(status.shards, status.shards_min, status.shards_max, status.shards_desired),
        pending=status.pending,
        in_rate=status.in_rate,
        out_rate=status.out_rate,
        sent=status.sent,
        failed=status.failed,
        retried=status.retried,
        dropped=status.dropped,
        last_success=_time(status.last_success_ms),
        last_error=status.last_error,
        last_error_time=_time(status.last_error_ms),
        refused=status.refused_count,
        refused_series=[_refused(series) for series in status.refused],
    )


def _refused(series: RefusedSeries) -> Refused:
    return Refused(dict(series.labels), series.status, series.said, _time(series.t_ms))


def _time(t_ms: int | None) -> str:
    return NEVER if t_ms is None else utc_time(t_ms * 1_000_000)
