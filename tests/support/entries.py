"""Entries of service discovery as a file has them, and waiting for what a server brings about."""

import asyncio
from collections.abc import Callable
from typing import Any

from promscrape.config.load import parse
from promscrape.discovery.kind import AnyKind
from tests.support.clock import ManualClock

_LIMIT_S = 20.0
_STEP_S = 0.002


def entry_of(kind: AnyKind, text: str) -> Any:
    """Return the entry that a file with `text` as its keys has, in effect."""
    source = f"scrape_configs: [{{job_name: job, {kind.key}: [{{{text}}}]}}]"
    (job,) = parse(source.encode(), "c.yml", {}).scrape_configs
    (entry,) = job.discovery.of(kind.config)
    return entry


async def until(condition: Callable[[], object]) -> None:
    """Return once something real, such as an answer over a socket, has brought it about."""
    async with asyncio.timeout(_LIMIT_S):
        while not condition():
            await asyncio.sleep(_STEP_S)


async def pass_until(
    clock: ManualClock, condition: Callable[[], object], step_s: float = 1.0
) -> None:
    """Let the provider's time pass until it has come about.

    It stands still while nobody sleeps, which is while a provider of one task waits for an answer.
    """
    async with asyncio.timeout(_LIMIT_S):
        while not condition():
            if clock.due_s:
                await clock.advance(min(step_s, max(0.0, clock.due_s[0] - clock.monotonic_s())))
            await asyncio.sleep(_STEP_S)
