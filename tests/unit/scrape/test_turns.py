"""Whose turn it is to hold up the event loop."""

import asyncio
from collections.abc import Callable

import pytest

from promscrape.scrape.turns import GATHERED_S, PASS_S, Turns
from tests.support.clock import ManualClock


async def turn_of(turns: Turns, *, may_wait: bool = False) -> None:
    """Wait for a turn."""
    turn = turns.mine(may_wait=may_wait)
    if turn is not None:
        await turn


@pytest.mark.parametrize(("turn_s", "order"), [(PASS_S, "a-b-c-d"), (PASS_S / 2, "a-b-cd")])
async def test_passes_have_turns_in_the_order_they_are_asked_for(turn_s: float, order: str) -> None:
    """Other work of the event loop comes between two passes, of which each has room for so many."""
    clock = ManualClock()
    turns, done = Turns(monotonic_s=clock.monotonic_s), list[str]()

    async def work(name: str) -> None:
        await turn_of(turns)
        clock.work(turn_s)
        done.append(name)

    async def other() -> None:
        for _ in range(9):
            done.append("-")
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abcd":
            group.create_task(work(name))
        group.create_task(other())
    assert "".join(done).replace("--", "-").replace("--", "-").strip("-") == order


async def test_the_first_to_ask_does_not_wait() -> None:
    """Nor does one that comes after all others are done."""
    turns = Turns()
    for _ in range(2):
        assert turns.mine() is None
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_turn_that_was_given_up_goes_to_the_next() -> None:
    """M18: a loop may be cancelled while it waits."""
    turns, done = Turns(), list[str]()

    async def work(name: str) -> None:
        await turn_of(turns)
        done.append(name)

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert done == ["a", "c"]


async def test_who_comes_soon_after_another_waits_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first goes on at once; the others together at the end of the while."""
    turns, done, ends = Turns(GATHERED_S), list[str](), list[Callable[[], None]]()
    loop = asyncio.get_running_loop()

    class Later:
        """The loop, but for its timers, which the test lets fire."""

        create_future, call_soon = loop.create_future, loop.call_soon

        def call_later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
            assert delay_s == GATHERED_S
            ends.append(lambda: call(*args))

    monkeypatch.setattr(asyncio, "get_running_loop", Later)

    async def work(name: str, *, may_wait: bool = True) -> None:
        await turn_of(turns, may_wait=may_wait)
        done.append(name)

    async def settled() -> str:
        for _ in range(9):
            await asyncio.sleep(0)
        return "".join(done)

    async with asyncio.TaskGroup() as group:
        group.create_task(work("a"))
        assert await settled() == "a"
        group.create_task(work("b"))
        group.create_task(work("c"))
        group.create_task(work("d", may_wait=False))
        assert await settled() == "ad"
        ends.pop()()
        assert await settled() == "adbc"
        group.create_task(work("e"))
        assert await settled() == "adbc"
        ends.pop()()
        assert await settled() == "adbce"
        ends.pop()()  # in which nobody came: the next one finds it quiet
        assert not ends
        group.create_task(work("f"))
        assert await settled() == "adbcef"
