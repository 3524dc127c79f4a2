"""Our log and Prometheus's, each opened by the other (S33)."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest

from promscrape.model.labels import Labels
from promscrape.model.sample import STALE_NAN
from promscrape.storage.wal.compression import Compression
from tests.support.churn_writer import AWAY, RETURNING, STEADY, time_of, write_scrape
from tests.support.clock import ManualClock
from tests.support.peers import Launcher, Scraper, eventually
from tests.support.wal import (
    Target,
    batch_of,
    bits,
    histogram,
    logged_samples,
    logged_series,
    metric,
    open_storage,
)

SERIES = [metric("m", i=str(i), long="x" * i) for i in range(300)]
NOTHING_TO_SCRAPE = "global: {scrape_interval: 1s}\n"
NOW_MS = 1_800_000_000_000


async def write_scrapes(data: Path, compression: Compression) -> int:
    """Write scrapes over several segments and a checkpoint, and return the active series."""
    async with open_storage(data, compression=compression) as storage:
        target, report = Target(storage, SERIES), Target(storage, [metric("up")])
        for scrape in range(120):
            appender = storage.appender()
            t_ms = NOW_MS + 1000 * scrape
            target.append(appender, [scrape / (i + 1) for i in range(299)] + [STALE_NAN], t_ms)
            report.append(appender, [1.0], t_ms)
            appender.commit()
        await storage.truncate(NOW_MS + 20_000)
        statistics = storage.statistics()
        assert statistics.first_segment > 0
        return statistics.active_series


async def write_histograms(data: Path) -> None:
    async with open_storage(data) as storage:
        appender = storage.appender()
        both = {0: histogram(), 1: histogram(is_float=True)}
        appender.append(batch_of(storage.generation, SERIES[:2], [0, 0], NOW_MS, histograms=both))
        appender.commit()


async def last_times(data: Path) -> dict[str, int]:
    """Return the last timestamp of each series, as a storage that opens the log has it."""
    async with open_storage(data) as storage:
        assert storage.statistics().corruptions == 0
        table = storage._parts.table
        found = [(table.series_at(row), table.last_ms[row]) for row in range(table.end)]
        return {str(Labels(series.wire)): last_ms for series, last_ms in found if series}


def sizes_in(data: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in (data / "wal").rglob("0*")}


def agent_on(launcher: Launcher, data: Path) -> Scraper:
    return launcher.prometheus_agent(NOTHING_TO_SCRAPE, data_dir=data)


@pytest.mark.parametrize("compression", [Compression.NONE, Compression.SNAPPY])
def test_prometheus_opens_our_log(
    launcher: Launcher, tmp_path: Path, compression: Compression
) -> None:
    """S33: with as many active series, no corruption, and no segment cut by a repair."""
    data = tmp_path / "ours"
    active = asyncio.run(write_scrapes(data, compression))
    before = sizes_in(data)
    agent = agent_on(launcher, data)
    assert agent.metric("prometheus_agent_active_series") == active == 301
    assert agent.metric("prometheus_agent_corruptions_total") == 0
    assert "WAL read error" not in agent.output()
    assert before.items() <= sizes_in(data).items()


def test_prometheus_reads_our_samples(launcher: Launcher, tmp_path: Path) -> None:
    """S33: a server has the same samples in its head, values and stale markers included."""
    data = tmp_path / "ours"
    asyncio.run(write_scrapes(data, Compression.SNAPPY))
    server = launcher.prometheus(NOTHING_TO_SCRAPE, data_dir=data)
    at = str(NOW_MS // 1000 + 119)
    ours = logged_samples(data / "wal")
    # The last series has nothing but stale markers, which a query does not show.
    counts = server.query("count_over_time(m[10m])", time=at)
    assert len(counts) == 299
    assert {count.value for count in counts} == {len(ours[str(SERIES[0])])}
    values = server.query('m{i=~"0|7|298"}', time=at)
    assert {value.labels["i"]: value.value for value in values} == {
        "0": 119.0,
        "7": 119 / 8,
        "298": 119 / 299,
    }


def test_prometheus_reads_our_histograms(launcher: Launcher, tmp_path: Path) -> None:
    """S33: of integers and of floats, with exponential buckets, which 2.42 knows as well."""
    data = tmp_path / "ours"
    asyncio.run(write_histograms(data))
    agent = agent_on(launcher, data)
    assert agent.metric("prometheus_agent_active_series") == 2
    assert agent.metric("prometheus_agent_corruptions_total") == 0


async def write_scrapes_of_pods(data: Path, scrapes: int) -> None:
    """Write scrapes of series that come and go, the process ended and started on the way."""
    clock = ManualClock(now_ns=time_of(0) * 1_000_000)
    for half in range(2):
        async with open_storage(data, clock=clock) as storage:
            for scrape in range(half * scrapes // 2, (half + 1) * scrapes // 2):
                write_scrape(storage, scrape, marks=scrape > 0)
                await clock.advance(60)
            assert storage._metrics.series_forgotten.value > scrapes // 3
            assert storage.statistics().active_series < len(STEADY) + 9
            await storage.truncate(time_of(0))


def test_prometheus_reads_series_that_were_forgotten(launcher: Launcher, tmp_path: Path) -> None:
    """S27, S33: a server has each sample of series that are gone; an agent finds no fault.

    Where a series comes back under another ref, as it does in the logs of Prometheus's agent, a
    server lets go of what it read of it before: it takes that for compacted by itself. Source:
    Prometheus tsdb/head_wal.go, resetSeriesWithMMappedChunks.
    """
    data = tmp_path / "ours"
    asyncio.run(write_scrapes_of_pods(data, 80))
    ours = {
        series: sum(value != bits(STALE_NAN) for _, value in samples)
        for series, samples in logged_samples(data / "wal").items()
    }
    assert len(ours) == len(STEADY) + 80 + 1
    shutil.copytree(data / "wal", tmp_path / "copy" / "wal")
    server = launcher.prometheus(NOTHING_TO_SCRAPE, data_dir=data)
    at = str(time_of(80) // 1000)
    counts = server.query('count_over_time({__name__=~"steady|new"}[2h])', time=at)
    # The function drops the name of the metric.
    assert Counter(count.value for count in counts) == {80.0: len(STEADY), 1.0: 80}
    (back,) = server.query("count_over_time(returning[2h])", time=at)
    assert ours.pop(str(RETURNING)) == 44
    assert back.value == 80 % AWAY
    assert Counter(ours.values()) == {80: len(STEADY), 1: 80}
    agent = agent_on(launcher, tmp_path / "copy")
    assert agent.metric("prometheus_agent_corruptions_total") == 0
    # Up to 2.x it counts a series under each of its refs.
    refs = logged_series(tmp_path / "copy" / "wal")
    assert agent.metric("prometheus_agent_active_series") in (len(refs), len(ours) + 1)


def test_we_open_prometheus_log(launcher: Launcher, tmp_path: Path) -> None:
    """S33: with the same series and last timestamps; a server that opens a copy is the judge."""
    target = launcher.alertmanager()
    agent = launcher.prometheus_agent(
        "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
        "scrape_configs:\n"
        f'- {{job_name: peer, static_configs: [{{targets: ["{target.address}"]}}]}}\n',
        data_dir=tmp_path / "theirs",
    )

    def appended() -> float:
        return agent.metric("prometheus_agent_samples_appended_total", type="float") or 0

    eventually(lambda: appended() > 1000, what="some scrapes in the agent's log")
    agent.stop()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "theirs" / "wal", copy / "wal")
    ours = asyncio.run(last_times(tmp_path / "theirs"))
    server = launcher.prometheus(NOTHING_TO_SCRAPE, data_dir=copy)
    assert server.metric("prometheus_tsdb_head_series") == len(ours)
    # A selector ends where it is asked for, in seconds with three decimals.
    end_s = max(ours.values()) / 1000 + 1
    theirs = {
        str(Labels.from_map(series.labels)): round(series.points[-1].t_s * 1000)
        for series in server.raw('{__name__=~".+"}[5m]', at_s=end_s)
    }
    assert theirs == ours
