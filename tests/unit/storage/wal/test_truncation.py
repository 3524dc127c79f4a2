from pathlib import Path

import pytest

from promscrape.storage.wal.options import WalOptions
from promscrape.storage.wal.retention import cut_of
from promscrape.storage.wal.truncation import floor_ms

MINUTE_MS = 60_000
NOON_MS = 1_700_006_400_000


@pytest.mark.parametrize(
    ("sent_ms", "floor"),
    [
        pytest.param(NOON_MS, NOON_MS - 5 * MINUTE_MS, id="sent until noon: 11:55"),
        pytest.param(0, NOON_MS - 230 * MINUTE_MS, id="never sent: 08:10"),
        pytest.param(None, NOON_MS - 230 * MINUTE_MS, id="nowhere to send to: 08:10"),
        pytest.param(NOON_MS - 600 * MINUTE_MS, NOON_MS - 230 * MINUTE_MS, id="stuck: 08:10"),
    ],
)
def test_samples_go_when_they_were_sent_or_are_too_old(sent_ms: int | None, floor: int) -> None:
    """S30, storage 3.6: at 12:10, with 5 minutes and 4 hours."""
    now_ms = NOON_MS + 10 * MINUTE_MS
    assert floor_ms(now_ms, sent_ms, WalOptions(Path("data"))) == floor


@pytest.mark.parametrize(
    ("first", "last", "cut"),
    [(0, 9, 5), (0, 0, None), (0, 1, None), (0, 2, None), (0, 3, 1), (5, 10, 7), (7, 9, None)],
)
def test_two_thirds_of_the_segments_are_replaced(first: int, last: int, cut: int | None) -> None:
    """S26, storage 3.7 (c): never the one that was written to, and not one alone."""
    assert cut_of(first, last) == cut
