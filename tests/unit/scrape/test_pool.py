"""From target groups to loops, and from one configuration to the next."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog

from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError
from promscrape.httpclient.auth import BasicAuth
from promscrape.httpclient.config import HTTPClientConfig
from promscrape.httpclient.tls import TLSConfig
from promscrape.model.duration import Duration
from promscrape.model.regex import Regex
from promscrape.model.secret import Secret
from promscrape.relabel import RelabelAction, RelabelConfig
from promscrape.scrape.pool import ScrapePool, same_but_for_discovery
from promscrape.scrape.target import Target, build_target
from tests.support.clock import ManualClock, settle
from tests.support.exporter import Exporter
from tests.support.scraping import make_options, markers, values
from tests.support.storage import RecordingStorage

NO_CLIENT = HTTPClientConfig(tls_config=TLSConfig(ca_file="/no/ca.pem"))
JOB = ScrapeConfig(job_name="j", scrape_interval=Duration(1000), scrape_timeout=Duration(1000))


class Pool:
    """A pool on the test's clock and storage, with the exporter as its target."""

    def __init__(self, tasks: asyncio.TaskGroup, config: ScrapeConfig, exporter: Exporter) -> None:
        self.storage, self.clock = RecordingStorage(), ManualClock()
        self.options = make_options(self.storage, self.clock)
        self.exporter = exporter
        self.pool = ScrapePool(config, self.options, tasks, 0, structlog.get_logger())

    async def sync(self, *addresses: str, **labels: str) -> None:
        targets = tuple({"__address__": address} for address in addresses)
        await self.pool.sync([TargetGroup(targets, labels, "0")])

    async def scrape(self, count: int = 1) -> None:
        """Let time pass until every target was scraped `count` times more."""
        for _ in range(count):
            before = len(self.storage.report("up"))
            due = len(self.pool.active_targets())
            await self.clock.advance(1)
            async with asyncio.timeout(5):
                while len(self.storage.report("up")) < before + due:
                    await asyncio.sleep(0.001)

    def counted(self, metric: str, **labels: str) -> float:
        name = f"prometheus_target_{metric}"
        return self.options.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def running(config: ScrapeConfig = JOB) -> AsyncIterator[Pool]:
    async with Exporter() as exporter, asyncio.TaskGroup() as tasks:
        pool = Pool(tasks, config, exporter)
        yield pool
        exporter.delay.set()
        await pool.pool.stop()


def job(**changes: object) -> ScrapeConfig:
    return msgspec.structs.replace(JOB, **changes)


async def test_targets_are_scraped_until_they_vanish() -> None:
    """M15, TC128: a vanished target's loop is stopped, and its series marked."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape(2)
        assert [sample.value for sample in pool.storage.scraped()] == [1.0, 1.0]
        await pool.sync()
        assert pool.pool.active_targets() == []
        await pool.clock.advance(4)
        assert markers(pool.storage.committed) >= {"a", "up"}


async def test_equal_targets_are_one() -> None:
    """TC118, M15: two groups, one loop; the later ones' discovered labels are shown."""
    async with running() as pool:
        address = {"__address__": pool.exporter.address}
        groups = [
            TargetGroup((address,), {"__meta_group": str(number)}, str(number))
            for number in range(2)
        ]
        await pool.pool.sync(groups)
        (target,) = pool.pool.active_targets()
        assert target.discovered_labels.get("__meta_group") == "1"
        assert pool.counted("scrape_pool_targets", scrape_job="j") == 1


async def test_a_sync_leaves_known_targets_alone() -> None:
    """M15: the loop, its health and its last scrape stay; discovered labels are refreshed."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        (before,) = pool.pool.active_targets()
        await pool.sync(pool.exporter.address, __meta_new="1")
        (after,) = pool.pool.active_targets()
        assert after is before
        assert after.report is not None
        assert after.discovered_labels.get("__meta_new") == "1"
        assert pool.counted("scrape_pool_sync_total", scrape_job="j") == 2


async def test_an_equal_sync_has_nothing_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    """Config 15.2 step 4: thousands of targets that did not change cost nothing."""
    made: list[str] = []

    def build(discovered: Mapping[str, str], config: ScrapeConfig) -> Target | None:
        made.append(discovered["__address__"])
        return build_target(discovered, config)

    monkeypatch.setattr("promscrape.scrape.pool.build_target", build)
    async with running() as pool:
        for addresses in (["a:1"], ["a:1"], ["a:1", "b:1"], ["a:1", "b:1"]):
            await pool.sync(*addresses)
        assert made == ["a:1", "a:1", "b:1"]
        pool.pool.config = job(scrape_interval=Duration(2000))
        await pool.sync("a:1", "b:1")
        assert len(made) == 5
        assert pool.counted("scrape_pool_sync_total", scrape_job="j") == 5


async def test_a_target_that_fails_is_counted_at_every_sync() -> None:
    """T4: as Prometheus does, until it is mended."""
    async with running() as pool:
        for _ in range(2):
            await pool.sync("http://bad")
        assert pool.counted("sync_failed_total", scrape_job="j") == 2


async def test_dropped_targets_are_counted_and_some_are_kept() -> None:
    """TC121, M14: keep_dropped_targets bounds the list, not the count."""
    rule = RelabelConfig(
        source_labels=("__address__",), regex=Regex("x.*"), action=RelabelAction.DROP
    )
    async with running(job(keep_dropped_targets=1, relabel_configs=(rule,))) as pool:
        await pool.sync("x1", "x2", pool.exporter.address)
        assert pool.pool.dropped_count == 2
        (kept,) = pool.pool.dropped_targets()
        assert kept.get("__address__") == "x1"
        assert len(pool.pool.active_targets()) == 1


async def test_a_bad_target_does_not_stop_the_others() -> None:
    """TC111, M13: it is neither active nor dropped, and counted."""
    async with running(job(relabel_configs=(RelabelConfig(target_label="x"),))) as pool:
        await pool.sync("host/x", pool.exporter.address)
        assert len(pool.pool.active_targets()) == 1
        assert pool.pool.dropped_count == 0
        assert pool.counted("sync_failed_total", scrape_job="j") == 1


async def test_a_job_over_its_target_limit_scrapes_none_of_them() -> None:
    """TC120, M16, M17: no requests; back under the limit all go on."""
    async with running(job(target_limit=2)) as pool:
        address = pool.exporter.address
        port = address.rpartition(":")[2]
        await pool.sync(address, f"127.0.0.2:{port}", f"127.0.0.3:{port}")
        await pool.scrape()
        errors = {target.report.error for target in pool.pool.active_targets() if target.report}
        assert errors == {"target_limit exceeded (number of targets: 3, limit: 2)"}
        assert pool.exporter.requests == []
        await pool.sync(address)
        await pool.scrape()
        assert pool.storage.report("up")[-1] == 1
        assert pool.counted("scrape_pool_exceeded_target_limit_total") == 1
        assert pool.counted("scrape_pool_target_limit", scrape_job="j") == 2


async def test_a_changed_limit_keeps_the_caches() -> None:
    """TC124, M7, M8: loops are replaced, nothing is new and nothing stale."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        await pool.pool.reload(job(sample_limit=100))
        await pool.scrape(2)
        assert pool.storage.report("scrape_series_added") == [1.0, 0.0, 0.0]
        assert markers(pool.storage.committed) == set()
        assert pool.counted("scrape_pool_reloads_total") == 1


