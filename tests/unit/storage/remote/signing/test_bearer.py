"""How long a token is kept, and what a renewal that fails costs."""

import asyncio

import pytest

from promscrape.errors import FetchError
from promscrape.storage.remote.signing.bearer import BearerSigner, Token
from tests.support.clock import ManualClock


class Source:
    """Gives out `1`, `2` and so on while it works, each good for 100 s."""

    def __init__(self) -> None:
        self.asked = 0
        self.works = True
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.is_closed = False

    async def fetch(self) -> Token:
        self.asked += 1
        await self.may_answer.wait()
        if not self.works:
            raise FetchError("no token; set it up")
        return Token(str(self.asked), 100.0)

    async def close(self) -> None:
        self.is_closed = True


async def header(signer: BearerSigner) -> str:
    return (await signer.sign("POST", "http://h/", {}, b""))["Authorization"]


async def test_a_token_is_renewed_at_half_its_life() -> None:
    """Early enough that a failure can be made good before it expires."""
    clock, source = ManualClock(), Source()
    signer = BearerSigner(source, clock)
    assert await header(signer) == "Bearer 1"
    await clock.advance(49)
    assert await header(signer) == "Bearer 1"
    await clock.advance(1)
    assert await header(signer) == "Bearer 2"


async def test_a_renewal_that_fails_costs_nothing_while_the_token_is_good() -> None:
    """It is tried again every 30 s, and the old token sent until ten seconds before its end."""
    clock, source = ManualClock(), Source()
    signer = BearerSigner(source, clock)
    await header(signer)
    source.works = False
    await clock.advance(50)
    assert await header(signer) == "Bearer 1"
    await clock.advance(29)
    assert (await header(signer), source.asked) == ("Bearer 1", 2)
    await clock.advance(1)
    assert (await header(signer), source.asked) == ("Bearer 1", 3)
    await clock.advance(10)
    with pytest.raises(FetchError, match="no token; set it up"):
        await header(signer)
    source.works = True
    assert await header(signer) == "Bearer 5"


async def test_requests_that_wait_share_one_exchange() -> None:
    """Fifty shards that start at once ask once."""
    source = Source()
    source.may_answer.clear()
    signer = BearerSigner(source, ManualClock())
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(header(signer)) for _ in range(5)]
        await asyncio.sleep(0)
        source.may_answer.set()
    assert [task.result() for task in waiting] == ["Bearer 1"] * 5
    assert source.asked == 1


async def test_requests_that_wait_share_the_error() -> None:
    """A provider that is down is not asked once for each of them."""
    source = Source()
    source.works = False
    source.may_answer.clear()
    signer = BearerSigner(source, ManualClock())
    waiting = [asyncio.create_task(header(signer)) for _ in range(5)]
    await asyncio.sleep(0)
    source.may_answer.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(result) for result in results] == ["no token; set it up"] * 5
    assert source.asked == 1


async def test_a_token_that_is_no_header_is_refused() -> None:
    """A line end in it would make headers of its own."""

    class Strange(Source):
        async def fetch(self) -> Token:
            return Token("a\r\nX: b", 100)

    with pytest.raises(FetchError, match="invalid header field value"):
        await header(BearerSigner(Strange(), ManualClock()))


async def test_the_source_is_closed_with_the_signer() -> None:
    """Its connections are its own."""
    source = Source()
    await BearerSigner(source, ManualClock()).close()
    assert source.is_closed
