"""All jobs together: applying, syncing, stopping."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
import structlog

from promscrape.config.global_ import GlobalConfig
from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.configs import DiscoveryConfigs
from promscrape.discovery.dns import DnsSDConfig
from promscrape.discovery.static import StaticConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.labels import Labels
from promscrape.scrape.manager import ScrapeManager
from tests.support.clock import ManualClock, settle
from tests.support.exporter import Exporter
from tests.support.scraping import make_options, markers
from tests.support.storage import RecordingStorage

NO_CLIENT = HTTPClientConfig(tls_config=TLSConfig(ca_file="/no/ca.pem"))


def job(name: str, **changes: object) -> ScrapeConfig:
    config = ScrapeConfig(
        job_name=name, scrape_interval=Duration(1000), scrape_timeout=Duration(1000)
    )
    return msgspec.structs.replace(config, **changes)


class Managed:
    """A manager on the test's clock and storage."""

    def __init__(self, **options: object) -> None:
        self.storage, self.clock = RecordingStorage(), ManualClock()
        self.options = make_options(self.storage, self.clock, **options)
        self.manager = ScrapeManager(self.options, structlog.get_logger())

    async def apply(self, *jobs: ScrapeConfig) -> None:
        await self.manager.apply(Config(scrape_configs=jobs))

    def update(self, **addresses: str) -> None:
        self.manager.update(
            {
                name: [TargetGroup(({"__address__": address},), {}, "0")]
                for name, address in addresses.items()
            }
        )

    async def until(self, reports: int) -> None:
        """Let time pass until this many scrapes have been reported."""
        async with asyncio.timeout(10):
            while len(self.storage.report("up")) < reports:
                await self.clock.advance(0.25)
                await asyncio.sleep(0.002)

    def counted(self, metric: str) -> float:
        return self.options.metrics.registry.get_sample_value(metric) or 0.0


@asynccontextmanager
async def managing(**options: object) -> AsyncIterator[Managed]:
    managed = Managed(**options)
    async with managed.manager:
        yield managed


async def test_pools_are_made_at_the_first_tick_and_not_before() -> None:
    """TC127, M2, M11: an update 1 s after the start shows at 5 s."""
    async with managing() as managed:
        await managed.apply(job("a"))
        await managed.clock.advance(1)
        managed.update(a="127.0.0.1:1")
        await managed.clock.advance(3.9)
        assert managed.manager.pools == {}
        await managed.clock.advance(0.2)
        await settle()
        assert list(managed.manager.pools) == ["a"]
        assert managed.counted("prometheus_target_scrape_pools_total") == 1


async def test_the_first_sync_may_come_at_once() -> None:
    """M11, reload on startup: with the first targets; the gate begins to count from there."""
    async with managing(reload_on_startup=True) as managed:
        await managed.apply(job("a"), job("b"))
        await managed.clock.advance(3)
        managed.update(a="127.0.0.1:1")
        await managed.clock.advance(0)
        assert list(managed.manager.pools) == ["a"]
        managed.update(a="127.0.0.1:1", b="127.0.0.1:1")
        await managed.clock.advance(4.9)
        assert list(managed.manager.pools) == ["a"]
        await managed.clock.advance(0.2)
        await settle()
        assert sorted(managed.manager.pools) == ["a", "b"]


async def test_an_update_after_a_quiet_time_is_put_to_use_at_once() -> None:
    """M11: the gate is open; a burst after it waits for the next tick."""
    async with managing() as managed:
        await managed.apply(job("a"), job("b"), job("c"))
        await managed.clock.advance(60)
        managed.update(a="127.0.0.1:1")
        await managed.clock.advance(0)
        assert list(managed.manager.pools) == ["a"]
        await managed.clock.advance(0)
        managed.update(a="127.0.0.1:1", b="127.0.0.1:1")
        await managed.clock.advance(0)
        managed.update(a="127.0.0.1:1", b="127.0.0.1:1", c="127.0.0.1:1")
        await managed.clock.advance(5)
        assert sorted(managed.manager.pools) == ["a", "b", "c"]


