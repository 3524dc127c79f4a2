"""`check service-discovery`: what a job's discovery finds, and what relabeling makes of it.

Source: Prometheus cmd/promtool/sd.go, CheckSD.
"""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import EventDict, WrappedLogger

from promscrape.clock import SystemClock
from promscrape.command.console import Console
from promscrape.command.report import placed_report
from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.config.scrape import ScrapeConfig
from promscrape.discovery.manager import DiscoveryManager
from promscrape.discovery.registry import registered
from promscrape.discovery.target_group import TargetGroup
from promscrape.errors import ConfigError
from promscrape.flags.features import split_features
from promscrape.flags.invocation import Invocation
from promscrape.model.duration import Duration
from promscrape.scrape.target import TargetError, build_target, discovered_labels
from promscrape.version import PROGRAM, Version

_SAID = frozenset({"warning", "error"})


class Found(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One target; `error` is there, and empty as promtool's is, where none can be made."""

    discovered_labels: dict[str, str]
    labels: dict[str, str]
    error: dict[str, str] | None = None


def check_service_discovery(invocation: Invocation, console: Console) -> int:
    """Let the job's discovery run for the timeout, and print what it found, as JSON."""
    path, name = invocation.arguments
    jobs = _load_jobs(path, console)
    if jobs is None:
        return 1
    job = next((job for job in jobs if job.job_name == name), None)
    if job is None:
        console.complain(f"Job {name} not found. Select one of:")
        for each in jobs:
            console.complain(f"\t{each.job_name}")
        return 1
    timeout, features = invocation.values["timeout"], invocation.values["enable-feature"]
    assert isinstance(timeout, Duration)
    assert isinstance(features, tuple)
    groups = asyncio.run(_discover(job, timeout.seconds, split_features(features), console))
    if groups is None:
        return 1
    found = list(_found(groups, job, console))
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    console.write(text)
    return 0


def _load_jobs(path: str, console: Console) -> Sequence[ScrapeConfig] | None:
    try:
        config = load(path)
    except ConfigError as exc:
        console.complain(f"Cannot load config {exc}")
        placed_report(exc, console)
        return None
    try:
        return load_scrape_configs(config)
    except ConfigError as exc:
        console.complain(f"Cannot load scrape configs {exc}")
        placed_report(exc, console)
        return None


async def _discover(
    job: ScrapeConfig, timeout_s: float, features: Iterable[str], console: Console
) -> Sequence[TargetGroup] | None:
    """Return the groups that there are in the end, None where a provider cannot be made."""

    def say(_: WrappedLogger, method: str, event: EventDict) -> str:
        if method in _SAID:
            console.complain(f"{event['event']}: {event.get('err', '')}")
        raise structlog.DropEvent

    manager = DiscoveryManager(
        lambda _: True,
        SystemClock(),
        CollectorRegistry(),
        structlog.wrap_logger(None, processors=[say]),
        kinds=registered(),
        features=features,
        user_agent=f"{PROGRAM}/{Version.current().version}",
    )
    async with manager:
        if await manager.apply({job.job_name: job.discovery}):
            return None
        await asyncio.sleep(timeout_s)
        return manager.snapshot()[job.job_name]


def _found(groups: Iterable[TargetGroup], job: ScrapeConfig, console: Console) -> Iterable[Found]:
    """Yield each target once, those that are alike as one."""
    seen: set[bytes] = set()
    for group in groups:
        for own in group.targets:
            found = _target(discovered_labels(group, own, job), job, console)
            key = msgspec.json.encode(found)
            if key not in seen:
                seen.add(key)
                yield found


def _target(discovered: dict[str, str], job: ScrapeConfig, console: Console) -> Found:
    in_order = dict(sorted(discovered.items()))
    try:
        target = build_target(discovered, job)
    except TargetError as exc:
        console.complain(f"{discovered.get('__address__', '')}: {exc}")
        return Found(in_order, {}, {})
    return Found(in_order, target.labels.to_map() if target else {})
