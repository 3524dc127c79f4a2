"""`check config`: configuration files, and the files that they name.

Source: Prometheus cmd/promtool/main.go, CheckConfig; the lint is lintScrapeConfigs.
"""

from collections.abc import Iterable, Sequence

from promscrape.command.console import Console
from promscrape.command.named_files import check_named_files
from promscrape.command.report import placed_report
from promscrape.config.include import load_scrape_configs
from promscrape.config.load import load
from promscrape.config.scrape import ScrapeConfig
from promscrape.errors import ConfigError
from promscrape.flags.invocation import Invocation
from promscrape.model.duration import Duration
from promscrape.model.quoting import quote

EXIT_FAILED = 1
EXIT_LINT = 3

_ALL, _NONE = "all", "none"
_TOO_LONG_INTERVAL = "too-long-scrape-interval"
_DUPLICATE_RULES = "duplicate-rules"  # known, and without effect: an agent has no rules


def check_config(invocation: Invocation, console: Console) -> int:
    """Check each file; return 1 if one of them failed, and 3 for a fatal lint."""
    values = invocation.values
    if not values["agent"]:
        console.complain("promscrape is always an agent: --no-agent cannot be given")
        return EXIT_FAILED
    lint = _lint_checks(str(values["lint"]).split(","), console)
    lookback = values["query.lookback-delta"]
    assert isinstance(lookback, Duration)
    failed = linted = False
    for path in invocation.arguments:
        jobs = _check_file(path, console, syntax_only=bool(values["syntax-only"]))
        failed |= jobs is None
        if jobs and not values["syntax-only"] and lint & {_ALL, _TOO_LONG_INTERVAL}:
            linted |= _lint(jobs, lookback, console)
    if failed:
        return EXIT_FAILED
    return EXIT_LINT if linted and values["lint-fatal"] else 0


def _lint_checks(names: Sequence[str], console: Console) -> frozenset[str]:
    known = {_ALL, _NONE, _DUPLICATE_RULES, _TOO_LONG_INTERVAL}
    for name in names:
        if name not in known:
            console.say(f"WARNING: unknown lint option: {quote(name)}")
    return frozenset() if _NONE in names else frozenset(names)


def _check_file(path: str, console: Console, *, syntax_only: bool) -> Sequence[ScrapeConfig] | None:
    """Return the jobs of a file that is in order; say what is wrong with any other."""
    console.say(f"Checking {path}")
    jobs: Sequence[ScrapeConfig] | None = None
    try:
        jobs = _load_jobs(path, syntax_only=syntax_only)
        for job in jobs:
            check_named_files(job, console, syntax_only=syntax_only)
    except ConfigError as exc:
        jobs = None
        console.complain(f"  FAILED: {exc}")
        placed_report(exc, console)
    else:
        console.say(f" SUCCESS: {path} is valid prometheus config file syntax")
    console.say()
    return jobs


def _load_jobs(path: str, *, syntax_only: bool) -> Sequence[ScrapeConfig]:
    config = load(path)
    if syntax_only:
        return config.scrape_configs
    try:
        return load_scrape_configs(config)
    except ConfigError as exc:
        raise ConfigError(f"error loading scrape configs: {exc}", exc.problems) from exc


def _lint(jobs: Iterable[ScrapeConfig], lookback: Duration, console: Console) -> bool:
    """Say which jobs are scraped too rarely for their samples to connect; return whether any is."""
    found = [job for job in jobs if job.scrape_interval >= lookback]
    for job in found:
        console.complain(
            "  FAILED: too long scrape interval found, data point will be marked as stale - "
            f"job: {job.job_name}, interval: {job.scrape_interval}"
        )
    return bool(found)
