"""What the process says of itself: its build, its readiness, its reloads, its limits.

The names are Prometheus's own. The `go_*` ones that dashboards of Prometheus show have agreed
stand-ins here: tasks for goroutines, and the limits that the worker threads follow.
"""

import asyncio
import ctypes
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import final

from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from promscrape.clock import Clock
from promscrape.runtime import Limits
from promscrape.twins import CORE
from promscrape.version import Version

_TRIM_INTERVAL_S = 30.0

_NETSTAT = Path("/proc/self/net/netstat")


@final
class ProcessMetrics:
    """The daemon's own gauges, and the collectors of Python and of the operating system."""

    def __init__(self, registry: CollectorRegistry) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        NetworkCollector(registry)
        self._describe_build(registry)
        self.ready = Gauge(
            "prometheus_ready", "Whether the server is ready: 1 or 0.", registry=registry
        )
        self.reload_successful = Gauge(
            "prometheus_config_last_reload_successful",
            "Whether the last attempt to load the configuration succeeded.",
            registry=registry,
        )
        self.reload_success_time = Gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "When the configuration was last loaded.",
            registry=registry,
        )

    def _describe_build(self, registry: CollectorRegistry) -> None:
        version = Version.current()
        build = {
            "version": version.version,
            "revision": version.revision,
            "branch": version.branch,
            "goversion": version.go_version,
            "goos": version.goos,
            "goarch": version.goarch,
            "tags": "",
        }
        Gauge(
            "prometheus_build_info",
            "Always 1; the labels say what was built.",
            tuple(build),
            registry=registry,
        ).labels(**build).set(1)
        own = {"version": version.version, "python": version.python_version, "core": CORE}
        Gauge(
            "promscrape_build_info",
            "Always 1; `core` says whether the compiled twins of the hot loops are loaded.",
            tuple(own),
            registry=registry,
        ).labels(**own).set(1)


@final
class NetworkCollector(Collector):
    """The bytes that went over the network, as Linux counts them for the process's namespace."""

    def __init__(self, registry: CollectorRegistry, netstat: Path = _NETSTAT) -> None:
        self._netstat = netstat
        registry.register(self)

    def describe(self) -> Iterable[CounterMetricFamily]:
        return []

    def collect(self) -> Iterable[CounterMetricFamily]:
        counted = _octets(self._netstat)
        if counted is not None:
            received, transmitted = counted
            yield CounterMetricFamily(
                "process_network_receive_bytes", "Bytes received over the network.", received
            )
            yield CounterMetricFamily(
                "process_network_transmit_bytes", "Bytes sent over the network.", transmitted
            )


def _octets(netstat: Path) -> tuple[int, int] | None:
    """Return the octets in and out; None where the system does not count them there."""
    try:
        lines = netstat.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    names, values = (line.split() for line in lines if line.startswith("IpExt:"))
    counted = dict(zip(names, values, strict=True))
    return int(counted["InOctets"]), int(counted["OutOctets"])


@final
class LimitsCollector(Collector):
    """The limits that the process goes by, and what it has of tasks and threads."""

    def __init__(self, limits: Callable[[], Limits], registry: CollectorRegistry) -> None:
        self._limits = limits
        registry.register(self)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []

    def collect(self) -> Iterable[GaugeMetricFamily]:
        limits = self._limits()
        yield GaugeMetricFamily("go_goroutines", "Tasks of the event loop.", task_count())
        yield GaugeMetricFamily("go_threads", "Threads.", threading.active_count())
        yield GaugeMetricFamily(
            "go_sched_gomaxprocs_threads", "Worker threads that may run.", limits.cpus
        )
        yield GaugeMetricFamily(
            "go_gc_gomemlimit_bytes",
            "The memory to stay below.",
            float("inf") if limits.memory_bytes is None else limits.memory_bytes,
        )


def trim_heap() -> bool:
    """Give free pages within the heap back to the system; return whether the library can do that."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
    return malloc_trim is not None


async def keep_heap_trimmed(clock: Clock, trim: Callable[[], bool] = trim_heap) -> None:
    """Give free pages within the heap back to the system, every half minute until cancelled.

    Bodies, and what is made of them, come and go in pieces that the system does not hear of: after a
    busy minute they are tens of MiB. It takes some milliseconds. Returns where the system's library
    has no such thing.
    """
    while trim():
        await clock.sleep_until(clock.monotonic_s() + _TRIM_INTERVAL_S)


def task_count() -> int:
    """Return how many tasks the running event loop has; 0 outside of one."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return 0
