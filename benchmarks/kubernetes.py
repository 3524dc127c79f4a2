"""What ten thousand pods of a Kubernetes cluster cost: memory, time to the first targets, changes.

One promise is measured: their objects and target groups fit in 60 MB. The API server runs in a
process of its own, `python -m benchmarks.kubernetes`, which prints its URL; what is measured is
the provider alone, in this process, as the daemon runs it.
"""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import final

import uvloop

from benchmarks.cpu import measured
from promscrape.discovery.kubernetes.config import AttachMetadata, KubernetesSDConfig
from promscrape.discovery.kubernetes.kind import KIND
from promscrape.discovery.target_group import TargetGroup
from promscrape.model.url import URL
from tests.support.discovery import Discovered
from tests.support.kubernetes_api import KubernetesAPI
from tests.support.kubernetes_objects import container, node, owner, pod, port
from tests.support.kubernetes_selector import JSON

PODS, NODES, LIMIT_MB = 10_000, 100, 60
CHANGES = 5_000


def pod_of(number: int, revision: int = 0) -> JSON:
    """Return one of fifty replicas of a deployment, with a sidecar and the usual metadata."""
    app, team = f"app-{number // 50}", f"team-{number % 40}"
    return pod(
        f"{app}-7d9f8b6c5d-x{number:05}",
        team,
        container("app", port(9000, "http"), port(9100, "metrics"), image=f"example.com/{app}:1"),
        container("proxy", port(15090, "http-envoy-prom")),
        ip=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        node=f"node-{number % NODES}",
        labels={
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": app,
            "pod-template-hash": "7d9f8b6c5d",
            "team": team,
            "version": "v1.2.3",
        },
        annotations={
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "9100",
            "kubectl.kubernetes.io/restartedAt": f"2026-11-20T10:00:{revision:02}Z",
        },
        owners=[owner("ReplicaSet", f"{app}-7d9f8b6c5d")],
    )


def main() -> None:
    """Print the figures."""
    with _api_server() as (url, start_changes):
        uvloop.run(_measure(url, start_changes))


@final
class _Groups:
    """Keeps what is published, as the manager does."""

    def __init__(self) -> None:
        self.by_source: dict[str, TargetGroup] = {}
        self.received = 0
        self.changed = asyncio.Event()

    def publish(self, groups: Sequence[TargetGroup]) -> None:
        self.by_source.update((group.source, group) for group in groups)
        self.received += len(groups)
        self.changed.set()

    async def until(self, received: int) -> None:
        while self.received < received:
            self.changed.clear()
            await self.changed.wait()


async def _measure(url: str, start_changes: Callable[[], None]) -> None:
    attach = AttachMetadata(node=True)
    config = KubernetesSDConfig(role="pod", api_server=URL(url), attach_metadata=attach)
    gc.collect()
    before_mb, started_s, groups = _resident_mb(), time.monotonic(), _Groups()
    with measured() as first:
        task = asyncio.create_task(Discovered(KIND, config).provider.run(groups.publish))
        await groups.until(PODS)
    first_s, added_mb = time.monotonic() - started_s, _resident_mb() - before_mb
    start_changes()
    with measured() as later:
        await groups.until(PODS + CHANGES)
    changed_mb = _resident_mb() - before_mb
    task.cancel()
    await asyncio.wait([task])
    targets = sum(len(group.targets) for group in groups.by_source.values())
    print(f"  {len(groups.by_source)} pods, {targets} targets, {NODES} nodes attached")
    print(f"  resident memory added: {added_mb:.1f} MB (to be under {LIMIT_MB})")
    print(f"  after {CHANGES} changes: {changed_mb:.1f} MB")
    print(f"  first targets after {first_s:.2f} s, {first.cpu_s:.2f} s of CPU")
    print(f"  a change: {later.cpu_s / CHANGES * 1e6:.0f} us of CPU")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def _api_server() -> Iterator[tuple[str, Callable[[], None]]]:
    """Run the server in a process of its own; yield its URL, and what has it change pods."""
    argv = [sys.executable, "-m", "benchmarks.kubernetes"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        start = partial(print, file=server.stdin, flush=True)
        try:
            yield server.stdout.readline().strip(), start
        finally:
            server.kill()


async def _serve() -> None:
    """Serve a cluster; once told to by a line of input, change some of its pods."""
    async with KubernetesAPI() as api:
        for number in range(NODES):
            api.put(node(f"node-{number}", ("InternalIP", "10.0.0.1"), labels={"zone": "a"}))
        for number in range(PODS):
            api.put(pod_of(number))
        print(api.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        for change in range(CHANGES):
            api.put(pod_of(change % PODS, revision=1 + change // PODS))
            await asyncio.sleep(0.0005)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    uvloop.run(_serve())
