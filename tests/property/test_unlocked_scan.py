"""The compiled scan of a large body gives other threads their turn, at first sight and again."""

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from promscrape.exposition.scanner import TextScanner
from promscrape.twins import COMPILED

pytestmark = pytest.mark.skipif(not COMPILED, reason="the plain twin is interpreted")

SERIES = 100_000
BODY = "".join(f'a_total{{path="/{at:07d}"}} {at}.5\n' for at in range(SERIES)).encode()
HALF = BODY[: BODY.index(b"\n", len(BODY) // 2) + 1]


@pytest.fixture
def turns() -> Iterator[Callable[[], int]]:
    """Let a thread count its turns, and yield what returns the count.

    The interpreter takes the lock from no thread by itself here: a turn is one that the lock was
    given up for.
    """
    count, is_over = 0, threading.Event()

    def tick() -> None:
        nonlocal count
        while not is_over.wait(0.0001):
            count += 1

    interval_s = sys.getswitchinterval()
    thread = threading.Thread(target=tick)
    thread.start()
    sys.setswitchinterval(1000)
    try:
        yield lambda: count
    finally:
        sys.setswitchinterval(interval_s)
        is_over.set()
        thread.join()


def gives_a_turn(work: Callable[[], object], turns: Callable[[], int], most: int) -> bool:
    """Whether the other thread had a turn within one of so many calls.

    A busy machine may not run it in the first, though the lock is free.
    """
    for _ in range(most):
        before = turns()
        work()
        if turns() > before:
            return True
    return False


def test_a_large_body_is_scanned_beside_other_threads(turns: Callable[[], int]) -> None:
    """At first sight: lines are read, and the memory of the target is built up."""
    assert gives_a_turn(lambda: TextScanner().scan(BODY), turns, 100)


def test_a_known_body_is_scanned_beside_other_threads(turns: Callable[[], int]) -> None:
    """The walk through what stands as it stood."""
    scanner = TextScanner()
    scanner.scan(BODY)
    assert gives_a_turn(lambda: scanner.scan(BODY), turns, 1000)


def test_many_series_are_forgotten_beside_other_threads(turns: Callable[[], int]) -> None:
    scanner = TextScanner()

    def turns_taken() -> int:
        scanner.scan(BODY)
        kept = scanner.scan(HALF).series
        before = turns()
        assert len(scanner.retain(kept)) == SERIES - len(kept)
        return turns() - before

    assert any(turns_taken() for _ in range(100))


def test_a_small_body_is_scanned_in_one_go(turns: Callable[[], int]) -> None:
    """To give up the lock for so little would cost more than it frees; and the count can be 0."""
    scanner, small = TextScanner(), BODY[:1024]
    assert not gives_a_turn(lambda: scanner.scan(small), turns, 1000)


def test_two_bodies_at_once_come_out_as_one_after_the_other() -> None:
    """Each thread has a scanner of its own."""
    bodies = {0: [BODY, HALF, BODY], 1: [HALF, BODY, BODY]}
    alone = {at: [values_of(s, one) for one in bodies[at]] for at, s in scanners().items()}
    found: dict[int, list[list[float]]] = {0: [], 1: []}
    beside = scanners()

    def scan(at: int) -> None:
        found[at] += [values_of(beside[at], one) for one in bodies[at]]

    threads = [threading.Thread(target=scan, args=(at,)) for at in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


def scanners() -> dict[int, TextScanner]:
    return {0: TextScanner(), 1: TextScanner()}


def values_of(scanner: TextScanner, body: bytes) -> list[float]:
    return scanner.scan(body).values.tolist()
