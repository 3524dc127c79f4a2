"""What an answer to a remote-write request means.

Section 5 of the remote-write specification; source: Prometheus storage/remote/client.go, Store.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, NamedTuple, final

from promscrape.storage.remote.config import WriteMessage
from promscrape.storage.remote.outcome import NOTHING, Counts, Outcome, Verdict

MAX_RETRY_AFTER_S: Final = 86_400
"""The longest wait that a peer is granted: whoever asks for more is asked again after a day."""

_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
_SAMPLES, _HISTOGRAMS, _EXEMPLARS = map(_WRITTEN.format, ("Samples", "Histograms", "Exemplars"))
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)


@final
class Answer(NamedTuple):
    """A response, as far as it matters. said: the beginning of an error's body, as text."""

    status: int
    reason: str
    headers: Mapping[str, str]
    said: str


def outcome_of(
    answer: Answer, *, version: WriteMessage, counts: Counts, now_ns: int, retries_429: bool
) -> Outcome:
    """Return what became of a request with `counts` items that was answered (5.1 to 5.4)."""
    written, is_confirmed = _written(answer.headers)
    is_v2 = version is WriteMessage.V2
    if 200 <= answer.status < 300:
        if is_v2 and counts.items and not written.items:
            return Outcome(
                Verdict.REFUSED,
                status=answer.status,
                error=_unwritten(answer, counts),
                is_confirmed=is_confirmed,
                wants_v1=not is_confirmed,
            )
        return Outcome(
            Verdict.ACCEPTED, status=answer.status, written=written, is_confirmed=is_confirmed
        )
    is_limit = answer.status == HTTPStatus.TOO_MANY_REQUESTS and retries_429
    retries = is_limit or 500 <= answer.status < 600
    return Outcome(
        Verdict.RETRY if retries else Verdict.REFUSED,
        retry_after_s=retry_after_s(answer.headers.get("Retry-After", ""), now_ns)
        if retries
        else 0,
        status=answer.status,
        error=f"server returned HTTP status {_line(answer)}: {answer.said}",
        written=written,
        is_confirmed=is_confirmed,
        wants_v1=is_v2 and answer.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    )


def retry_after_s(text: str, now_ns: int) -> int:
    """Return how many seconds a peer asks to wait, 0 where it does not, or asks for nonsense.

    A date is one of IMF-fixdate alone, and its seconds are cut off, not rounded (5.2).
    """
    date = _HTTP_DATE.fullmatch(text)
    if date:
        return _limited(_seconds_until(date, now_ns))
    return _limited(int(text)) if _INTEGER.fullmatch(text) else 0


def _limited(seconds: int) -> int:
    return min(max(seconds, 0), MAX_RETRY_AFTER_S)


def _seconds_until(date: re.Match[str], now_ns: int) -> int:
    day, month, year, hour, minute, second = date.groups()
    month_number = _MONTHS.index(month) + 1
    try:
        then = datetime(
            int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=UTC
        )
    except ValueError:  # the 31st of a shorter month, an hour past 23
        return 0
    return (int(then.timestamp()) * 1_000_000_000 - now_ns) // 1_000_000_000


def _written(headers: Mapping[str, str]) -> tuple[Counts, bool]:
    """Return what the peer says it wrote, and whether it says anything (5.3)."""
    texts = [headers.get(name, "") for name in (_SAMPLES, _HISTOGRAMS, _EXEMPLARS)]
    if not any(texts):
        return NOTHING, False
    numbers = [max(int(text), 0) if _INTEGER.fullmatch(text) else 0 for text in texts]
    return Counts(*numbers), True


def _unwritten(answer: Answer, counts: Counts) -> str:
    return (
        f"server returned HTTP status {_line(answer)}, but its headers do not say that it wrote "
        f"any of {counts.samples} samples, {counts.histograms} histograms and "
        f"{counts.exemplars} exemplars: it may only know {WriteMessage.V1} and not look at the "
        f"Content-Type; set protobuf_message to {WriteMessage.V1}"
    )


def _line(answer: Answer) -> str:
    return f"{answer.status} {answer.reason}".rstrip()
