"""The receiver is away for hours of simulated time, and the process is killed meanwhile."""

import asyncio
import random
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from promscrape.storage.remote.config import WriteMessage
from tests.support.peers import free_port
from tests.support.remote_write.receiver import Receiver
from tests.support.remote_writer import INTERVAL_MS, SERIES, time_of

KILLS = 10
MAX_RESIDENT_MIB = 160


class Writer:
    """A run of `remote_writer`; `scrape` is the last one that it reported."""

    def __init__(self, process: asyncio.subprocess.Process, first: int) -> None:
        self._process, self.scrape = process, first - 1

    @classmethod
    async def start(cls, directory: Path, url: str, first: int, message: str) -> "Writer":
        argv = (sys.executable, "-m", "tests.support.remote_writer")
        process = await asyncio.create_subprocess_exec(
            *argv, str(directory), url, str(first), message, stdout=asyncio.subprocess.PIPE
        )
        return cls(process, first)

    async def read_until(self, enough: Callable[[], bool]) -> None:
        assert self._process.stdout is not None
        while not enough():
            self.scrape = int(await self._process.stdout.readline())

    def resident_mib(self) -> int:
        """Return the most memory that the process has had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) >> 10

    async def end(self, number: signal.Signals) -> int:
        """Send the signal, read what was still reported, and return the exit code."""
        assert self._process.stdout is not None
        self._process.send_signal(number)
        rest = await self._process.stdout.read()
        # The last line may be torn.
        if lines := rest.rpartition(b"\n")[0].split():
            self.scrape = int(lines[-1])
        return await self._process.wait()


@pytest.mark.slow
@pytest.mark.may_block
@pytest.mark.parametrize("message", list(WriteMessage))
async def test_nothing_is_lost_to_an_outage_and_ten_kills(
    tmp_path: Path, message: WriteMessage
) -> None:
    """Each committed sample arrives, in order within its series, and memory stays bounded."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    rng, first, resident_mib = random.Random(seed), 1, 0
    url = f"http://127.0.0.1:{free_port()}/write"  # nobody listens there
    for _ in range(KILLS):
        writer = await Writer.start(tmp_path, url, first, message)
        enough = first + rng.randrange(60, 240)
        await writer.read_until(lambda last=enough, now=writer: now.scrape >= last)  # type: ignore[misc]
        resident_mib = max(resident_mib, writer.resident_mib())
        await writer.end(signal.SIGKILL)
        first = writer.scrape + 2  # the kernel may have one more than was reported
    hours = first * INTERVAL_MS / 3_600_000
    async with Receiver() as receiver:
        await deliver(tmp_path, receiver, url, first, message)
    print(f"{hours:.1f} h away, {resident_mib} MiB at most")  # noqa: T201
    assert receiver.faults == []
    assert receiver.disorder() == []
    assert resident_mib < MAX_RESIDENT_MIB


async def deliver(
    directory: Path, receiver: Receiver, url: str, first: int, message: str
) -> None:
    """Let the receiver be there, and check that it has all that was committed."""
    # The position belongs to the URL: it is moved, as a change of the receiver's port would not.
    (old,) = (directory / "remote").iterdir()
    writer = await Writer.start(directory, receiver.url, first, message)
    await writer.end(signal.SIGKILL)
    (new,) = [path for path in (directory / "remote").iterdir() if path != old]
    new.write_bytes(old.read_bytes())
    first = max(first, writer.scrape + 2)
    writer = await Writer.start(directory, receiver.url, first, message)
    await writer.read_until(lambda: len(receiver.of("m", i="0")) >= first - 30)
    resident = writer.resident_mib()
    assert resident < MAX_RESIDENT_MIB
    assert await writer.end(signal.SIGTERM) == 0
    for i in (0, 7, SERIES - 1):
        got = {sample.t_ms for sample in receiver.of("m", i=str(i))}
        assert not {time_of(scrape) for scrape in range(1, writer.scrape + 1)} - got
