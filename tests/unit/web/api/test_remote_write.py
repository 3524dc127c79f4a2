"""The API answer and the page about destinations."""

import msgspec
import pytest

from promscrape.storage.remote.status import DestinationStatus, RefusedSeries
from tests.support.service import FakeService, serving

STATUS = DestinationStatus(
    name="central",
    url="http://me:xxxxx@peer.example/write",
    message="prometheus.WriteRequest",
    segment=7,
    offset=32768,
    lag_s=12.5,
    lag_bytes=1_234_567,
    shards=2,
    shards_min=1,
    shards_max=50,
    shards_desired=1.75,
    pending=40,
    in_rate=1000.5,
    out_rate=900.25,
    sent=5000,
    failed=3,
    retried=2,
    dropped=1,
)
REFUSED = msgspec.structs.replace(
    STATUS,
    last_error="server returned HTTP status 400 Bad Request: <no> & never",
    last_error_ms=1_700_000_001_000,
    last_success_ms=1_700_000_000_000,
    refused_count=9,
    refused=(
        RefusedSeries({"__name__": "up", "job": "<b>"}, 400, "out of bounds", 1_700_000_001_000),
    ),
    given_up_bytes=4096,
)


async def test_a_destination_is_told_in_full() -> None:
    """Issue 5.5 of the API: position, lag, shards, rates, last error, refused series."""
    async with serving(FakeService(statuses=[REFUSED])) as client:
        answer = await client.get("/api/v1/status/remote_write")
    assert answer.data == {
        "destinations": [
            {
                "name": "central",
                "url": "http://me:xxxxx@peer.example/write",
                "protobufMessage": "prometheus.WriteRequest",
                "position": {"segment": 7, "offset": 32768},
                "lagSeconds": 12.5,
                "lagBytes": 1_234_567,
                "givenUpBytes": 4096,
                "shards": {"current": 2, "min": 1, "max": 50, "desired": 1.75},
                "pending": 40,
                "inRate": 1000.5,
                "outRate": 900.25,
                "sent": 5000,
                "failed": 3,
                "retried": 2,
                "dropped": 1,
                "lastSuccess": "2023-11-14T22:13:20Z",
                "lastError": "server returned HTTP status 400 Bad Request: <no> & never",
                "lastErrorTime": "2023-11-14T22:13:21Z",
                "refused": 9,
                "refusedSeries": [
                    {
                        "labels": {"__name__": "up", "job": "<b>"},
                        "status": 400,
                        "error": "out of bounds",
                        "time": "2023-11-14T22:13:21Z",
                    }
                ],
            }
        ]
    }


async def test_what_never_was_has_go_s_zero_time() -> None:
    """As of the other times of the API."""
    async with serving(FakeService(statuses=[STATUS])) as client:
        answer = await client.get("/api/v1/status/remote_write")
    assert answer.text.count('"0001-01-01T00:00:00Z"') == 2


async def test_the_page_shows_what_the_peer_said_as_text() -> None:
    """Labels and errors come from strangers: they are escaped."""
    async with serving(FakeService(statuses=[REFUSED])) as client:
        page = await client.get("/remote-write")
    assert page.status == 200
    assert "00000007 at 32,768" in page.text
    assert "&lt;no&gt; &amp; never" in page.text
    assert 'job="&lt;b&gt;"' in page.text
    assert "400: out of bounds" in page.text
    assert "4,096 B given up" in page.text
    assert 'href="/remote-write" aria-current="page"' in page.text
    assert 'href="/targets" aria-current' not in page.text


@pytest.mark.parametrize(
    ("failed_ms", "succeeded_ms", "health"),
    [
        pytest.param(None, None, "unknown", id="no-attempt-yet"),
        pytest.param(None, 1, "up", id="never-failed"),
        pytest.param(1, None, "down", id="never-succeeded"),
        pytest.param(1, 2, "up", id="recovered"),
        pytest.param(2, 1, "down", id="failing"),
    ],
)
async def test_the_page_tells_how_the_last_attempt_went(
    failed_ms: int | None, succeeded_ms: int | None, health: str
) -> None:
    """One look has to do."""
    status = msgspec.structs.replace(STATUS, last_error_ms=failed_ms, last_success_ms=succeeded_ms)
    async with serving(FakeService(statuses=[status])) as client:
        page = await client.get("/remote-write")
    assert f'<span class="badge {health}">{health}</span>' in page.text


async def test_the_page_says_that_there_is_nothing() -> None:
    """An agent without destinations keeps its samples, which is worth saying."""
    async with serving(FakeService()) as client:
        page = await client.get("/remote-write")
        answer = await client.get("/api/v1/status/remote_write")
    assert "The configuration has no <code>remote_write</code>" in page.text
    assert answer.data == {"destinations": []}
