"""What an API server says when it does not do what it was asked, and what follows from it."""

from http import HTTPStatus
from typing import Final, final

import msgspec

from promscrape.discovery.kubernetes.objects import Status
from promscrape.errors import DiscoveryError, FetchError

_MOST_RETRY_S: Final = 300
_SHOWN = 500
_EXPIRED_REASONS = frozenset({"Expired", "Gone"})
_TOO_LARGE = "too large resource version"


@final
class Refusal(DiscoveryError):
    """The API server refused a request, or ended a watch with an error.

    retry_after_s: how long it asks us to wait, 0 where it does not; never over five minutes.
    """

    def __init__(
        self, what: str, code: int, reason: str, message: str, retry_after_s: int = 0
    ) -> None:
        text = message or reason or "no reason given"
        super().__init__(f"{what}: {code} {text:.{_SHOWN}}")
        self.code, self._reason, self._message = code, reason, message
        self.retry_after_s = max(0, min(retry_after_s, _MOST_RETRY_S))

    @property
    def is_expired(self) -> bool:
        """Whether the server no longer has the version of the objects that it was asked for."""
        return self.code == HTTPStatus.GONE or self._reason in _EXPIRED_REASONS

    @property
    def is_unknown_version(self) -> bool:
        """Whether the server has lost, or not yet reached, the version it was asked for."""
        too_large = _TOO_LARGE in self._message.lower()
        return self.is_expired or too_large or self.code == HTTPStatus.GATEWAY_TIMEOUT


def refusal(what: str, code: int, body: bytes, retry_after: str = "") -> Refusal:
    """Return what an answer with this status and body says; `what` was asked."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except msgspec.DecodeError:
        # Not the API server speaks, but something in front of it.
        status = Status(message=HTTPStatus(code).phrase if code in set(HTTPStatus) else "")
    asked_s = status.details.retry_after_seconds if status.details is not None else 0
    if retry_after.isdecimal():
        asked_s = int(retry_after[:9])
    return Refusal(what, code or status.code, status.reason, status.message, asked_s)


def is_busy(error: Exception) -> bool:
    """Whether a server that will be back does without a new list: overloaded, or restarting."""
    if isinstance(error, Refusal):
        return error.code == HTTPStatus.TOO_MANY_REQUESTS
    return isinstance(error, FetchError) and "connection refused" in str(error)


def retry_after_s(error: Exception) -> int:
    """Return how long the server asks us to wait, 0 where it does not."""
    return error.retry_after_s if isinstance(error, Refusal) else 0