async def test_a_changed_rule_drops_the_caches() -> None:
    """TC125, M7: every series is new again."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        await pool.pool.reload(job(honor_labels=True))
        await pool.scrape()
        assert pool.storage.report("scrape_series_added") == [1.0, 1.0]
        await pool.clock.advance(5)
        await pool.scrape(3)
        assert markers(pool.storage.committed) == set()


async def test_a_reload_waits_for_the_scrape_under_way() -> None:
    """M8: the successor begins only then."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        pool.exporter.delay.clear()
        await pool.clock.advance(1)
        async with asyncio.timeout(5):
            while not pool.exporter.requests:
                await asyncio.sleep(0.001)
        reload = asyncio.create_task(pool.pool.reload(job(sample_limit=5)))
        await settle()
        assert not reload.done()
        pool.exporter.delay.set()
        await reload
        assert pool.storage.report("up") == [1.0]


async def test_a_reload_that_cannot_be_done_changes_nothing() -> None:
    """TC126, M5, M6: the old loops go on."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        with pytest.raises(ConfigError, match="error creating HTTP client"):
            await pool.pool.reload(job(http_client=NO_CLIENT))
        await pool.scrape()
        assert pool.pool.config == JOB
        assert pool.counted("scrape_pool_reloads_failed_total") == 1
        assert pool.storage.report("scrape_series_added") == [1.0, 0.0]


async def test_a_missing_ca_file_is_named_and_changes_nothing() -> None:
    """TC126, M6, config 9.3: it is noticed when the client is made, and the old loops go on."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        with pytest.raises(ConfigError) as caught:
            await pool.pool.reload(job(http_client=NO_CLIENT))
        await pool.scrape()
        assert pool.storage.report("up") == [1.0, 1.0]
    assert str(caught.value) == (
        "error creating HTTP client: unable to read CA cert: unable to read file /no/ca.pem: "
        "open /no/ca.pem: no such file or directory"
    )


async def test_a_changed_password_is_used_after_the_reload() -> None:
    """Config case 58: a job differs where nothing but a secret does, and keeps its caches."""

    def secured(password: str) -> ScrapeConfig:
        auth = BasicAuth(username="me", password=Secret(password))
        return job(http_client=HTTPClientConfig(basic_auth=auth))

    async with running(secured("one")) as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        assert not same_but_for_discovery(pool.pool.config, secured("two"))
        await pool.pool.reload(secured("two"))
        await pool.scrape()
        assert pool.exporter.authorizations == ["Basic bWU6b25l", "Basic bWU6dHdv"]
        assert pool.storage.report("scrape_series_added") == [1.0, 0.0]


async def test_a_stopped_pool_writes_no_markers_and_forgets_its_metrics() -> None:
    """TC129, M18, M19: the process or the job comes back."""
    async with running() as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        await pool.sync()  # its markers are still owed when the pool stops
        await pool.pool.stop()
        assert markers(pool.storage.committed) == set()
        registry = pool.options.metrics.registry
        left = {
            sample.name
            for family in registry.collect()
            for sample in family.samples
            if sample.labels.get("scrape_job") == "j"
        }
        assert left == set()


async def test_metric_relabeling_is_at_work() -> None:
    """S6: end to end through a real request."""
    rule = RelabelConfig(target_label="extra", replacement="yes")
    async with running(job(metric_relabel_configs=(rule,))) as pool:
        await pool.sync(pool.exporter.address)
        await pool.scrape()
        (sample,) = pool.storage.scraped()
        assert sample.labels.to_map() == {
            "__name__": "a",
            "extra": "yes",
            "instance": pool.exporter.address,
            "job": "j",
        }
        assert values([sample]) == {"a": 1.0}
