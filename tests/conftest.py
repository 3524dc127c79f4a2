"""What every test is held to, beyond its own assertions.

- An asyncio test fails that leaves a task behind, or an exception that nobody looked at.
- An asyncio test fails where promscrape's own code makes a call that blocks the event loop;
  the marker `may_block` is the way out for a test that does so on purpose.
- `--event-loop` chooses uvloop (the daemon's own, the default), asyncio in debug mode, or both.
- Where CI is set, a skipped test fails the run unless tests/allowed_skips.txt gives the reason.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio
import uvloop
from blockbuster import BlockBuster
from hypothesis import settings

from tests.support.skips import SkipGate, read_allowed_skips

LoopFactory: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

LOOPS: Mapping[str, LoopFactory] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.SelectorEventLoop,
}

HERE = Path(__file__).parent

# Files are read and written on the event loop on purpose: a configuration when it is loaded, the
# log in each commit, which the storage's contract makes synchronous. The watch is for the rest:
# sleeps, sockets, locks.
_FILE_CALLS = ("os.", "io.")

# A connection that its peer closed takes the loop a few passes to notice.
_PASSES_TO_END = 20

pytest_plugins = ("pytester",)

# What an event loop reported by itself, such as a failed task that nobody awaited. It can turn
# up a test late, when the task is collected: it fails the test in which it does.
_loop_reports: list[str] = []

# The slowest example of a property test says more about this machine than about the code.
settings.register_profile("promscrape", deadline=None)
# For `--hypothesis-profile`: the twins under tools that slow them down, and as long as one likes.
settings.register_profile("quick", deadline=None, max_examples=50)
settings.register_profile("few", deadline=None, max_examples=3)
settings.register_profile("long", deadline=None, max_examples=100_000)
settings.load_profile("ci" if os.environ.get("CI") else "promscrape")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--event-loop",
        choices=[*LOOPS, "both"],
        default="uvloop",
        help="the event loop of asyncio tests; asyncio is run in debug mode (default: uvloop)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "may_block: blocks the event loop on purpose")
    config.addinivalue_line("markers", "one_loop: what is tested brings its own event loop")
    if os.environ.get("CI"):
        allowed = read_allowed_skips(HERE / "allowed_skips.txt")
        config.pluginmanager.register(SkipGate(allowed), "skip-gate")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, LoopFactory]:
    choice: str = config.getoption("--event-loop")
    if choice != "both":
        return {choice: LOOPS[choice]}
    # The daemon under an end-to-end test brings its own loop: the second run would say nothing.
    is_own = (HERE / "e2e") in item.path.parents or item.get_closest_marker("one_loop")
    return {"uvloop": LOOPS["uvloop"]} if is_own else LOOPS


@pytest.fixture(scope="session", autouse=True)
def _blockbuster() -> Iterator[BlockBuster]:
    buster = BlockBuster("promscrape")
    buster.functions = {
        name: function
        for name, function in buster.functions.items()
        if not name.startswith(_FILE_CALLS)
    }
    buster.activate()
    yield buster
    buster.deactivate()


@pytest.fixture(autouse=True)
def _held_to_the_rules(request: pytest.FixtureRequest, _blockbuster: BlockBuster) -> Iterator[None]:
    if not pytest_asyncio.is_async_test(request.node):
        yield
        return
    request.getfixturevalue("_watched_loop")
    if request.node.get_closest_marker("may_block") is None:
        yield
        return
    _blockbuster.deactivate()
    yield
    _blockbuster.activate()


@pytest_asyncio.fixture
async def _watched_loop() -> AsyncIterator[None]:
    """Set up before, and torn down after, everything else that the test keeps on its loop."""
    loop = asyncio.get_running_loop()
    loop.set_debug(not isinstance(loop, uvloop.Loop))
    loop.set_exception_handler(lambda _, context: _loop_reports.append(describe(context)))
    yield
    left = await _leftover_tasks()
    gc.collect(1)  # a failed task in a reference cycle reports itself when it is collected
    reports, _loop_reports[:] = _loop_reports[:], []
    if left or reports:
        pytest.fail("\n".join([*(f"left behind: {task!r}" for task in left), *reports]))


async def _leftover_tasks() -> "set[asyncio.Task[object]]":
    for _ in range(_PASSES_TO_END):
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if not left:
            break
        await asyncio.sleep(0)
    return left


def describe(context: Mapping[str, object]) -> str:
    """Return what an event loop handed to its exception handler, in one line."""
    parts = [f"{key}={value!r}" for key, value in context.items() if key != "message"]
    return f"event loop: {context.get('message')} ({', '.join(parts)})"
