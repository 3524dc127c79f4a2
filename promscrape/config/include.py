"""The files that `scrape_config_files` names: more jobs, under the main file's `global`."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, final

from promscrape.config.effect import in_effect
from promscrape.config.jobs import Found, check_jobs, jobs_in_effect
from promscrape.config.load import read_file
from promscrape.config.root import Config
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import ConfigStruct, Refused
from promscrape.errors import ConfigError, Problem
from promscrape.glob import BadPattern, glob
from promscrape.model.quoting import quote


@final
class IncludedFile(ConfigStruct, frozen=True, kw_only=True):
    """An included file as it is written; it has jobs and nothing else."""

    go_type: ClassVar[str] = "config.ScrapeConfigs"

    scrape_configs: tuple[ScrapeSection | Refused | None, ...] = ()


def load_scrape_configs(config: Config) -> tuple[ScrapeConfig, ...]:
    """Return all jobs: those of the main file, then those of each file that it includes.

    Reads the included files. Raises ConfigError: the message is about the first file that is at
    fault, `problems` are those of all of them.
    """
    jobs = list(config.scrape_configs)
    found = {job.job_name: Found("", index) for index, job in enumerate(jobs)}
    errors: list[ConfigError] = []
    for name in _names(config, errors):
        try:
            jobs += _read(name, config, found)
        except ConfigError as exc:
            errors.append(exc)
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise ConfigError(str(errors[0]), tuple(problems))
    return tuple(jobs)


def _names(config: Config, errors: list[ConfigError]) -> Iterator[str]:
    """Yield the names of the included files; what is wrong with a pattern goes to `errors`."""
    for pattern in config.scrape_config_files:
        try:
            yield from glob(pattern)
        except BadPattern as exc:
            message = f"error retrieving scrape config files for {quote(pattern)}: {exc}"
            errors.append(ConfigError(message, (Problem("", 0, 0, "", message),)))


def _read(name: str, config: Config, found: dict[str, Found]) -> Iterator[ScrapeConfig]:
    """Return the jobs of one file, and note their names in `found`. Raises ConfigError."""
    prefix = f"{quote(name)}: "
    decoding = Decoding(read_file(name, prefix), name)
    file = decoding.read(IncludedFile)
    check_jobs(file.scrape_configs, config.global_, decoding, found, file=name)
    error = decoding.error(prefix)
    if error:
        raise error
    file = in_effect(file, Path(name).parent)
    return jobs_in_effect(file.scrape_configs, config.global_)
