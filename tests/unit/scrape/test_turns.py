"""Whose turn it is to hold up the event loop."""

import asyncio

from promscrape.scrape.turns import Turns


async def test_each_pass_has_one_turn_in_the_order_they_are_asked_for() -> None:
    """Other work of the event loop comes between two of them."""
    turns, done = Turns(), list[str]()

    async def work(name: str) -> None:
        await turns.mine()
        done.append(name)

    async def other() -> None:
        for _ in range(9):
            done.append("-")
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(work(name))
        group.create_task(other())
    assert "".join(done).replace("--", "-").replace("--", "-").strip("-") == "a-b-c"


async def test_the_first_to_ask_does_not_wait() -> None:
    """Nor does one that comes after all others are done."""
    turns = Turns()
    for _ in range(2):
        try:
            turns.mine().send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("it waited")
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_a_turn_that_was_given_up_goes_to_the_next() -> None:
    """M18: a loop may be cancelled while it waits."""
    turns, done = Turns(), list[str]()

    async def work(name: str) -> None:
        await turns.mine()
        done.append(name)

    tasks = [asyncio.create_task(work(name)) for name in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert done == ["a", "c"]
