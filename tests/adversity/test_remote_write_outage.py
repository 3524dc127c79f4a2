"""The receiver is away for hours of simulated time, and the process is killed meanwhile."""

import asyncio
import random
import re
import signal
import sys
from pathlib import Path

import pytest

from promscrape.storage.remote.config import WriteMessage
from tests.support.guard import guard
from tests.support.remote_write.receiver import Receiver
from tests.support.remote_writer import INTERVAL_MS, SERIES, time_of

KILLS = 10
MAX_RESIDENT_MIB = 160


class Writer:
    """A run of `remote_writer`. scrapes: the numbers that it reported."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.scrapes: list[int] = []

    @classmethod
    async def start(
        cls, directory: Path, url: str, first: int, message: str, pause_s: float = 0.002
    ) -> "Writer":
        argv = (sys.executable, "-m", "tests.support.remote_writer")
        options = (str(directory), url, str(first), message, str(pause_s))
        process = await asyncio.create_subprocess_exec(
            *argv, *options, stdout=asyncio.subprocess.PIPE
        )
        guard(process.pid)
        return cls(process)

    async def read(self, scrapes: int) -> None:
        """Read so many reports."""
        assert self._process.stdout is not None
        for _ in range(scrapes):
            self.scrapes.append(int(await self._process.stdout.readline()))

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
        self.scrapes += map(int, rest.rpartition(b"\n")[0].split())
        return await self._process.wait()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.one_loop
@pytest.mark.may_block
@pytest.mark.parametrize("message", list(WriteMessage))
async def test_nothing_is_lost_to_an_outage_and_ten_kills(
    tmp_path: Path, message: WriteMessage
) -> None:
    """Each committed sample arrives, in order within its series, and memory stays bounded."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it where the test fails
    rng = random.Random(seed)
    committed: list[int] = []
    resident_mib = 0
    async with Receiver() as receiver:
        url = receiver.url
        await receiver.leave()
        for _ in range(KILLS):
            # The kernel may have one scrape more than was reported.
            first = max(committed, default=0) + 2
            writer = await Writer.start(tmp_path, url, first, message)
            await writer.read(rng.randrange(60, 240))
            resident_mib = max(resident_mib, writer.resident_mib())
            await writer.end(signal.SIGKILL)
            committed += writer.scrapes
        await receiver.come_back()
        writer = await Writer.start(tmp_path, url, max(committed) + 2, message, 0.05)
        await writer.read(5)
        await read_until_taken(writer, receiver, committed[-1])
        # A queue that still reads from disk leaves the rest there when it is told to stop.
        await read_until_taken(writer, receiver, writer.scrapes[-1])
        resident_mib = max(resident_mib, writer.resident_mib())
        assert await writer.end(signal.SIGTERM) == 0
        committed += writer.scrapes
        for i in range(SERIES):
            got = {(sample.t_ms, sample.value) for sample in receiver.of("m", i=str(i))}
            assert not {(time_of(scrape), scrape * 1000.0 + i) for scrape in committed} - got
    hours = committed[-1] * INTERVAL_MS / 3_600_000
    print(f"{hours:.1f} h away, {len(committed)} scrapes, {resident_mib} MiB at most")  # noqa: T201
    assert receiver.faults == []
    assert receiver.disorder() == []
    assert resident_mib < MAX_RESIDENT_MIB


async def read_until_taken(writer: Writer, receiver: Receiver, scrape: int) -> None:
    """Read reports until the receiver has this scrape; a full pipe would stop the writer."""
    while True:
        taken = [samples for labels, samples in receiver.series.items() if ("i", "0") in labels]
        if taken and any(sample.t_ms >= time_of(scrape) for sample in taken[0]):
            return
        await writer.read(2)
