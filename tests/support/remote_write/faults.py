"""What a receiver, or a proxy before one, does with a request in place of serving it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class Way(Enum):
    """What happens.

    SERVE: the request is taken and answered. ANSWER: it is answered and not taken. PARTLY: the
    first `takes` items are taken, and the answer says so. HANG: no answer until the test is over.
    CUT: the connection is reset, nothing is taken. LOSE: it is taken, and the connection is reset
    in place of an answer. TRUNCATE: it is not taken, and the answer ends in its status line.
    """

    SERVE = "serve"
    ANSWER = "answer"
    PARTLY = "partly"
    HANG = "hang"
    CUT = "cut"
    LOSE = "lose"
    TRUNCATE = "truncate"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done with one request. delay_s: how long it takes before anything happens."""

    way: Way
    status: int = 204
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    takes: int = 0
    delay_s: float = 0.0


SERVE: Final = Fault(Way.SERVE)
HANG: Final = Fault(Way.HANG)
CUT: Final = Fault(Way.CUT)
LOSE: Final = Fault(Way.LOSE)
TRUNCATE: Final = Fault(Way.TRUNCATE)


def answer(status: int, text: str = "", **headers: str) -> Fault:
    """Return the fault of an answer in place of service; `Retry_After="1"` names a header."""
    return Fault(
        Way.ANSWER, status, text, {name.replace("_", "-"): text for name, text in headers.items()}
    )


def slow(delay_s: float) -> Fault:
    return Fault(Way.SERVE, delay_s=delay_s)


def partly(takes: int, status: int = 204) -> Fault:
    return Fault(Way.PARTLY, status, takes=takes)
