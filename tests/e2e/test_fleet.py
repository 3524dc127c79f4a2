"""A thousand targets every five seconds, on time and in flat memory."""

import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from promscrape.model.labels import Labels
from promscrape.storage.wal.reader import read_log
from promscrape.storage.wal.record import SampleDecoder, decode_series
from promscrape.storage.wal.record_types import RecordType, record_type
from tests.support.fleet_program import fleet_of
from tests.support.peers import Launcher, Program, Scraper, eventually

BODY = Path(__file__).parents[1] / "data" / "node_exporter.txt"
TARGETS = 1000
INTERVAL_MS = 5000
WATCH_S = 60
# What these machines' neighbors take at times; a missed scrape would be 5000.
LATE_MS = 1000


def config_of(port: int) -> str:
    """Return a job of many targets that are paths of one server."""
    groups = "".join(
        f"  - {{targets: ['127.0.0.1:{port}'], labels: "
        f"{{__metrics_path__: '/{number}', instance: 't{number}'}}}}\n"
        for number in range(TARGETS)
    )
    return (
        f"global: {{scrape_interval: {INTERVAL_MS}ms}}\n"
        f"scrape_configs:\n- job_name: fleet\n  static_configs:\n{groups}"
    )


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Program]:
    with fleet_of(BODY, tmp_path / "fleet") as program:
        yield program


def scrape_times(wal: Path) -> dict[str, list[int]]:
    """Return the timestamps of each target's `up`, by instance."""
    instances: dict[int, str] = {}
    times = defaultdict(list)
    decoder = SampleDecoder()
    for logged in read_log(wal):
        record = logged.framed.record
        if record_type(record) is RecordType.SERIES:
            for ref, wire in decode_series(record):
                labels = Labels(wire)
                if labels.get("__name__") == "up":
                    instances[ref] = labels.get("instance")
        else:
            columns = decoder.decode(record)
            for ref, t_ms in zip(columns.refs, columns.timestamps_ms(), strict=True):
                if ref in instances:
                    times[instances[ref]].append(t_ms)
    return times


def resident_mib(daemon: Scraper) -> float:
    value = daemon.metric("process_resident_memory_bytes")
    assert value is not None
    return value / (1 << 20)


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.timeout(300)
def test_a_thousand_targets_are_scraped_on_time(launcher: Launcher, fleet: Program) -> None:
    """No scrape is missed; the distribution of their lateness is printed."""
    daemon = launcher.promscrape(config_of(fleet.port))
    eventually(lambda: len(daemon.targets()) == TARGETS, what="the targets", within_s=60)
    # At first sight all half a million series are new: that takes its time once.
    daemon.wait_up(within_s=90)
    first_mib, started_ms = resident_mib(daemon), time.time() * 1000
    time.sleep(WATCH_S)  # what is measured is that time passes
    last_mib, ended_ms = resident_mib(daemon), time.time() * 1000
    down = [target.last_error for target in daemon.targets() if target.health != "up"]
    cpu_s = daemon.metric("process_cpu_seconds_total")
    assert daemon.stop() == 0
    late_ms: list[int] = []
    for times in scrape_times(daemon.data_dir / "wal").values():
        watched = [t_ms for t_ms in times if started_ms <= t_ms <= ended_ms]
        assert len(watched) >= WATCH_S * 1000 // INTERVAL_MS - 1
        late_ms += [max(later - earlier - INTERVAL_MS, 0) for earlier, later in pairwise(watched)]
    late_ms.sort()
    shares = {f"p{share}": late_ms[int(len(late_ms) * share / 100)] for share in (50, 90, 99)}
    print(f"lateness in ms: {shares} max={late_ms[-1]} of {len(late_ms)} scrapes")  # noqa: T201
    print(f"resident: {first_mib:.0f} MiB, after {WATCH_S} s {last_mib:.0f} MiB")  # noqa: T201
    print(f"CPU: {cpu_s} s")  # noqa: T201
    assert down == []
    assert late_ms[-1] < LATE_MS
    assert last_mib < first_mib * 1.1
