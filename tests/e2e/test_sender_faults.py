"""A proxy that fails in every way, between the daemon and real receivers.

Nothing is lost and nothing comes out of order, the metrics tell the story, and the daemon is back
within two backoff periods. Issue 5, remote write sections 5 and 6.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec
import pytest
from aiohttp import web

from tests.support.background import Background
from tests.support.fault_proxy import FaultProxy
from tests.support.http_server import RecordingServer
from tests.support.peers import Launcher, Point, Program, Scraper, eventually
from tests.support.remote_write.faults import (
    CUT,
    HANG,
    LOSE,
    SERVE,
    TRUNCATE,
    Fault,
    Way,
    answer,
    slow,
)
from tests.support.remote_write.receiver import Receiver

MAX_BACKOFF_S = 0.4
TIMEOUT_S = 1

# Each failure at least once, with service in between and streaks of it.
SCRIPT: Sequence[Fault] = (
    SERVE,
    slow(0.2),
    CUT,
    SERVE,
    LOSE,
    TRUNCATE,
    answer(500, "out of order"),
    answer(429, "too fast", Retry_After="1"),
    SERVE,
    answer(503, "busy", Retry_After="1"),
    HANG,
    SERVE,
    answer(400, "one of them is bad"),
    SERVE,
    CUT,
    CUT,
    CUT,
    answer(502),
    LOSE,
)

Read = Callable[[], list[Point]]
"""Returns what a receiver has of the counter, oldest first."""


@dataclass
class Counter:
    """A target whose one series counts its scrapes, so that a missing one leaves a gap."""

    served: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    last: int = 0

    async def answer(self, _: web.Request) -> web.StreamResponse:
        self.last = next(self.served)
        text = f"# TYPE test_scrapes counter\ntest_scrapes {self.last}\n"
        return web.Response(text=text)


def config(target: str, url: str, more: str = "") -> str:
    return f"""\
global: {{scrape_interval: 400ms, scrape_timeout: 400ms}}
remote_write:
- name: peer
  url: {url}/api/v1/write
  remote_timeout: {TIMEOUT_S}s
  queue_config:
    batch_send_deadline: 300ms
    min_backoff: 50ms
    max_backoff: {MAX_BACKOFF_S * 1000:.0f}ms
    retry_on_http_429: true
    max_shards: 1
{more}
scrape_configs:
- job_name: test
  static_configs: [{{targets: ['{target.removeprefix("http://")}']}}]
