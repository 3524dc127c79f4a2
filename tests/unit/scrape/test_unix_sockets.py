"""Targets that are reached over a unix socket."""

import asyncio
from pathlib import Path

import msgspec
import structlog
import trustme
from aiohttp import web

from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.scrape.pool import ScrapePool
from tests.support.clock import ManualClock
from tests.support.http_server import Answer, RecordingServer
from tests.support.scraping import make_options
from tests.support.storage import RecordingStorage
from tests.support.tls import ca_pem

JOB = ScrapeConfig(job_name="j", scrape_interval=Duration(1000), scrape_timeout=Duration(1000))


def group(*sockets: Path) -> TargetGroup:
    """Return targets of one address, each with a socket of its own."""
    return TargetGroup(
        tuple(
            {"__address__": "app:8080", "__unix_socket__": str(path), "instance": path.stem}
            for path in sockets
        ),
        {},
        "0",
    )


def saying(text: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text)

    return answer


async def until_up(storage: RecordingStorage, clock: ManualClock, count: int) -> None:
    """Let time pass until this many scrapes were reported, and see that none failed."""
    async with asyncio.timeout(10):
        while len(storage.report("up")) < count:
            await clock.advance(0.25)
            await asyncio.sleep(0.002)
    assert set(storage.report("up")) == {1.0}


async def test_each_socket_has_connections_of_its_own(tmp_path: Path) -> None:
    """T20: two sockets behind one URL are two targets, and neither gets the other's answer."""
    first, second = tmp_path / "first.sock", tmp_path / "second.sock"
    storage, clock = RecordingStorage(), ManualClock()
    async with (
        RecordingServer(saying("a 1\n"), unix_socket=first) as one,
        RecordingServer(saying("a 2\n"), unix_socket=second) as two,
        asyncio.TaskGroup() as tasks,
    ):
        pool = ScrapePool(JOB, make_options(storage, clock), tasks, 0, structlog.get_logger())
        await pool.sync([group(first, second)])
        await until_up(storage, clock, 6)
        scraped = {(sample.labels.get("instance"), sample.value) for sample in storage.scraped()}
        assert scraped == {("first", 1.0), ("second", 2.0)}
        for server in (one, two):
            assert set(server.sent("Host")) == {"app:8080"}
            assert len({id(request.transport) for request in server.requests}) == 1
        await pool.stop()


async def test_the_client_of_a_socket_ends_with_its_last_target(tmp_path: Path) -> None:
    """T20: a host with thousands of short-lived sockets keeps none of them open."""
    path = tmp_path / "a.sock"
    storage, clock = RecordingStorage(), ManualClock()
    async with RecordingServer(unix_socket=path), asyncio.TaskGroup() as tasks:
        pool = ScrapePool(JOB, make_options(storage, clock), tasks, 0, structlog.get_logger())
        await pool.sync([group(path)])
        before = pool.clients.of(str(path))
        await pool.sync([group(path)])
        assert pool.clients.of(str(path)) is before
        await pool.sync([group()])
        assert pool.clients.of(str(path)) is not before
        await pool.stop()


async def test_a_socket_without_a_client_costs_its_target_alone(tmp_path: Path) -> None:
    """M13: where a certificate vanished since the job was loaded, that is said and counted."""
    authority = tmp_path / "ca.pem"
    authority.write_text(ca_pem(trustme.CA()))
    tls = TLSConfig(ca_file=str(authority))
    config = msgspec.structs.replace(JOB, http_client=HTTPClientConfig(tls_config=tls))
    options = make_options(RecordingStorage(), ManualClock())
    async with asyncio.TaskGroup() as tasks:
        pool = ScrapePool(config, options, tasks, 0, structlog.get_logger())
        authority.unlink()
        await pool.sync(
            [group(tmp_path / "a.sock"), TargetGroup(({"__address__": "b:1"},), {}, "1")]
        )
        assert [target.instance for target in pool.active_targets()] == ["b:1"]
        failed = options.metrics.registry.get_sample_value(
            "prometheus_target_sync_failed_total", {"scrape_job": "j"}
        )
        assert failed == 1
        await pool.stop()
