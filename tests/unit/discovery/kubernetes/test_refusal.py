"""What an API server says when it does not do what it was asked."""

import msgspec
import pytest

from promscrape.discovery.kubernetes.refusal import is_busy, refusal, retry_after_s
from promscrape.errors import DiscoveryError, FetchError


def said(**fields: object) -> bytes:
    return msgspec.json.encode({"kind": "Status", "status": "Failure", **fields})


def test_the_servers_own_words_are_shown() -> None:
    """K-14: with what was asked, and the status."""
    error = refusal("GET /api/v1/pods", 403, said(message="pods is forbidden", reason="Forbidden"))
    assert str(error) == "GET /api/v1/pods: 403 pods is forbidden"
    assert not error.is_expired
    assert not error.is_unknown_version
    assert not is_busy(error)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<html>Bad Gateway</html>", "GET /x: 502 Bad Gateway"),
        (b"", "GET /x: 502 Bad Gateway"),
        (said(), "GET /x: 502 no reason given"),
        (said(message="x" * 9999), f"GET /x: 502 {'x' * 500}"),
    ],
)
def test_what_is_no_status_is_told_by_its_code(body: bytes, text: str) -> None:
    """K-14: something in front of the API server speaks then."""
    assert str(refusal("GET /x", 502, body)) == text


def test_an_unknown_code_is_shown_as_it_is() -> None:
    """K-14."""
    assert str(refusal("GET /x", 599, b"?")) == "GET /x: 599 no reason given"


@pytest.mark.parametrize(
    ("code", "fields", "is_expired", "is_unknown"),
    [
        (410, {}, True, True),
        (0, {"code": 410}, True, True),
        (400, {"reason": "Expired"}, True, True),
        (400, {"reason": "Gone"}, True, True),
        (504, {}, False, True),
        (400, {"message": "Too large resource version: 7, current: 5"}, False, True),
        (500, {"message": "etcdserver: leader changed"}, False, False),
    ],
)
def test_versions_that_a_server_does_not_have_are_told_apart(
    code: int, fields: dict[str, object], *, is_expired: bool, is_unknown: bool
) -> None:
    """K-9, K-14."""
    error = refusal("GET /x", code, said(**fields))
    assert (error.is_expired, error.is_unknown_version) == (is_expired, is_unknown)


@pytest.mark.parametrize(
    ("header", "details", "seconds"),
    [
        ("7", None, 7),
        ("", {"retryAfterSeconds": 3}, 3),
        ("7", {"retryAfterSeconds": 3}, 7),
        ("Wed, 25 Nov 2026 17:00:00 GMT", None, 0),
        ("99999999999999999999", None, 300),
        ("", {"retryAfterSeconds": -5}, 0),
    ],
)
def test_a_server_may_say_when_to_come_back(
    header: str, details: dict[str, int] | None, seconds: int
) -> None:
    """K-15: in a header or in its words, and not for longer than five minutes."""
    error = refusal("GET /x", 429, said(details=details), header)
    assert retry_after_s(error) == seconds
    assert is_busy(error)


def test_a_server_that_restarts_is_busy() -> None:
    """K-14: refused connections, and no other failure to connect."""
    refused = 'Get "http://a": dial tcp a:1: connect: connection refused'
    assert is_busy(FetchError(refused))
    assert not is_busy(FetchError("EOF"))
    assert not is_busy(DiscoveryError(refused))
    assert retry_after_s(FetchError(refused)) == 0
