"""What answers mean; the ids are those of the remote-write specification."""

import pytest

from promscrape.storage.remote.config import WriteMessage
from promscrape.storage.remote.outcome import Counts, Outcome, Verdict
from promscrape.storage.remote.response import MAX_RETRY_AFTER_S, Answer, outcome_of, retry_after_s

NOW_NS = 1_700_000_000_500_000_000  # Tue, 14 Nov 2023 22:13:20.5 GMT
WRITTEN = "X-Prometheus-Remote-Write-{}-Written"
FIVE = Counts(samples=5)


def outcome(
    status: int,
    *,
    headers: dict[str, str] | None = None,
    version: WriteMessage = WriteMessage.V1,
    counts: Counts = FIVE,
    retries_429: bool = False,
    said: str = "",
) -> Outcome:
    answer = Answer(status, "Reason", headers or {}, said)
    return outcome_of(
        answer, version=version, counts=counts, now_ns=NOW_NS, retries_429=retries_429
    )


@pytest.mark.parametrize("status", [200, 204, 299])
def test_every_2xx_is_a_success(status: int) -> None:
    """T28, T40: the first version needs no headers to be believed."""
    assert outcome(status) == Outcome(Verdict.ACCEPTED, status=status)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 415, 422, 429])
def test_a_4xx_is_final(status: int) -> None:
    """T28, T30: a status 429, too, unless the configuration says otherwise."""
    refused = outcome(status, headers={"Retry-After": "3"}, said="why")
    assert refused.verdict is Verdict.REFUSED
    assert refused.retry_after_s == 0
    assert refused.error == f"server returned HTTP status {status} Reason: why"


@pytest.mark.parametrize("status", [100, 300, 304, 600, 999])
def test_what_is_neither_success_nor_a_server_s_error_is_final(status: int) -> None:
    """T29: a redirect that leads nowhere, and statuses that do not exist."""
    assert outcome(status).verdict is Verdict.REFUSED


def test_429_is_tried_again_where_the_configuration_asks_for_it() -> None:
    """T30: after the time that the peer names."""
    limited = outcome(429, headers={"Retry-After": "1"}, retries_429=True)
    assert (limited.verdict, limited.retry_after_s) == (Verdict.RETRY, 1)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_5xx_is_tried_again(status: int) -> None:
    """T31: `retry_on_http_429` has no say in it."""
    failed = outcome(status, headers={"Retry-After": "5"})
    assert (failed.verdict, failed.retry_after_s) == (Verdict.RETRY, 5)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("120", 120, id="seconds"),
        pytest.param("+7", 7, id="signed"),
        pytest.param("Tue, 14 Nov 2023 22:13:31 GMT", 10, id="date-10.5-s-ahead-is-cut-off"),
        pytest.param("Tue, 14 Nov 2023 22:13:21 GMT", 0, id="date-half-a-second-ahead"),
        pytest.param("Tue, 14 Nov 2023 22:00:00 GMT", 0, id="date-in-the-past"),
        pytest.param("Thu, 31 Feb 2030 22:00:00 GMT", 0, id="date-that-is-none"),
        pytest.param("Tuesday, 14-Nov-23 22:15:00 GMT", 0, id="rfc-850"),
        pytest.param("Tue Nov 14 22:15:00 2023", 0, id="asctime"),
        pytest.param("Tue, 14 Nov 2023 22:15:00 CET", 0, id="another-zone"),
        pytest.param("-5", 0, id="negative"),
        pytest.param("abc", 0, id="text"),
        pytest.param("1.5", 0, id="fraction"),
        pytest.param("1_0", 0, id="python-s-own-spelling"),
        pytest.param("\u0663", 0, id="another-script-s-digit"),
        pytest.param("", 0, id="absent"),
        pytest.param("9" * 15, MAX_RETRY_AFTER_S, id="for-ever"),
    ],
)
def test_retry_after_is_a_date_or_seconds_and_nonsense_counts_as_absent(
    text: str, seconds: int
) -> None:
    """T32."""
    assert retry_after_s(text, NOW_NS) == seconds


def test_the_second_version_is_not_believed_without_headers() -> None:
    """T37: a receiver that ignores the content type answers so; the error says what to do."""
    refused = outcome(200, version=WriteMessage.V2)
    assert refused.verdict is Verdict.REFUSED
    assert refused.wants_v1
    assert not refused.is_confirmed
    assert "it may only know prometheus.WriteRequest" in refused.error
    assert "set protobuf_message to prometheus.WriteRequest" in refused.error


def test_a_partial_write_of_the_second_version_is_a_success() -> None:
    """T38: what is missing is the caller's to count."""
    partial = outcome(204, version=WriteMessage.V2, headers={WRITTEN.format("Samples"): "3"})
    assert partial == Outcome(
        Verdict.ACCEPTED, status=204, written=Counts(samples=3), is_confirmed=True
    )


@pytest.mark.parametrize(
    ("headers", "written", "is_confirmed"),
    [
        pytest.param({WRITTEN.format("Samples"): "2"}, Counts(samples=2), True, id="some"),
        pytest.param({}, Counts(), False, id="none"),
    ],
)
def test_a_refusal_of_the_second_version_tells_what_was_written(
    headers: dict[str, str], written: Counts, is_confirmed: object
) -> None:
    """T39."""
    refused = outcome(400, version=WriteMessage.V2, headers=headers)
    assert refused.verdict is Verdict.REFUSED
    assert (refused.written, refused.is_confirmed) == (written, is_confirmed)
    assert not refused.wants_v1  # T44: only 415 is about the version


def test_a_partial_write_of_the_first_version_is_told_too() -> None:
    """T40: headers count where there are any, whatever the version."""
    partial = outcome(200, headers={WRITTEN.format("Samples"): "3"})
    assert partial.verdict is Verdict.ACCEPTED
    assert (partial.written, partial.is_confirmed) == (Counts(samples=3), True)


@pytest.mark.parametrize("text", ["x", "1.0", " ", "-1", "99999999999999999999"])
def test_a_count_that_is_none_is_zero_and_confirmed(text: str) -> None:
    """T41: the peer speaks the second version, and wrote nothing that can be relied on."""
    refused = outcome(200, version=WriteMessage.V2, headers={WRITTEN.format("Samples"): text})
    assert refused.verdict is Verdict.REFUSED
    assert refused.is_confirmed
    assert not refused.wants_v1


def test_every_kind_is_told_apart() -> None:
    """Remote write 5.3: headers that are missing beside others count as 0."""
    headers = {WRITTEN.format("Histograms"): "2", WRITTEN.format("Exemplars"): "1"}
    accepted = outcome(200, version=WriteMessage.V2, headers=headers)
    assert accepted.written == Counts(histograms=2, exemplars=1)


def test_a_request_without_items_needs_no_confirmation() -> None:
    """Remote write 5.3: there was nothing to write."""
    assert outcome(204, version=WriteMessage.V2, counts=Counts()).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("version", "wants_v1"), [(WriteMessage.V1, False), (WriteMessage.V2, True)]
)
def test_415_asks_for_the_first_version(version: WriteMessage, wants_v1: object) -> None:
    """T43: whoever is not sent the second version cannot mean it."""
    assert outcome(415, version=version).wants_v1 is wants_v1
