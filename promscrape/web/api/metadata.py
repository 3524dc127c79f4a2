"""What the targets say of their metric families."""

from collections.abc import Mapping

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.model.invalid import InvalidValue
from promscrape.model.metadata import Metadata
from promscrape.scrape.target import Target
from promscrape.web.api.envelope import ApiError, ErrorType, api_route
from promscrape.web.api.selector import Matcher, parse_selector
from promscrape.web.pacing import paced
from promscrape.web.router import Route
from promscrape.web.state import Service

# A target has some hundred families: this many targets take about 2 ms.
_TARGETS_AT_A_TIME = 10
_NO_LIMIT = -1


class FamilyOfTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A family as one target describes it. `metric` is left out where it was asked for."""

    target: dict[str, str]
    metric: str | msgspec.UnsetType = msgspec.UNSET
    type: str
    help: str
    unit: str


def metadata_routes(service: Service) -> list[Route]:
    async def by_target(request: BaseRequest) -> object:
        return await _by_target(service, request)

    async def by_family(request: BaseRequest) -> object:
        return await _by_family(service, request)

    return [api_route("/targets/metadata", by_target), api_route("/metadata", by_family)]


def _all_targets(service: Service) -> list[Target]:
    pools = sorted(service.pools.items())
    return [target for _, pool in pools for target in pool.active_targets()]


async def _by_target(service: Service, request: BaseRequest) -> list[FamilyOfTarget]:
    limit, matchers = _integer(request, "limit"), _matchers(request)
    metric = request.query.get("metric", "")
    entries: list[FamilyOfTarget] = []
    async for target in paced(_all_targets(service), _TARGETS_AT_A_TIME):
        # Checked for each target, not for each entry: the last one may go over the limit.
        if limit >= 0 and len(entries) >= limit:
            break
        labels = target.public_labels.to_map()
        if not all(matcher.matches(labels) for matcher in matchers):
            continue
        for family, known in _families(target, metric).items():
            entries.append(
                FamilyOfTarget(
                    target=labels,
                    metric=msgspec.UNSET if metric else family,
                    type=known.type,
                    help=known.help,
                    unit=known.unit,
                )
            )
    return entries


async def _by_family(service: Service, request: BaseRequest) -> dict[str, list[Metadata]]:
    limit = _integer(request, "limit")
    limit_per_metric = _integer(request, "limit_per_metric")
    metric = request.query.get("metric", "")
    # A dict keeps the order in which the descriptions of a family were found.
    found: dict[str, dict[Metadata, None]] = {}
    async for target in paced(_all_targets(service), _TARGETS_AT_A_TIME):
        for family, known in _families(target, metric).items():
            descriptions = found.setdefault(family, {})
            if limit_per_metric <= 0 or len(descriptions) < limit_per_metric:
                descriptions[known] = None
    names = sorted(found)[: None if limit < 0 else limit]
    return {name: list(found[name]) for name in names}


def _families(target: Target, metric: str) -> Mapping[str, Metadata]:
    if not metric:
        return target.metadata
    known = target.metadata.get(metric)
    return {} if known is None else {metric: known}


def _integer(request: BaseRequest, name: str) -> int:
    text = request.query.get(name, "")
    if not text:
        return _NO_LIMIT
    digits = text[1:] if text[0] in "+-" else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 19:
        raise ApiError(ErrorType.BAD_DATA, f"{name} must be a number")
    return int(text)


def _matchers(request: BaseRequest) -> tuple[Matcher, ...]:
    selector = request.query.get("match_target", "")
    try:
        return parse_selector(selector) if selector else ()
    except InvalidValue as exc:
        problem = f'invalid parameter "match_target": {exc}'
        raise ApiError(ErrorType.BAD_DATA, problem) from exc
