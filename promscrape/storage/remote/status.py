"""How a destination of remote write stands, as the API and the pages show it."""

from collections.abc import Mapping
from typing import final

import msgspec


@final
class RefusedSeries(msgspec.Struct, frozen=True):
    """A series that the peer would not take, and what it said of it.

    labels: as they were sent, after relabeling.
    status: of the answer. said: its text, verbatim but for credentials, at most 1024 bytes.
    t_ms: the wall time of the answer.
    """

    labels: Mapping[str, str]
    status: int
    said: str
    t_ms: int


@final
class DestinationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One destination at one moment. Counts are since the start of the process.

    url: with its password masked.
    message: the protobuf message that is sent now, so the version of the protocol.
    segment, offset: the position in the log up to which the peer has everything.
    lag_s: from the newest sample in the log to the newest that the peer has; 0 where it has all.
    lag_bytes: of the log, from the position to its end.
    pending: samples, histograms and exemplars that wait in the shards.
    in_rate, out_rate: items a second, appended by scrapes and sent to this destination.
    last_error: of the last attempt that failed, without credentials; "" where none has.
    last_error_ms, last_success_ms: wall times; None for never.
    refused_count: items that the peer refused. refused: the last of their series, newest first.
    given_up_bytes: of the log, dropped before the peer had them.
    """

    name: str
    url: str
    message: str
    segment: int
    offset: int
    lag_s: float
    lag_bytes: int
    shards: int
    shards_min: int
    shards_max: int
    shards_desired: float
    pending: int
    in_rate: float
    out_rate: float
    sent: int
    failed: int
    retried: int
    dropped: int
    last_error: str = ""
    last_error_ms: int | None = None
    last_success_ms: int | None = None
    refused_count: int = 0
    refused: tuple[RefusedSeries, ...] = ()
    given_up_bytes: int = 0
