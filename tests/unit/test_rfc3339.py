import time
from collections.abc import Iterator

import pytest

from promscrape.rfc3339 import local_time, local_time_ms, utc_time

NS = 1_767_323_045_120_000_000  # 2026-01-02T03:04:05.12Z


@pytest.fixture(params=["UTC", "EST+5", "NPT-5:45"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


LOCAL = {
    "UTC": ("2026-01-02T03:04:05", "Z"),
    "EST+5": ("2026-01-01T22:04:05", "-05:00"),
    "NPT-5:45": ("2026-01-02T08:49:05", "+05:45"),
}


def test_local_times_have_the_zones_offset(zone: str) -> None:
    """Service 6.3, 8: lastScrape and the log are in the local zone, as in the reference."""
    seconds, offset = LOCAL[zone]
    assert local_time(NS) == f"{seconds}.12{offset}"
    assert local_time_ms(NS) == f"{seconds}.120{offset}"


@pytest.mark.usefixtures("zone")
def test_utc_is_utc_in_every_zone() -> None:
    """Service 6.5: startTime and serverTime are UTC."""
    assert utc_time(NS) == "2026-01-02T03:04:05.12Z"


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1, "1970-01-01T00:00:00.000000001Z")],
)
def test_the_fraction_is_as_long_as_it_must_be(ns: int, text: str) -> None:
    """Service 6.3: Go's RFC3339Nano."""
    assert utc_time(ns) == text
