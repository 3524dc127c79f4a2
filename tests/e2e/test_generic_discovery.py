"""The installed daemon with targets from files, HTTP and commands, in good times and in bad."""

import asyncio
import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import final

from aiohttp import web

from tests.support.http_server import RecordingServer
from tests.support.peers import Launcher, Scraper, eventually

GLOBAL = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
FAILURES = "prometheus_sd_http_failures_total"


@final
class Inventory:
    """An HTTP server with one path a job; each answers as its mode says."""

    def __init__(self, address: str) -> None:
        self.modes: dict[str, str] = {}
        self.server = RecordingServer(self._answer)
        self.over = asyncio.Event()
        self._good = json.dumps([{"targets": [address], "labels": {"from": "http"}}])

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        mode = self.modes.get(request.path.strip("/"), "good")
        if mode == "hangs":
            await self.over.wait()
        if mode == "fails":
            return web.Response(status=503)
        lies = {"lies": '[{"targets": [1]}]', "halves": self._good[:-3], "empties": "[]"}
        return web.Response(text=lies.get(mode, self._good), content_type="application/json")


def groups(*addresses: str, **labels: str) -> str:
    return json.dumps([{"targets": addresses, "labels": labels}])


async def seen(daemon: Scraper, expected: Mapping[str, int]) -> None:
    """Return once the jobs have this many targets, all of them up."""

    def is_seen() -> bool:
        found = dict.fromkeys(expected, 0)
        for target in daemon.targets():
            found[target.scrape_pool] += target.health == "up"
        return found == expected

    await asyncio.to_thread(eventually, is_seen, what=f"targets {expected}", within_s=30)


async def test_a_source_that_fails_hangs_or_lies_touches_no_other(
    launcher: Launcher, tmp_path: Path
) -> None:
    """Issue 6, C-4, H-7: each keeps its last good targets; others go on to come and go."""
    exporter = await asyncio.to_thread(launcher.node_exporter)
    path = tmp_path / "targets.json"
    path.write_text(groups(exporter.address))
    inventory = Inventory(exporter.address)
    bad = ["fails", "hangs", "lies", "halves"]
    async with inventory.server as server:
        jobs = [
            f"- {{job_name: {job}, http_sd_configs: "
            f"[{{url: '{server.url}/{job}', refresh_interval: 1s}}]}}\n"
            for job in [*bad, "empties"]
        ]
        files = f"- {{job_name: file, file_sd_configs: [{{files: [{path}]}}]}}\n"
        daemon = await asyncio.to_thread(launcher.promscrape, f"{GLOBAL}{''.join(jobs)}{files}")
        await seen(daemon, dict.fromkeys([*bad, "empties", "file"], 1))

        inventory.modes |= {job: job for job in [*bad, "empties"]}

        def has_failed() -> bool:
            return (daemon.metric(FAILURES) or 0) >= 12

        await asyncio.to_thread(eventually, has_failed, what="a dozen failures", within_s=30)
        path.write_text(groups())
        await seen(daemon, dict.fromkeys(bad, 1) | {"empties": 0, "file": 0})
        path.write_text(groups(exporter.address))
        await seen(daemon, dict.fromkeys(bad, 1) | {"empties": 0, "file": 1})
        for job in bad:
            failures = daemon.metric(
                "prometheus_sd_refresh_failures_total", mechanism="http", config=job
            )
            assert (failures or 0) >= 1, job
        assert daemon.metric("prometheus_sd_failed_configs", name="scrape") == 0
        inventory.over.set()


async def test_prometheus_finds_the_same_targets(launcher: Launcher, tmp_path: Path) -> None:
    """F-3, H-5, R-3: the same labels from the same files and the same server.

    Without rules: 2.42 mixes labels that rules set into those that it says were discovered.
    """
    exporter = await asyncio.to_thread(launcher.node_exporter)
    (tmp_path / "a.yml").write_text(
        f"- targets: [{exporter.address}]\n  labels: {{on: yes, version: 1.20, __meta_own: x}}\n"
    )
    (tmp_path / "b.json").write_text(groups(exporter.address, site="ams"))
    (tmp_path / "wrong.json").write_text("[{")
    inventory = Inventory(exporter.address)
    async with inventory.server as server:
        config = (
            f"{GLOBAL}"
            f"- job_name: file\n  file_sd_configs: [{{files: ['{tmp_path}/*.yml', "
            f"'{tmp_path}/*.json']}}]\n"
            f"- job_name: http\n  http_sd_configs: [{{url: '{server.url}/x?a=b'}}]\n"
            f"- job_name: static\n  static_configs: [{{targets: ['{exporter.address}']}}]\n"
        )
        ours = await asyncio.to_thread(launcher.promscrape, config)
        theirs = await asyncio.to_thread(launcher.prometheus, config)
        for scraper in (ours, theirs):
            await seen(scraper, {"file": 2, "http": 1, "static": 1})
        assert discovered(ours) == discovered(theirs)


def discovered(scraper: Scraper) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Return what is discovered and what is made of it, but for what newer versions add."""
    newer = ("__always", "__convert", "__scrape_native")
    return sorted(
        (
            (
                {
                    name: value
                    for name, value in target.discovered_labels.items()
                    if not name.startswith(newer)
                },
                target.labels,
            )
            for target in scraper.targets()
        ),
        key=str,
    )


async def test_a_command_lists_targets_where_it_may(launcher: Launcher) -> None:
    """Issue 6: with the feature they are scraped, without it the entry fails and says why."""
    exporter = await asyncio.to_thread(launcher.node_exporter)
    listing = f"print({groups(exporter.address, site='ams')!r})"
    config = (
        f"{GLOBAL}- job_name: exec\n  exec_sd_configs:\n"
        f"  - command: [{sys.executable}, -c, {json.dumps(listing)}]\n"
        "    refresh_interval: 1s\n"
    )
    may = ("--enable-feature=exec-sd",)
    daemon = await asyncio.to_thread(launcher.promscrape, config, flags=may)
    await seen(daemon, {"exec": 1})
    (target,) = daemon.targets()
    assert target.labels["site"] == "ams"
    assert target.discovered_labels["__meta_exec_command"] == sys.executable

    may_not = await asyncio.to_thread(launcher.promscrape, config)
    assert may_not.metric("prometheus_sd_failed_configs", name="scrape") == 1
    assert "needs --enable-feature=exec-sd" in may_not.output()


async def test_a_command_has_the_file_limit_that_the_daemon_was_started_with(
    launcher: Launcher,
) -> None:
    """Issue 6: as the children of Go's programs; the daemon has raised its own."""
    listing = (
        "import json, resource; "
        "soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]; "
        "print(json.dumps([{'targets': ['127.0.0.1:1'], 'labels': {'files': str(soft)}}]))"
    )
    config = (
        f"{GLOBAL}- job_name: exec\n  exec_sd_configs:\n"
        f"  - command: [{sys.executable}, -c, {json.dumps(listing)}]\n"
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        flags = ("--enable-feature=exec-sd",)
        daemon = await asyncio.to_thread(launcher.promscrape, config, flags=flags)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (target,) = await asyncio.to_thread(eventually, daemon.targets, what="the target")
    assert target.labels["files"] == "256"
    assert daemon.metric("process_max_fds") == hard
