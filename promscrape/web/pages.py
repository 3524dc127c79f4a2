"""The pages for people, and the files that they are made of.

The page of targets is a shell that a script fills in, so that thousands of targets cost what is
looked at; `/targets/data` is what the script asks for. `/targets?plain=1` is the same without
a script. Every page forbids inline scripts and foreign sources: labels, URLs and errors come
from strangers, and escaping is then not the only thing between them and the reader.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from http import HTTPStatus
from importlib import resources
from pathlib import PurePath
from typing import final

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.rfc3339 import local_time_ms
from promscrape.scrape.target import Health, Target
from promscrape.twins import WHY_PLAIN
from promscrape.version import Version
from promscrape.web.api.envelope import encode
from promscrape.web.discovery_page import DiscoveryQuery, discovery_view
from promscrape.web.options import WebOptions
from promscrape.web.pacing import paced
from promscrape.web.page_templates import Templates
from promscrape.web.remote_write_page import destination_row
from promscrape.web.reply import HTML, JSON, Reply, not_found
from promscrape.web.router import Handler, Route
from promscrape.web.state import PoolView, Service

_PACKAGE = "promscrape.web"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
_TARGETS_AT_A_TIME = 200


class TargetRow(msgspec.Struct, frozen=True, kw_only=True):
    """A target as the page shows it. `t_ms` is None before the first scrape."""

    url: str
    labels: dict[str, str]
    health: str
    error: str
    t_ms: int | None
    duration_s: float
    samples: int
    interval: str
    timeout: str
    left_out: str
    bad_lines: list[str]

    @property
    def last_scrape(self) -> str:
        return "" if self.t_ms is None else local_time_ms(self.t_ms * 1_000_000)

    @property
    def is_web(self) -> bool:
        """Whether the URL may be a link: a target's labels can set any scheme."""
        return self.url.lower().startswith(("http://", "https://"))


class PoolRows(msgspec.Struct, frozen=True):
    name: str
    dropped: int
    targets: list[TargetRow]

    @property
    def up(self) -> int:
        return sum(target.health == Health.UP for target in self.targets)


class TargetsData(msgspec.Struct, frozen=True):
    """All pools and targets, `now_ms` by the daemon's clock."""

    phase: str
    now_ms: int
    pools: list[PoolRows]


class _Asset(msgspec.Struct, frozen=True):
    body: bytes
    content_type: str
    etag: str


@final
class _Pages:
    def __init__(self, service: Service, options: WebOptions) -> None:
        self._service = service
        self._templates = Templates(
            {
                "base": options.external_url.encoded_path,
                "page_title": options.page_title,
                "version": Version.current().version,
                "why_plain": WHY_PLAIN,
            }
        )

    async def targets(self, request: BaseRequest) -> Reply:
        if "plain" not in request.query:
            shell = await self._templates.get("targets.html")
            return self._page(shell.render(phase=self._service.phase))
        plain = await self._templates.get("plain.html")
        pools = (await self._data()).pools
        # With thousands of targets the text takes longer than the event loop should wait.
        phase = self._service.phase
        return self._page(await asyncio.to_thread(plain.render, phase=phase, pools=pools))

    async def remote_write(self, _: BaseRequest) -> Reply:
        template = await self._templates.get("remote_write.html")
        rows = [destination_row(status) for status in self._service.destinations()]
        return self._page(template.render(phase=self._service.phase, destinations=rows))

    async def service_discovery(self, request: BaseRequest) -> Reply:
        template = await self._templates.get("service_discovery.html")
        view = await discovery_view(self._service.pools, DiscoveryQuery.parse(request.query))
        return self._page(template.render(phase=self._service.phase, view=view))

    async def data(self, _: BaseRequest) -> Reply:
        return Reply(
            body=encode(await self._data()), content_type=JSON, headers=_HEADERS, compressible=True
        )

    async def _data(self) -> TargetsData:
        pools = sorted(self._service.pools.items())
        rows = [await _pool_rows(name, pool) for name, pool in pools]
        return TargetsData(self._service.phase, time.time_ns() // 1_000_000, rows)

    def _page(self, text: str) -> Reply:
        body = text.encode("utf-8", "replace")
        return Reply(body=body, content_type=HTML, headers=_HEADERS, compressible=True)


def page_routes(service: Service, options: WebOptions) -> list[Route]:
    pages = _Pages(service, options)
    return [
        Route("GET", "/targets", pages.targets),
        Route("GET", "/agent", pages.targets),
        Route("GET", "/targets/data", pages.data),
        Route("GET", "/service-discovery", pages.service_discovery),
        Route("GET", "/remote-write", pages.remote_write),
        Route("GET", "/assets/*file", _serve_assets(_read_assets())),
    ]


async def _pool_rows(name: str, pool: PoolView) -> PoolRows:
    targets = paced(pool.active_targets(), _TARGETS_AT_A_TIME)
    return PoolRows(name, pool.dropped_count, [_row(target) async for target in targets])


def _row(target: Target) -> TargetRow:
    report = target.report
    return TargetRow(
        url=target.url,
        labels=target.public_labels.to_map(),
        health=target.health,
        error=report.error if report else "",
        t_ms=report.t_ms if report else None,
        duration_s=report.duration_s if report else 0,
        samples=report.samples if report else 0,
        interval=target.interval_text,
        timeout=target.timeout_text,
        left_out=_left_out(target),
        bad_lines=_bad_lines(target),
    )


def _left_out(target: Target) -> str:
    """Say what the last scrape left out on purpose, "" where that is nothing."""
    report, kept = target.report, target.quarantine
    parts = []
    if report and kept and kept.t_ms == report.t_ms:
        parts.append(f"{kept.in_scrape} bad lines left out")
    elif kept:
        parts.append(f"{kept.total} bad lines left out before")
    if report and report.cut:
        parts.append(f"{report.cut} samples over the limit left out")
    return ", ".join(parts)


def _bad_lines(target: Target) -> list[str]:
    lines = target.quarantine.lines if target.quarantine else ()
    return [f"line {bad.line}, column {bad.column}: {bad.reason}" for bad in lines]


def _read_assets() -> dict[str, _Asset]:
    folder = resources.files(_PACKAGE) / "static"
    return {file.name: _asset(file.name, file.read_bytes()) for file in folder.iterdir()}


def _asset(name: str, body: bytes) -> _Asset:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return _Asset(body, _CONTENT_TYPES[PurePath(name).suffix], etag)


def _serve_assets(assets: Mapping[str, _Asset]) -> Handler:
    async def serve(request: BaseRequest) -> Reply:
        asset = assets.get(request.path.rpartition("/assets/")[2])
        if asset is None:
            return not_found()
        headers = {**_HEADERS, "ETag": asset.etag}
        if request.headers.get("If-None-Match") == asset.etag:
            return Reply(HTTPStatus.NOT_MODIFIED, headers=headers)
        return Reply(
            body=asset.body, content_type=asset.content_type, headers=headers, compressible=True
        )

    return serve