async def test_an_unknown_job_is_skipped() -> None:
    """M12: discovery may be ahead of the configuration."""
    async with managing() as managed:
        await managed.apply(job("a"))
        managed.update(ghost="127.0.0.1:1", a="127.0.0.1:1")
        await managed.clock.advance(5)
        assert list(managed.manager.pools) == ["a"]


async def test_a_pool_that_cannot_be_made_is_counted_and_tried_again() -> None:
    """M12: the others are made."""
    unmakeable = job("bad", http_client=NO_CLIENT)
    async with managing() as managed:
        await managed.apply(unmakeable, job("a"))
        managed.update(bad="127.0.0.1:1", a="127.0.0.1:1")
        await managed.clock.advance(5)
        assert list(managed.manager.pools) == ["a"]
        assert managed.counted("prometheus_target_scrape_pools_failed_total") == 1
        await managed.apply(job("bad"), job("a"))
        managed.update(bad="127.0.0.1:1", a="127.0.0.1:1")
        await managed.clock.advance(5)
        assert sorted(managed.manager.pools) == ["a", "bad"]


async def test_the_newest_targets_count_and_none_are_added_up() -> None:
    """M10, M12: an update never waits, replaces the last one whole, and spares absent jobs."""
    async with managing() as managed:
        await managed.apply(job("a"), job("b"))
        managed.update(a="127.0.0.1:1", b="127.0.0.1:1")
        await managed.clock.advance(5)
        await settle()
        managed.update(a="127.0.0.1:2")
        managed.update(a="127.0.0.1:3")
        await managed.clock.advance(5)
        await settle()
        addresses = {
            name: [target.address for target in pool.active_targets()]
            for name, pool in managed.manager.pools.items()
        }
        assert addresses == {"a": ["127.0.0.1:3"], "b": ["127.0.0.1:1"]}
        targets = "prometheus_target_scrape_pool_targets"
        value = managed.options.metrics.registry.get_sample_value
        assert value(targets, {"scrape_job": "a"}) == 1


async def test_new_loops_start_by_the_newest_seed() -> None:
    """M25, deviation: the seed follows the external labels; loops that run keep their place."""
    async with managing() as managed:
        await managed.apply(job("a"))
        managed.update(a="127.0.0.1:1")
        await managed.clock.advance(5)
        await settle()
        pool = managed.manager.pools["a"]
        (before,) = pool.active_targets()
        labels = Labels.from_map({"replica": "2"})
        changed = Config(global_=GlobalConfig(external_labels=labels), scrape_configs=(job("a"),))
        seed = pool.seed
        await managed.manager.apply(changed)
        assert pool.seed != seed
        (after,) = pool.active_targets()
        assert after is before


async def test_an_equal_configuration_changes_nothing() -> None:
    """TC123, M3: no reload is counted and no loop restarted."""
    async with managing() as managed, Exporter() as exporter:
        await managed.apply(job("a"))
        managed.update(a=exporter.address)
        await managed.until(1)
        (target,) = managed.manager.pools["a"].active_targets()
        await managed.apply(job("a"))
        assert managed.manager.pools["a"].active_targets() == [target]
        assert managed.counted("prometheus_target_scrape_pool_reloads_total") == 0


async def test_changed_targets_are_no_changed_job() -> None:
    """M4, deviation: only the sync that follows sees them, and caches stay."""
    async with managing() as managed:
        await managed.apply(job("a"))
        managed.update(a="127.0.0.1:1")
        await managed.clock.advance(5)
        static = StaticConfig(targets=("127.0.0.1:2",))
        dns = DnsSDConfig(names=("a.example",))
        discovery = DiscoveryConfigs(by_key={"static_configs": (static,), "dns_sd_configs": (dns,)})
        changed = job("a", discovery=discovery)
        await managed.apply(changed)
        assert managed.counted("prometheus_target_scrape_pool_reloads_total") == 0
        assert managed.manager.pools["a"].config == changed