"""


@pytest.fixture
def servers() -> Iterator[Background]:
    with Background() as servers:
        yield servers


def of_prometheus(launcher: Launcher) -> tuple[Program, Read]:
    # Without the window, an older sample of a batch that comes again would be refused.
    peer = launcher.prometheus(
        "storage: {tsdb: {out_of_order_time_window: 10m}}\n",
        flags=["--web.enable-remote-write-receiver"],
    )

    def read() -> list[Point]:
        found = peer.raw("test_scrapes[10m]")
        return found[0].points if found else []

    return peer, read


class _Exported(msgspec.Struct):
    values: list[float]
    timestamps: list[int]


def of_victoria_metrics(launcher: Launcher) -> tuple[Program, Read]:
    peer = launcher.victoria_metrics()

    def read() -> list[Point]:
        text = peer.get("/api/v1/export?match[]=test_scrapes&reduce_mem_usage=1").text
        blocks = [msgspec.json.decode(line, type=_Exported) for line in text.splitlines()]
        points = {
            Point(t_ms / 1000, value)
            for block in blocks
            for t_ms, value in zip(block.timestamps, block.values, strict=True)
        }
        return sorted(points)

    return peer, read


def is_whole(points: Sequence[Point], last: int) -> bool:
    return [point.value for point in points] == list(range(1, last + 1))


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(of_prometheus, id="prometheus"),
        pytest.param(of_victoria_metrics, id="victoria-metrics"),
    ],
)
def test_nothing_is_lost_or_out_of_order_whatever_fails(
    launcher: Launcher,
    servers: Background,
    start: Callable[[Launcher], tuple[Program, Read]],
) -> None:
    """Issue 5: delays, cuts, lost answers, truncation, 500, 429, 503, 400, 502 and a hang."""
    peer, read = start(launcher)
    counter = Counter()
    target = servers.enter(RecordingServer(counter.answer))
    proxy = servers.enter(FaultProxy(f"http://{peer.address}"))
    proxy.script.extend(SCRIPT)
    daemon = launcher.promscrape(config(target.url, proxy.url))
    eventually(lambda: not proxy.script, what="every failure", within_s=60)
    after = len(proxy.passages)
    eventually(lambda: len(proxy.passages) > after + 2, what="service afterwards")
    story = metrics_of(daemon, proxy.url)
    assert daemon.stop() == 0
    last = counter.last
    points = eventually(lambda: points_if_whole(read, last), what=f"all of {last} scrapes")
    assert [point.t_s for point in points] == sorted({point.t_s for point in points})
    assert story["samples_retried_total"] > 0
    assert story["samples_failed_total"] == 0
    assert story["samples_total"] > story["samples_retried_total"]
    assert is_back_in_time(proxy)


def points_if_whole(read: Read, last: int) -> list[Point]:
    points = read()
    # The scrape under way at the stop may have been given up.
    return points if is_whole(points, last) or is_whole(points, last - 1) else []


def metrics_of(daemon: Scraper, proxy_url: str) -> dict[str, float]:
    names = ("samples_total", "samples_retried_total", "samples_failed_total")
    labels = {"remote_name": "peer", "url": f"{proxy_url}/api/v1/write"}
    found = {}
    for name in names:
        value = daemon.metric(f"prometheus_remote_storage_{name}", **labels)
        assert value is not None, name
        found[name] = value
    return found


def is_back_in_time(proxy: FaultProxy) -> bool:
    """Whether each failure was followed by an attempt within two backoff periods.

    After `Retry-After`, and a hang that lasts for the timeout, on top of them.
    """
    for failed, following in itertools.pairwise(proxy.passages):
        if failed.way is Way.SERVE or failed.status == 400:
            continue
        granted_s = 2 * MAX_BACKOFF_S
        granted_s += 1 if failed.status in (429, 503) else 0
        granted_s += TIMEOUT_S if failed.way is Way.HANG else 0
        if following.t_s - failed.t_s > granted_s:
            return False
    return True


def test_what_a_peer_refuses_is_told_apart_and_the_rest_arrives(
    launcher: Launcher, servers: Background
) -> None:
    """Issue 5.5: one series is bad; its neighbors arrive, and its refusal is on the status page."""
    receiver = servers.enter(Receiver(says_written=False))
    receiver.refuses = lambda series: (
        "no scrape_duration_seconds here" if series.name == "scrape_duration_seconds" else ""
    )
    counter = Counter()
    target = servers.enter(RecordingServer(counter.answer))
    url = receiver.url.removesuffix("/api/v1/write")
    daemon = launcher.promscrape(config(target.url, url))
    eventually(lambda: len(receiver.series.get(of_counter(receiver), [])) >= 5, what="samples")
    status = eventually(lambda: refusals_of(daemon), what="the refusal on the status page")
    assert status[0].error.endswith("no scrape_duration_seconds here")
    assert status[0].labels["__name__"] == "scrape_duration_seconds"
    assert {one.labels["__name__"] for one in status} == {"scrape_duration_seconds"}
    assert daemon.stop() == 0
    assert receiver.faults == []
    assert receiver.disorder() == []
    assert "scrape_duration_seconds" not in receiver.names()
    assert [sample.value for sample in receiver.of("test_scrapes")] in (
        [float(number) for number in range(1, counter.last + 1)],
        [float(number) for number in range(1, counter.last)],
    )


def of_counter(receiver: Receiver) -> tuple[tuple[str, str], ...]:
    found = [labels for labels in receiver.series if ("__name__", "test_scrapes") in labels]
    return found[0] if found else ()


class _Refused(msgspec.Struct):
    labels: dict[str, str]
    error: str


class _Destination(msgspec.Struct, rename="camel"):
    name: str
    refused_series: list[_Refused]


class _Status(msgspec.Struct):
    destinations: list[_Destination]


def refusals_of(daemon: Scraper) -> list[_Refused]:
    (destination,) = daemon.api("status/remote_write", _Status).destinations
    return destination.refused_series


def test_a_changed_password_serves_what_waits_already(
    launcher: Launcher, servers: Background
) -> None:
    """T57: the queue goes on, with another header; nothing that waited is lost."""
    receiver = servers.enter(Receiver(says_written=False))
    receiver.default = answer(500, "no")
    counter = Counter()
    target = servers.enter(RecordingServer(counter.answer))
    url = receiver.url.removesuffix("/api/v1/write")
    more = "  basic_auth: {username: me, password: before}"
    text = config(target.url, url, more)
    daemon = launcher.promscrape(text, flags=["--web.enable-lifecycle"])
    eventually(lambda: len(receiver.requests) >= 3, what="attempts")
    before = receiver.requests[-1].headers["Authorization"]
    daemon.config_path.write_text(text.replace("before", "afterwards"))
    assert daemon.request("POST", "/-/reload").status == 200
    eventually(
        lambda: receiver.requests[-1].headers["Authorization"] != before, what="the new password"
    )
    receiver.default = SERVE
    eventually(lambda: len(receiver.series.get(of_counter(receiver), [])) >= 5, what="samples")
    assert daemon.stop() == 0
    values = [sample.value for sample in receiver.of("test_scrapes")]
    assert values == [float(number) for number in range(1, len(values) + 1)]
    assert receiver.disorder() == []


def test_no_credentials_are_told(launcher: Launcher, servers: Background) -> None:
    """Remote write T62, issue 5: not in the log, on the pages, in the API or the metrics."""
    receiver = servers.enter(Receiver())
    receiver.default = answer(500, "not for s3cr3t")
    counter = Counter()
    target = servers.enter(RecordingServer(counter.answer))
    url = receiver.url.removesuffix("/api/v1/write").replace("://", "://me:s3cr3t@")
    daemon = launcher.promscrape(config(target.url, url))
    eventually(lambda: len(receiver.requests) >= 3, what="attempts")
    for path in (
        "/metrics",
        "/api/v1/status/remote_write",
        "/remote-write",
        "/api/v1/status/config",
    ):
        text = daemon.get(path).text
        assert "s3cr3t" not in text, path
        assert re.search("me:xxxxx@", text), path
    receiver.default = SERVE
    eventually(lambda: receiver.series, what="samples")
    assert daemon.stop() == 0
    assert "s3cr3t" not in daemon.output()
