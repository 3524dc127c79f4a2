"""Targets that misbehave: each gets its own clear error, and no other target is late for it."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from promscrape.model.labels import Labels
from tests.support.hostile import BEHAVIORS, HostileServer
from tests.support.peers import ActiveTarget, Launcher, Scraper
from tests.support.wal import logged_samples

INTERVAL_MS = 1000
WATCH_S = 12
LATE_MS = 500
GOOD_TARGETS = 20

ERRORS = {
    "/hang": 'Get "http://{address}/hang": context deadline exceeded',
    "/drip": "context deadline exceeded",
    "/redirect": 'Get "http://{address}/redirect": stopped after 10 redirects',
    "/gigabytes": "body size limit exceeded",
    "/garbage": "expected a valid start token",
    "/protocol": 'Get "http://{address}/protocol": malformed HTTP response',
    "/early": "unexpected EOF",
}
BAD_ADDRESS = "no.such.host.invalid:80"

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.one_loop]


def config_of(address: str) -> str:
    """Return one job with every kind of misbehavior, and one with good targets."""
    hostile = "".join(
        f"  - {{targets: ['{address}'], labels: {{__metrics_path__: {path}}}}}\n"
        for path in BEHAVIORS
        if path != "/good"
    )
    good = "".join(
        f"  - {{targets: ['{address}'], labels: {{__metrics_path__: /good, instance: g{number}}}}}\n"
        for number in range(GOOD_TARGETS)
    )
    return (
        f"global: {{scrape_interval: {INTERVAL_MS}ms, scrape_timeout: {INTERVAL_MS}ms}}\n"
        "scrape_configs:\n"
        f"- job_name: good\n  static_configs:\n{good}"
        # A machine that is busy could not send as much as the process's own ceiling in time.
        f"- job_name: hostile\n  body_size_limit: 16MB\n  static_configs:\n{hostile}"
        f"- job_name: nowhere\n  static_configs: [{{targets: ['{BAD_ADDRESS}']}}]\n"
        "- job_name: relabeled\n"
        "  relabel_configs: [{target_label: __address__, replacement: 'host/x'}]\n"
        "  static_configs: [{targets: [x]}]\n"
    )


def good_times(daemon: Scraper) -> list[list[int]]:
    """Return the timestamps of each good target's sample."""
    samples = logged_samples(Path(daemon.data_dir) / "wal")
    labels = [
        Labels.from_map({"__name__": "a", "job": "good", "instance": f"g{number}"})
        for number in range(GOOD_TARGETS)
    ]
    return [[t_ms for t_ms, _ in samples[str(one)]] for one in labels]


async def test_each_misbehavior_has_its_error_and_the_others_stay_on_time(
    tmp_path: Path,
) -> None:
    """H10 to H17, L5, T15: hanging, dripping, redirecting, flooding, garbage, hanging up."""
    launcher = Launcher(tmp_path)
    async with HostileServer() as server:
        try:
            daemon = await asyncio.to_thread(launcher.promscrape, config_of(server.address))
            await asyncio.sleep(5 + WATCH_S)  # what is watched is time passing
            targets = await asyncio.to_thread(daemon.targets)
            failed = await asyncio.to_thread(
                daemon.metric, "prometheus_target_sync_failed_total", scrape_job="relabeled"
            )
            memory = await asyncio.to_thread(daemon.metric, "process_resident_memory_bytes")
            assert await asyncio.to_thread(daemon.stop) == 0
        finally:
            await asyncio.to_thread(launcher.close)
        check_errors(targets, server.address)
    assert failed == 1
    assert memory is not None
    print(f"resident: {memory / (1 << 20):.0f} MiB")  # noqa: T201
    gaps = [later - earlier for times in good_times(daemon) for earlier, later in pairwise(times)]
    late = sorted(gap - INTERVAL_MS for gap in gaps)
    print(f"good targets: {len(gaps)} gaps, at most {late[-1]} ms late")  # noqa: T201
    assert len(gaps) >= GOOD_TARGETS * (WATCH_S - 3)
    assert late[-1] < LATE_MS


def check_errors(targets: list[ActiveTarget], address: str) -> None:
    by_path = {
        target.scrape_url.removeprefix(f"http://{address}"): target.last_error
        for target in targets
        if target.scrape_pool == "hostile"
    }
    assert by_path.keys() == ERRORS.keys()
    for path, error in ERRORS.items():
        assert error.format(address=address) in by_path[path]
    (nowhere,) = [target for target in targets if target.scrape_pool == "nowhere"]
    assert nowhere.last_error.endswith(": dial tcp: lookup no.such.host.invalid: no such host")
    assert {target.health for target in targets if target.scrape_pool == "good"} == {"up"}
