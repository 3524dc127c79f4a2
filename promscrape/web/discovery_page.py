"""What the page of service discovery shows: each target before and after relabeling, and why."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Self, TypeAlias, final
from urllib.parse import urlencode

import msgspec

from promscrape.config.scrape import ScrapeConfig
from promscrape.model.labels import Labels
from promscrape.relabel import DEFAULT_REGEX, RelabelConfig, relabel_steps
from promscrape.web.pacing import paced
from promscrape.web.state import PoolView

# A pool among others shows its first targets only; one that is looked at alone is paged.
_ROWS_OF_MANY, _ROWS_OF_ONE = 10, 100
_LOOKED_AT_A_TIME = 200

_ALL, _ACTIVE, _DROPPED = "all", "active", "dropped"
_STATES = (_ALL, _ACTIVE, _DROPPED)


_Pair: TypeAlias = tuple[Labels, Labels | None]
"""The discovered labels of a target, and those that it has in the end."""


@final
class DiscoveredRow(msgspec.Struct, frozen=True):
    """A target. labels: those it has in the end, none where it was dropped, as `reason` says."""

    discovered: Mapping[str, str]
    labels: Mapping[str, str]
    reason: str = ""


@final
class PoolSection(msgspec.Struct, frozen=True):
    """One pool, or a page of it.

    kept: how many of the dropped targets are remembered. link: the query of the pool alone.
    matching: how many targets are asked for. previous, next: queries of pages, "" without one.
    """

    name: str
    active: int
    dropped: int
    kept: int
    link: str
    rows: list[DiscoveredRow]
    matching: int
    first: int
    previous: str
    next: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


@final
class DiscoveryQuery(msgspec.Struct, frozen=True):
    """What of it is asked for: one pool or all (""), the state, a text, and the first row."""

    pool: str = ""
    state: str = _ALL
    text: str = ""
    first: int = 0

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """Read a query; what makes no sense is as if it were not there."""
        state, first = query.get("state", ""), query.get("first", "")
        return cls(
            query.get("pool", ""),
            state if state in _STATES else _ALL,
            query.get("q", ""),
            int(first) if first.isascii() and first.isdecimal() and len(first) < 10 else 0,
        )

    def with_(self, **changes: str | int) -> str:
        """Return the text of a query that differs in this; without a first row from another."""
        values = {"pool": self.pool, "state": self.state, "q": self.text, "first": 0, **changes}
        return urlencode({name: value for name, value in values.items() if value not in ("", 0)})


@final
class DiscoveryView(msgspec.Struct, frozen=True):
    """The whole page. states: each with the query that leads to it."""

    query: DiscoveryQuery
    states: list[tuple[str, str]]
    pools: list[PoolSection]


async def discovery_view(pools: Mapping[str, PoolView], query: DiscoveryQuery) -> DiscoveryView:
    """Return what the page shows of the pools; a pool that there is not has nothing to show."""
    chosen = sorted((name, pool) for name, pool in pools.items() if query.pool in ("", name))
    sections = [await _section(name, pool, query) for name, pool in chosen]
    states = [(state, query.with_(state=state)) for state in _STATES]
    return DiscoveryView(query, states, sections)


async def _section(name: str, pool: PoolView, query: DiscoveryQuery) -> PoolSection:
    size = _ROWS_OF_ONE if query.pool else _ROWS_OF_MANY
    first = query.first if query.pool else 0
    matching = await _matching(pool, query)
    rows = [_row(pair, pool.config) for pair in islice(matching, first, first + size)]
    more = len(matching) > first + size
    return PoolSection(
        name=name,
        active=len(pool.active_targets()),
        dropped=pool.dropped_count,
        kept=len(pool.dropped_targets()),
        link=query.with_(pool=name),
        rows=rows,
        matching=len(matching),
        first=first + 1,
        previous=query.with_(first=max(first - size, 0)) if first else "",
        next=query.with_(first=first + size) if more and query.pool else "",
    )


async def _matching(pool: PoolView, query: DiscoveryQuery) -> list[_Pair]:
    return [
        pair
        async for pair in paced(_pairs(pool, query.state), _LOOKED_AT_A_TIME)
        if not query.text or any(query.text in f'{name}="{value}"' for name, value in pair[0])
    ]


def _pairs(pool: PoolView, state: str) -> Iterator[_Pair]:
    if state != _DROPPED:
        for target in pool.active_targets():
            yield target.discovered_labels, target.public_labels
    if state != _ACTIVE:
        for labels in list(pool.dropped_targets()):
            yield labels, None


def _row(pair: _Pair, job: ScrapeConfig) -> DiscoveredRow:
    discovered, labels = pair[0].to_map(), pair[1]
    if labels is not None:
        return DiscoveredRow(discovered, labels.to_map())
    return DiscoveredRow(discovered, {}, why_dropped(discovered, job))


def why_dropped(discovered: Mapping[str, str], job: ScrapeConfig) -> str:
    """Say which rule drops a target of these labels."""
    steps = relabel_steps(discovered, job.relabel_configs, job.metric_name_validation_scheme)
    for index, step in enumerate(steps):
        if not step.keep:
            return f"relabel_configs[{index}]: {_rule_text(step.rule)}"
    return "the rules leave it no labels"


def _rule_text(rule: RelabelConfig) -> str:
    parts = [f"action: {rule.action}"]
    if rule.source_labels:
        parts.append(f"source_labels: [{', '.join(rule.source_labels)}]")
    if rule.regex is not DEFAULT_REGEX:
        parts.append(f"regex: {rule.regex.text}")
    if rule.target_label:
        parts.append(f"target_label: {rule.target_label}")
    return ", ".join(parts)
