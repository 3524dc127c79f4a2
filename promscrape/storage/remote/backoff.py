"""How long to wait before the same batch goes out again (5.2, 6.1)."""

from typing import final


@final
class Backoff:
    """Doubles from `least_s` to `most_s`. What a peer asks for is obeyed, however long it is."""

    def __init__(self, least_s: float, most_s: float) -> None:
        self._next_s, self._most_s = least_s, most_s

    def next_s(self, asked_s: float = 0.0) -> float:
        """Return the next wait; `asked_s` is the peer's Retry-After, 0 where there is none."""
        wait_s = asked_s if asked_s > 0 else self._next_s
        self._next_s = min(2 * wait_s, self._most_s)
        return wait_s
