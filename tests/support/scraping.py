"""One target scraped by hand: bodies in, committed samples out."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar, final

import structlog
from prometheus_client import CollectorRegistry

from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import FetchError, ScrapeError
from promscrape.httpclient.lease import Lease
from promscrape.model.labels import Labels
from promscrape.scrape.client import Response, ScrapeRequest
from promscrape.scrape.loop import ScrapeLoop
from promscrape.scrape.metrics import ScrapeMetrics
from promscrape.scrape.options import ScrapeOptions
from promscrape.scrape.pool import new_cache
from promscrape.scrape.target import Target
from tests.support.clock import ManualClock
from tests.support.storage import RecordingStorage, Sample

T = TypeVar("T")

INTERVAL_MS = 10_000
CEILING_BYTES = 1 << 20
Answer = bytes | ScrapeError | Response


async def run_inline(work: Callable[[], T]) -> T:
    """Stands in for the thread pool: runs the work where it is."""
    return work()


def make_options(storage: RecordingStorage, clock: ManualClock, **changes: object) -> ScrapeOptions:
    """Return a daemon's options around a recording storage."""
    options = ScrapeOptions(
        storage=storage,
        clock=clock,
        metrics=ScrapeMetrics(CollectorRegistry()),
        run_in_thread=run_inline,
        user_agent="promscrape/test",
        ceiling_bytes=CEILING_BYTES,
    )
    return replace(options, **changes)  # type: ignore[arg-type]  # the caller's keywords


def make_target(labels: Mapping[str, str] | None = None, **internal: str) -> Target:
    """Return a target with these public labels and the defaults of a job."""
    own = {
        "__address__": "target:80",
        "__scheme__": "http",
        "__metrics_path__": "/metrics",
        "__scrape_interval__": "10s",
        "__scrape_timeout__": "10s",
        **{f"__{name}__": value for name, value in internal.items()},
        **(labels or {}),
    }
    return Target(own, Labels.from_map(own), {})


@final
class CannedClient:
    """Answers requests from a list, or waits for `answer` where the list is empty."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests = 0
        self.release = asyncio.Event()
        self.release.set()

    def request(self, url: str, timeout_s: float) -> ScrapeRequest:
        return ScrapeRequest(url, {}, timeout_s)

    def lease(self, request: ScrapeRequest) -> Lease | None:
        return None

    def received(self, lease: Lease) -> Response | None:
        return None

    async def fetch(self, request: ScrapeRequest, lease: Lease | None = None) -> Response:
        self.requests += 1
        answer = self.answers.pop(0) if self.answers else b"a 1\n"
        await self.release.wait()
        if isinstance(answer, ScrapeError):
            raise answer
        if isinstance(answer, Response):
            return answer
        return Response(answer, "text/plain")

    def unpack(self, response: Response) -> bytes:
        return response.body


@final
class OneTarget:
    """A pool of one target whose scrapes the test does itself, one interval apart."""

    def __init__(
        self,
        config: ScrapeConfig | None = None,
        labels: Mapping[str, str] | None = None,
        storage: RecordingStorage | None = None,
        clock: ManualClock | None = None,
        **options: object,
    ) -> None:
        self.config = config or ScrapeConfig(job_name="j")
        self.client = CannedClient()
        self.forced_error: ScrapeError | None = None
        self.failures: list[str] = []
        self.storage = storage or RecordingStorage()
        self.clock = clock or ManualClock()
        self.options = make_options(self.storage, self.clock, **options)
        self.metrics = self.options.metrics
        self.target = make_target(labels)
        self.cache = new_cache(self.target, self.options)
        self.loop = self.make_loop()
        self.t_ms = 1_700_000_000_000

    def make_loop(self) -> ScrapeLoop:
        return ScrapeLoop(
            self.target, self, self.client, self.cache, self.options, 0, structlog.get_logger()
        )

    def fetch_failed(self, target: Target, error: FetchError) -> None:
        self.failures.append(str(error))

    async def scrape(self, answer: Answer) -> list[Sample]:
        """Scrape once; return what was committed, without the report."""
        self.client.answers.append(answer)
        before = len(self.storage.scraped())
        self.t_ms += INTERVAL_MS
        await self.loop.scrape(self.t_ms)
        return self.storage.scraped()[before:]

    @property
    def error(self) -> str:
        report = self.target.report
        assert report is not None
        return report.error

    def reported(self, name: str) -> float:
        """Return a report series' newest value."""
        return self.storage.report(name)[-1]

    def counted(self, metric: str) -> float:
        value = self.metrics.registry.get_sample_value(f"prometheus_target_{metric}_total")
        assert value is not None
        return value


def values(samples: list[Sample]) -> dict[str, float]:
    """Return the values that are no stale markers, by metric name."""
    return {sample.name: sample.value for sample in samples if not sample.stale}


def markers(samples: list[Sample]) -> set[str]:
    """Return the names of the series that were marked stale."""
    return {sample.name for sample in samples if sample.stale}
