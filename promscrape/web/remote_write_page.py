"""What the page of remote write shows: each destination in the words of a person."""

import msgspec

from promscrape.rfc3339 import local_time_ms
from promscrape.storage.remote.status import DestinationStatus, RefusedSeries


class RefusedRow(msgspec.Struct, frozen=True):
    labels: dict[str, str]
    time: str
    status: int
    said: str


class DestinationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A destination as the page shows it.

    health: `up` where the last attempt succeeded, `down` where it failed, `unknown` before it.
    """

    name: str
    url: str
    health: str
    last_error: str
    last_error_time: str
    lag: str
    lag_bytes: str
    given_up_bytes: str
    position: str
    shards: str
    pending: str
    rates: str
    sent: str
    failed: str
    dropped: str
    refused_count: str
    refused: list[RefusedRow]


def destination_row(status: DestinationStatus) -> DestinationRow:
    return DestinationRow(
        name=status.name,
        url=status.url,
        health=_health(status),
        last_error=status.last_error,
        last_error_time=_time(status.last_error_ms),
        lag=f"{status.lag_s:.1f} s",
        lag_bytes=f"{status.lag_bytes:,}",
        given_up_bytes=f"{status.given_up_bytes:,}" if status.given_up_bytes else "",
        position=f"{status.segment:08d} at {status.offset:,}",
        shards=f"{status.shards} of {status.shards_max}",
        pending=f"{status.pending:,}",
        rates=f"{status.in_rate:,.0f}, {status.out_rate:,.0f}",
        sent=f"{status.sent:,}",
        failed=f"{status.failed:,}",
        dropped=f"{status.dropped:,}",
        refused_count=f"{status.refused_count:,}",
        refused=[_refused_row(series) for series in status.refused],
    )


def _health(status: DestinationStatus) -> str:
    failed, succeeded = status.last_error_ms, status.last_success_ms
    if failed is None and succeeded is None:
        return "unknown"
    return "up" if (succeeded or 0) >= (failed or 0) else "down"


def _refused_row(series: RefusedSeries) -> RefusedRow:
    return RefusedRow(dict(series.labels), _time(series.t_ms), series.status, series.said)


def _time(t_ms: int | None) -> str:
    return "" if t_ms is None else local_time_ms(t_ms * 1_000_000)
