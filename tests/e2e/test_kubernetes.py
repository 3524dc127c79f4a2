"""The installed daemon beside a Kubernetes API: two thousand pods come, change and go."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, cast, final

import pytest

from promscrape.model.sample import STALE_NAN_BITS
from tests.support.fleet_program import fleet_of
from tests.support.kubernetes_api import Fault, KubernetesAPI
from tests.support.kubernetes_objects import container, endpoint_slice, owner, pod, pod_ref, port
from tests.support.kubernetes_selector import JSON
from tests.support.peers import Launcher, Program, Scraper
from tests.support.wal import logged_samples

PODS: Final = 2000
_STEPS = 125
_STEP_S = 0.1
_CHANGED, _DELETED = 50, 5  # pods in each step
_MOVES = 0.02  # the share of changes that give a pod a new address, never one that it had
_LOOK_S = 0.5  # how often the daemon is looked at: its list of targets is a megabyte
_BUSY = Fault(429, "TooManyRequests", retry_after_s=1)
_GONE = Fault(410, "Expired", "too old resource version")
_CREDENTIAL = (
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",'
    '"status":{"token":"from-the-command"}}'
)
_KUBECONFIG = """\
current-context: one
contexts: [{{name: one, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: '{url}'}}}}]
users:
- name: u
  user: {{exec: {{apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}}}
"""
_BODY = "# TYPE a counter\na_total 7\n"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Program]:
    """A thousand and more targets in one process: whatever the path, it is one."""
    body = tmp_path / "body"
    body.write_text(_BODY)
    with fleet_of(body, tmp_path / "fleet") as program:
        yield program


@pytest.fixture
async def api() -> AsyncIterator[KubernetesAPI]:
    async with KubernetesAPI() as api:
        yield api


def config_of(api: KubernetesAPI, fleet: Program) -> str:
    """Return a job in which a target is told by its pod's name and address alone."""
    return (
        "global: {scrape_interval: 5s}\n"
        "scrape_configs:\n"
        "- job_name: pods\n"
        f"  kubernetes_sd_configs: [{{role: pod, api_server: '{api.url}'}}]\n"
        "  relabel_configs:\n"
        "  - {source_labels: [__meta_kubernetes_pod_name], target_label: pod}\n"
        "  - {source_labels: [__meta_kubernetes_pod_ip], target_label: instance}\n"
        "  - {source_labels: [__meta_kubernetes_pod_name], target_label: __metrics_path__,"
        " replacement: /$1}\n"
        f"  - {{target_label: __address__, replacement: '{fleet.address}'}}\n"
    )


@final
class Storm:
    """Changes a cluster at random, always in the same way, with everything that goes wrong."""

    def __init__(self, api: KubernetesAPI) -> None:
        self._api = api
        self._chance = random.Random(6)
        self._alive: list[str] = []
        self._made = 0
        self._revision = 0
        self._moves = Counter[str]()

    def create(self, count: int) -> None:
        for _ in range(count):
            name = f"app-{self._made % 50}-{self._made}"
            self._made += 1
            self._alive.append(name)
            self._put(name)

    def change(self, count: int) -> None:
        """Let pods get another state of health and other annotations, and a few a new address."""
        for name in self._chance.sample(self._alive, count):
            self._put(name)

    def delete(self, count: int) -> None:
        for name in self._chance.sample(self._alive, count):
            self._alive.remove(name)
            self._api.delete(pod(name, "shop"))

    async def disturb(self, step: int) -> None:
        """Let something go wrong, each in its turn."""
        match step % 8:
            case 0:
                self._api.cut_next_event()
            case 1:
                self._api.end_watches("pods")
            case 2:
                self._api.refuse("watch", "pods", _BUSY)
                self._api.end_watches("pods")
            case 3:
                self._api.fail_watches("pods", _GONE)
            case 4:
                self._api.compact()
                self._api.end_watches("pods")
            case 5:
                self._api.bookmark("pods")
            case 6:
                await self._api.go_down()
            case _:
                await self._api.come_up()

    def _put(self, name: str) -> None:
        self._revision += 1
        number = int(name.rpartition("-")[2])
        if self._chance.random() < _MOVES:
            self._moves[name] += 1
        self._api.put(
            pod(
                name,
                "shop",
                container("app", port(9000, "web")),
                ip=f"10.{self._moves[name]}.{number // 250}.{number % 250}",
                ready=self._chance.choice(["True", "False"]),
                labels={"app": name.rpartition("-")[0], "pod-template-hash": "7d9f8b6c5d"},
                annotations={"revision": str(self._revision)},
                owners=[owner("ReplicaSet", f"{name.rpartition('-')[0]}-7d9f8b6c5d")],
            )
        )


def held(api: KubernetesAPI) -> set[tuple[str, str]]:
    """Return name and address of each pod that the API holds."""
    return {
        (_text(item, "metadata", "name"), _text(item, "status", "podIP"))
        for item in api.objects("pods")
    }


def _text(item: JSON, part: str, key: str) -> str:
    return cast("str", cast("JSON", item[part])[key])


def scraped(daemon: Scraper) -> set[tuple[str, str]]:
    """Return name and address of each target that was scraped with success."""
    return {
        (target.labels["pod"], target.labels["instance"])
        for target in daemon.targets()
        if target.health != "unknown"
    }


async def settled(api: KubernetesAPI, daemon: Scraper) -> None:
    """Return once the daemon scrapes what the API holds, and nothing else."""
    async with asyncio.timeout(90):
        while await asyncio.to_thread(scraped, daemon) != held(api):
            await asyncio.sleep(_LOOK_S)


async def test_a_kubeconfig_with_a_command_opens_the_cluster(
    launcher: Launcher, api: KubernetesAPI, fleet: Program, tmp_path: Path
) -> None:
    """K-7, K-33: the daemon runs the command, and what it cannot reach stops no other job."""
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\nprintf '%s' '{_CREDENTIAL}'\n")
    plugin.chmod(0o755)
    (tmp_path / "kubeconfig").write_text(_KUBECONFIG.format(url=api.url))
    api.tokens = {"from-the-command"}
    api.put(pod("p", "shop", container("app", port(fleet.port, "web")), ip="127.0.0.1"))
    endpoint: JSON = {"addresses": ["127.0.0.1"], "targetRef": pod_ref("p", "shop")}
    ports: list[JSON] = [{"name": "web", "protocol": "TCP", "port": fleet.port}]
    api.put(endpoint_slice("app-1", "shop", endpoint, ports=ports, of_service="app"))
    daemon = await asyncio.to_thread(
        launcher.promscrape,
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs:\n"
        "- job_name: slices\n"
        "  kubernetes_sd_configs:\n"
        f"  - {{role: endpointslice, kubeconfig_file: '{tmp_path}/kubeconfig'}}\n"
        "  relabel_configs:\n"
        "  - {source_labels: [__meta_kubernetes_pod_container_name], target_label: container}\n"
        "- job_name: outside\n"
        "  kubernetes_sd_configs: [{role: pod}]\n",
    )
    (target,) = await asyncio.to_thread(daemon.wait_up)
    assert target.scrape_url == f"http://{fleet.address}/metrics"
    assert target.labels["container"] == "app"
    assert (
        await asyncio.to_thread(daemon.metric, "prometheus_sd_failed_configs", name="scrape") == 1
    )
    assert "KUBERNETES_SERVICE_HOST" in daemon.output()
    assert "from-the-command" not in daemon.output()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_storm_of_pods_ends_in_the_right_targets(
    launcher: Launcher, api: KubernetesAPI, fleet: Program
) -> None:
    """Issue 6: what the API holds is what is scraped, and nothing that lives was marked stale."""
    storm = Storm(api)
    storm.create(PODS // 2)
    daemon = await asyncio.to_thread(
        launcher.promscrape,
        config_of(api, fleet),
        flags=("--scrape.discovery-reload-interval=1s", "--log.level=debug"),
    )
    await settled(api, daemon)
    before_s = await asyncio.to_thread(daemon.metric, "process_cpu_seconds_total")
    for step in range(_STEPS):
        storm.create(PODS // 2 // _STEPS)
        storm.change(_CHANGED)
        storm.delete(_DELETED)
        if step % 15 == 14:
            await storm.disturb(step // 15)
        await asyncio.sleep(_STEP_S)  # what is tested is how events come in time
    await settled(api, daemon)
    left = held(api)
    assert len(left) == PODS - _DELETED * _STEPS
    await asyncio.to_thread(report, daemon, before_s)
    # A target that has gone is marked two intervals later, in case that it comes back.
    async with asyncio.timeout(60):
        while unmarked(daemon.data_dir / "wal", left):
            await asyncio.sleep(_LOOK_S)
    assert await asyncio.to_thread(daemon.stop) == 0
    assert unmarked(daemon.data_dir / "wal", left) == []


def report(daemon: Scraper, before_s: float | None) -> None:
    """Print what it took, and hold the counters to what happened."""
    memory, cpu_s = (
        daemon.metric("process_resident_memory_bytes"),
        daemon.metric("process_cpu_seconds_total"),
    )
    assert memory is not None
    assert cpu_s is not None
    assert before_s is not None
    seen = {
        event: daemon.metric("prometheus_sd_kubernetes_events_total", role="pod", event=event)
        for event in ("add", "update", "delete")
    }
    print(f"{PODS} pods, events seen: {seen}")  # noqa: T201
    print(f"failures: {daemon.metric('prometheus_sd_kubernetes_failures_total')}")  # noqa: T201
    print(f"resident: {memory / (1 << 20):.0f} MiB, CPU in the storm: {cpu_s - before_s:.1f} s")  # noqa: T201
    # A pod that came and went while the API was away was never seen.
    assert (seen["add"] or 0) - (seen["delete"] or 0) == PODS - _DELETED * _STEPS


def unmarked(wal: Path, left: set[tuple[str, str]]) -> list[str]:
    """Return the series of targets that have gone whose last sample is no stale marker yet.

    Of what lives, no series may have one at all.
    """
    missing, alive = [], set[tuple[str, str]]()
    for series, samples in logged_samples(wal).items():
        if '__name__="up"' not in series:
            continue
        key = (_label(series, "pod"), _label(series, "instance"))
        markers = [index for index, (_, bits) in enumerate(samples) if bits == STALE_NAN_BITS]
        if key in left:
            alive.add(key)
            assert markers == [], f"{series} was marked stale"
        elif markers != [len(samples) - 1]:
            missing.append(series)
    assert alive == left
    return missing


def _label(series: str, name: str) -> str:
    return series.partition(f'{name}="')[2].partition('"')[0]