async def test_a_removed_job_is_stopped_without_markers() -> None:
    """TC129, M3, M19: and leaves no pool behind."""
    async with managing() as managed, Exporter() as exporter:
        await managed.apply(job("a"), job("b"))
        managed.update(a=exporter.address, b=exporter.address)
        await managed.until(2)
        await managed.apply(job("b"))
        managed.update(b=exporter.address)
        await managed.until(8)
        assert list(managed.manager.pools) == ["b"]
        assert markers(managed.storage.committed) == set()


async def test_a_pool_that_cannot_be_reloaded_goes_on_as_it_was() -> None:
    """TC126, M5: the error comes once the others have had their turn."""
    async with managing() as managed:
        await managed.apply(job("a"), job("b"))
        managed.update(a="127.0.0.1:1", b="127.0.0.1:1")
        await managed.clock.advance(5)
        unmakeable = job("a", http_client=NO_CLIENT)
        with pytest.raises(ConfigError, match="failed to apply the new configuration"):
            await managed.apply(unmakeable, job("b", sample_limit=5))
        assert managed.manager.pools["a"].config == job("a")
        assert managed.manager.pools["b"].config.sample_limit == 5


async def test_leaving_finishes_the_scrapes_under_way() -> None:
    """M20, service 3: what a target answers is still committed."""
    managed = Managed()
    async with Exporter() as exporter:
        async with managed.manager:
            await managed.apply(job("a"))
            managed.update(a=exporter.address)
            exporter.delay.clear()
            async with asyncio.timeout(10):
                while not exporter.requests:
                    await managed.clock.advance(0.25)
                    await asyncio.sleep(0.002)
            asyncio.get_running_loop().call_later(0.02, exporter.delay.set)
        assert managed.storage.report("up") == [1.0]


async def test_failed_fetches_go_to_the_failure_log(tmp_path: Path) -> None:
    """TC173, M26, M27, service 49: one JSON line each; a bad body is not one of them."""
    path = tmp_path / "failures.json"
    logged = job("a", scrape_failure_log_file=str(path))
    async with managing() as managed, Exporter() as exporter:
        await managed.apply(logged)
        managed.update(a=exporter.address)
        exporter.body = b"%%%\n"
        await managed.until(1)
        assert path.read_text() == ""
        exporter.status = 500
        await managed.until(2)
        (line,) = path.read_text().splitlines()
        record = json.loads(line)
        assert record["msg"] == "server returned HTTP status 500 Internal Server Error"
        assert (record["job_name"], record["level"]) == ("a", "ERROR")
        assert record["target"] == f"http://{exporter.address}/metrics"
        path.rename(tmp_path / "rotated.json")
        await managed.apply(logged)
        await managed.until(3)
        assert len(path.read_text().splitlines()) >= 1


async def test_a_failure_log_that_cannot_be_opened_refuses_the_configuration(
    tmp_path: Path,
) -> None:
    """M1, Service 8: and the error says which file."""
    path = tmp_path / "no" / "such" / "directory.json"
    async with managing() as managed:
        with pytest.raises(ConfigError, match=r"can't create json log file: open .*: no such file"):
            await managed.apply(job("a", scrape_failure_log_file=str(path)))


async def test_cached_metadata_is_counted_when_it_is_collected() -> None:
    """Section 10, C20: families and bytes over all targets of a job."""
    async with (
        managing() as managed,
        Exporter(b"# HELP a words\n# TYPE a gauge\na 1\n") as exporter,
    ):
        await managed.apply(job("a"))
        managed.update(a=exporter.address)
        await managed.until(1)
        labels = {"scrape_job": "a"}
        registry = managed.options.metrics.registry
        assert registry.get_sample_value("prometheus_target_metadata_cache_entries", labels) == 1
        size = registry.get_sample_value("prometheus_target_metadata_cache_bytes", labels)
        assert size == len("words") + len("gauge")
