"""Scrape pools and their targets: what was discovered, what is scraped, and how it goes."""

from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec
from aiohttp.web_request import BaseRequest
from msgspec import UNSET, UnsetType

from promscrape.flags.external_url import ExternalUrl, split_host_port
from promscrape.model.invalid import InvalidValue
from promscrape.rfc3339 import local_time
from promscrape.scrape.quarantine import Quarantine
from promscrape.scrape.target import Target
from promscrape.web.api.envelope import api_route
from promscrape.web.options import WebOptions
from promscrape.web.pacing import paced
from promscrape.web.router import Route
from promscrape.web.state import PoolView, Service

NEVER = "0001-01-01T00:00:00Z"
"""What stands for the time of a scrape that has not been yet: Go's zero time."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
# Labels are unpacked for each answer: this many targets take about 2 ms.
_TARGETS_AT_A_TIME = 100


class BadLineView(msgspec.Struct, frozen=True):
    line: int
    column: int
    reason: str
    text: str


class QuarantineView(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Bad lines: those of all scrapes, and of the last scrape with any the last few."""

    total: int
    last_scrape: str
    in_last_scrape: int
    lines: Sequence[BadLineView]


class ActiveTarget(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    discovered_labels: dict[str, str]
    labels: dict[str, str]
    scrape_pool: str
    scrape_url: str
    global_url: str
    last_error: str
    last_scrape: str
    last_scrape_duration: float
    health: str
    scrape_interval: str
    scrape_timeout: str
    quarantine: QuarantineView | UnsetType = UNSET
    over_sample_limit: int | UnsetType = UNSET


class DroppedTarget(msgspec.Struct, frozen=True, rename="camel"):
    discovered_labels: dict[str, str]
    scrape_pool: str


class Targets(msgspec.Struct, rename="camel"):
    """The answer to `targets`. Counts are None where dropped targets were not asked for."""

    active_targets: list[ActiveTarget]
    dropped_targets: list[DroppedTarget]
    dropped_target_counts: dict[str, int] | None


def target_routes(service: Service, options: WebOptions) -> list[Route]:
    own_address = options.listen_addresses[0]

    async def targets(request: BaseRequest) -> object:
        state = request.query.get("state", "").lower()
        wants = frozenset({"active", "dropped"}) if state in ("", "any") else frozenset({state})
        pools = dict(sorted(service.pools.items()))
        chosen = {
            name: pool
            for name, pool in pools.items()
            if request.query.get("scrapePool", "") in ("", name)
        }
        active = (
            await _active(chosen, options.external_url, own_address) if "active" in wants else []
        )
        if "dropped" not in wants:
            return Targets(active, [], None)
        counts = {name: pool.dropped_count for name, pool in pools.items()}
        return Targets(active, await _dropped(chosen), counts)

    return [api_route("/targets", targets)]


async def _active(
    pools: Mapping[str, PoolView], external_url: ExternalUrl, own_address: str
) -> list[ActiveTarget]:
    return [
        _active_target(name, target, external_url, own_address)
        for name, pool in pools.items()
        async for target in paced(pool.active_targets(), _TARGETS_AT_A_TIME)
    ]


def _active_target(
    pool: str, target: Target, external_url: ExternalUrl, own_address: str
) -> ActiveTarget:
    report = target.report
    last_error = report.error if report else ""
    try:
        url = global_url(target.url, external_url, own_address)
    except InvalidValue as exc:
        url, last_error = target.url, f"{last_error}: {exc}"
    return ActiveTarget(
        discovered_labels=target.discovered_labels.to_map(),
        labels=target.public_labels.to_map(),
        scrape_pool=pool,
        scrape_url=target.url,
        global_url=url,
        last_error=last_error,
        last_scrape=local_time(report.t_ms * 1_000_000) if report else NEVER,
        last_scrape_duration=report.duration_s if report else 0,
        health=target.health,
        scrape_interval=target.interval_text,
        scrape_timeout=target.timeout_text,
        quarantine=_quarantine(target.quarantine) if target.quarantine else UNSET,
        over_sample_limit=(report.cut if report else 0) or UNSET,
    )


def _quarantine(kept: Quarantine) -> QuarantineView:
    return QuarantineView(
        total=kept.total,
        last_scrape=local_time(kept.t_ms * 1_000_000),
        in_last_scrape=kept.in_scrape,
        lines=[BadLineView(*bad) for bad in kept.lines],
    )


async def _dropped(pools: Mapping[str, PoolView]) -> list[DroppedTarget]:
    return [
        DroppedTarget(labels.to_map(), name)
        for name, pool in pools.items()
        async for labels in paced(list(pool.dropped_targets()), _TARGETS_AT_A_TIME)
    ]


def global_url(url: str, external_url: ExternalUrl, own_address: str) -> str:
    """Return the URL under which others may reach a target of this machine.

    Of a target that is this process, scheme and host become those of the external URL; of
    another one on a loopback address, only the host's name does; all others stay. Raises
    InvalidValue where the target's host and port cannot be told apart.
    Source: Prometheus web/api/v1/api.go, getGlobalURL.
    """
    parts = urlsplit(url)
    host, port = _host_and_port(parts.netloc)
    if host not in _LOOPBACK:
        return url
    if port == split_host_port(own_address)[1]:
        return _with_host(parts._replace(scheme=external_url.scheme), external_url.host)
    external_host, _ = _host_and_port(external_url.host)
    bracketed = f"[{external_host}]" if ":" in external_host else external_host
    return _with_host(parts, f"{bracketed}:{port}" if port else external_host)


def _with_host(parts: SplitResult, host: str) -> str:
    return urlunsplit(parts._replace(netloc=host))


def _host_and_port(authority: str) -> tuple[str, str]:
    try:
        return split_host_port(authority)
    except InvalidValue:
        # A port is not owed; with one appended a bare host is fine, anything else is not.
        host, _ = split_host_port(f"{authority}:80")
        return host, ""
