"""What a reload leaves alone: the whole way from the text of the file to the socket."""

import asyncio
import re

import pytest
import structlog

from promscrape.config.load import parse
from promscrape.discovery.static import StaticConfig, target_groups
from promscrape.scrape.loop import ScrapeLoop
from promscrape.scrape.manager import ScrapeManager
from tests.support.clock import ManualClock
from tests.support.exporter import Exporter
from tests.support.scraping import make_options
from tests.support.storage import RecordingStorage

FILE = """\
global: {scrape_interval: 1s}
scrape_configs:
- job_name: kept
  relabel_configs: [{target_label: zone, replacement: a}]
  metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]
  static_configs: [{targets: ["ADDRESS"]}]
- job_name: other
  static_configs: [{targets: ["127.0.0.1:1"]}]
"""


class Running:
    """A scrape manager that goes by a file's text, as the daemon has it go by its file."""

    def __init__(self, exporter: Exporter) -> None:
        self.exporter = exporter
        self.storage, self.clock = RecordingStorage(), ManualClock()
        options = make_options(self.storage, self.clock)
        self.manager = ScrapeManager(options, structlog.get_logger())

    async def load(self, text: str) -> None:
        source = text.replace("ADDRESS", self.exporter.address)
        config = parse(source.encode(), "c.yml", {})
        await self.manager.apply(config)
        self.manager.update(
            {
                job.job_name: target_groups(job.discovery.of(StaticConfig))
                for job in config.scrape_configs
            }
        )

    async def scrape(self, times: int) -> None:
        """Let time pass until this many scrapes of `kept` have been committed."""
        async with asyncio.timeout(10):
            while len(self.added()) < times:
                await self.clock.advance(0.25)
                await asyncio.sleep(0.002)

    def loop(self, job: str = "kept") -> ScrapeLoop:
        (loop,) = self.manager.pools[job]._loops.values()
        return loop

    def added(self) -> list[float]:
        """Return the series that each scrape of `kept` added."""
        return [
            sample.value
            for sample in self.storage.committed
            if sample.name == "scrape_series_added" and sample.labels.get("job") == "kept"
        ]


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("$", ""),
        ("^", "# A comment moves every line.\n"),
        ("global: .*", "global: {scrape_interval: 1000ms, scrape_timeout: 1s}"),
        ("- job_name: other\n.*\n", ""),
        ("127.0.0.1:1", "127.0.0.1:2"),
        (r"\Z", "- {job_name: new, static_configs: [{targets: ['127.0.0.1:1']}]}\n"),
        (r"(- job_name: kept[^-]*)(- job_name: other[^$]*)", r"\2\1"),
    ],
    ids=["same", "comment", "spelling", "removed", "changed", "added", "moved"],
)
async def test_a_job_that_means_the_same_goes_on(pattern: str, replacement: str) -> None:
    """Config 15.2 step 4: the loop with its timer, the cache and the connection are kept."""
    changed = re.sub(pattern, replacement, FILE, count=1)
    async with Exporter(b"a 1\nb 2\nc 3\n") as exporter:
        running = Running(exporter)
        async with running.manager:
            await running.load(FILE)
            await running.scrape(2)
            loop, client = running.loop(), running.manager.pools["kept"].clients

            await running.load(changed)
            await running.scrape(8)

            assert running.loop() is loop
            assert running.manager.pools["kept"].clients is client
        assert len(set(exporter.connections)) == 1
        assert running.added()[0] == 2
        assert set(running.added()[1:]) == {0}


async def test_a_job_that_means_something_else_starts_again() -> None:
    """Config 15.2 step 4: the test above would not pass on a reload that is never noticed."""
    async with Exporter(b"a 1\nb 2\nc 3\n") as exporter:
        running = Running(exporter)
        async with running.manager:
            await running.load(FILE)
            await running.scrape(2)
            loop = running.loop()
            await running.load(FILE.replace("regex: b", "regex: c"))
            await running.scrape(8)
            assert running.loop() is not loop
        assert len(set(exporter.connections)) == 2
        assert running.added().count(2) == 2
