"""Finding out what of a refused batch it is that the peer refuses.

A peer answers a batch as a whole: one bad series costs the good ones beside it. So a batch that
was refused for what it holds is sent again in halves, down to the items that are refused by
themselves, each half in the order of its items. A peer that refuses everything would be asked a
hundred times: after a number of refusals without a single acceptance, what is left is sent once
more in the pieces that there are, and given up where it is refused.

    refused 8 ─► refused 4 ─► refused 2 ─► refused 1: given up
             │            │            └─► accepted 1
             │            └─► accepted 2
             └─► accepted 4
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

from promscrape.storage.remote.batch import Batch
from promscrape.storage.remote.outcome import Outcome, Verdict

SPLIT_STATUSES: Final = frozenset({400, 409, 413, 422})
"""Answers that may be about what a request holds. Others are about who sends it, and where."""

MAX_REQUESTS: Final = 128
MAX_REFUSALS_ON_END: Final = 16

ACCEPTED: Final = Outcome(Verdict.ACCEPTED)
"""What becomes of nothing at all."""

Send = Callable[[Batch], Awaitable[Outcome]]
"""Sends until the outcome is final."""


@final
class Splitter:
    """Splits one refused batch. `on_refused` is told of each piece that is given up.

    refused: the rows of items that were refused by themselves. Others of theirs in the batch go
    last, by themselves: a bad series is mostly bad in every scrape.
    """

    def __init__(self, send: Send, on_refused: Callable[[Batch, Outcome], None]) -> None:
        self._send, self._on_refused = send, on_refused
        self._requests_left = MAX_REQUESTS
        self._refusals_on_end = 0
        self.refused: set[int] = set()

    async def split(self, batch: Batch, refusal: Outcome) -> None:
        """Send what is taken of the batch, which was refused as a whole."""
        last = Batch()
        waiting: list[tuple[Batch, Outcome | None]] = [(batch, refusal)]
        while waiting:
            piece, outcome = waiting.pop()
            if outcome is None:
                piece, bad = piece.apart(self.refused)
                last = Batch([*last.parts, *bad.parts])
                outcome = await self._try(piece)
            waiting += self._halves(piece, outcome, len(waiting))
        waiting = [(last, None)]
        while waiting:
            piece, _ = waiting.pop()
            waiting += self._halves(piece, await self._try(piece), len(waiting))

    def _halves(
        self, piece: Batch, outcome: Outcome, waiting: int
    ) -> list[tuple[Batch, Outcome | None]]:
        """Return what to send of a refused piece, the first half last; or give it up."""
        if outcome.verdict is not Verdict.REFUSED:
            return []
        if piece.rows > 1 and self._may_go_on(outcome, waiting):
            first, second = piece.halves()
            return [(second, None), (first, None)]
        if piece.rows == 1:
            self.refused.update(piece.parts[0].rows)
        self._on_refused(piece, outcome)
        return []

    async def _try(self, piece: Batch) -> Outcome:
        if not piece.size:
            return ACCEPTED
        outcome = await self._send(piece)
        self._requests_left -= 1
        is_refused = outcome.verdict is Verdict.REFUSED
        self._refusals_on_end = self._refusals_on_end + 1 if is_refused else 0
        return outcome

    def _may_go_on(self, outcome: Outcome, waiting: int) -> bool:
        return (
            outcome.status in SPLIT_STATUSES
            and self._requests_left >= waiting + 2
            and self._refusals_on_end < MAX_REFUSALS_ON_END
        )
