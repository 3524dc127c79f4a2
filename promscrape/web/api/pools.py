"""Scrape pools: their names, their jobs, and what their relabel rules do to labels."""

import msgspec
from aiohttp.web_request import BaseRequest

from promscrape.config.dump import dump_job
from promscrape.config.scrape import ScrapeConfig
from promscrape.model.quoting import quote
from promscrape.relabel import RelabelConfig, relabel_steps
from promscrape.web.api.envelope import ApiError, ErrorType, api_route
from promscrape.web.api.status import Yaml
from promscrape.web.router import Route
from promscrape.web.state import Service


class ScrapePools(msgspec.Struct, frozen=True, rename="camel"):
    scrape_pools: list[str]


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A relabel rule; what says nothing is left out."""

    source_labels: tuple[str, ...] = ()
    separator: str
    regex: str
    modulus: int = 0
    target_label: str = ""
    replacement: str
    action: str


class Step(msgspec.Struct, frozen=True):
    """What a rule left of the labels: nothing from the first rule on that drops the target."""

    rule: Rule
    output: dict[str, str]
    keep: bool


class Steps(msgspec.Struct, frozen=True):
    steps: list[Step]


def pool_routes(service: Service) -> list[Route]:
    async def names(_: BaseRequest) -> object:
        return ScrapePools(sorted(service.pools))

    async def config(request: BaseRequest) -> object:
        return Yaml(dump_job(_job(service, _parameter(request, "scrapePool"))))

    async def steps(request: BaseRequest) -> object:
        return _relabel_steps(service, request)

    return [
        api_route("/scrape_pools", names),
        api_route("/scrape_pools/config", config),
        api_route("/targets/relabel_steps", steps),
    ]


def _parameter(request: BaseRequest, name: str) -> str:
    value = request.query.get(name, "")
    if not value:
        raise ApiError(ErrorType.BAD_DATA, f"no {name} parameter provided")
    return value


def _job(service: Service, pool_name: str) -> ScrapeConfig:
    pool = service.pools.get(pool_name)
    if pool is None:
        problem = f"error retrieving scrape config: scrape pool {quote(pool_name)} not found"
        raise ApiError(ErrorType.BAD_DATA, problem)
    return pool.config


def _relabel_steps(service: Service, request: BaseRequest) -> Steps:
    pool_name, text = _parameter(request, "scrapePool"), _parameter(request, "labels")
    try:
        labels = msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError as exc:
        raise ApiError(ErrorType.BAD_DATA, f"error parsing labels: {exc}") from exc
    job = _job(service, pool_name)
    steps = relabel_steps(labels, job.relabel_configs, job.metric_name_validation_scheme)
    return Steps([Step(_rule(step.rule), dict(step.labels), step.keep) for step in steps])


def _rule(rule: RelabelConfig) -> Rule:
    return Rule(
        source_labels=rule.source_labels,
        separator=rule.separator,
        regex=rule.regex.text,
        modulus=rule.modulus,
        target_label=rule.target_label,
        replacement=rule.replacement,
        action=rule.action,
    )
