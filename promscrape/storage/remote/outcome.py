"""The seam between the queue and the network: one request, and what became of it.

The queue makes bodies, keeps their order, and decides what is sent again. A sender makes one
attempt with one body and says how it ended. It sleeps for nothing and tries nothing twice.
"""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple, Protocol, final

import msgspec

from promscrape.storage.remote.config import WriteMessage


class Counts(NamedTuple):
    """What a request holds, or what a peer says it wrote; metadata are entries of their own."""

    samples: int = 0
    histograms: int = 0
    exemplars: int = 0
    metadata: int = 0

    @property
    def items(self) -> int:
        """What the limit of a batch counts: everything but metadata."""
        return self.samples + self.histograms + self.exemplars

    def less(self, written: "Counts") -> "Counts":
        """Return what is missing of each kind; more written than sent counts as none (5.3)."""
        return Counts(*[max(sent - done, 0) for sent, done in zip(self, written, strict=True)])

    def plus(self, other: "Counts") -> "Counts":
        samples, histograms, exemplars, metadata = other
        return Counts(
            self.samples + samples,
            self.histograms + histograms,
            self.exemplars + exemplars,
            self.metadata + metadata,
        )


NOTHING = Counts()


def sum_of(counts: Iterable[Counts]) -> Counts:
    """Return how many there are of each kind together."""
    total = NOTHING
    for one in counts:
        total = total.plus(one)
    return total


class Verdict(Enum):
    """What is to happen to the body (5.1).

    ACCEPTED: nothing, it is delivered. RETRY: the same body again, after a while. REFUSED: the
    same body would be refused again.
    """

    ACCEPTED = "accepted"
    RETRY = "retry"
    REFUSED = "refused"


@final
class Outcome(msgspec.Struct, frozen=True):
    """How one attempt ended.

    retry_after_s: how long the peer asks to wait, 0 where it does not say (5.2). RETRY only.
    status: the HTTP status, 0 where there was no response or no request could be built.
    error: what to log and to show, the peer's own words included, at most 1024 bytes of them
        ("server returned HTTP status 400 Bad Request: ..."); "" where accepted.
    written, is_confirmed: the counts of the Written headers, and whether there were any. Zeros
        where a header is missing or is no number.
    wants_v1: 415 or a success without Written headers answered the second version (5.4): the
        peer may only know the first one.
    """

    verdict: Verdict
    retry_after_s: float = 0.0
    status: int = 0
    error: str = ""
    written: Counts = NOTHING
    is_confirmed: bool = False
    wants_v1: bool = False


class Sender(Protocol):
    """Makes requests to one destination. Several may be under way at a time."""

    async def send(
        self, body: bytes, *, version: WriteMessage, attempt: int, counts: Counts
    ) -> Outcome:
        """POST `body`, a message of `version` packed with snappy, and say how that ended.

        attempt: 0 for the first one, then as in `Retry-Attempt`. counts: what the body holds.

        Raises nothing but CancelledError, which ends the request at once: whatever the network
        or the peer does is an Outcome, a request that cannot be built one that is REFUSED.
        """
