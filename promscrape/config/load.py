"""From `prometheus.yml` to the configuration that takes effect, or to all that is wrong in it."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from promscrape.config.expansion import expand
from promscrape.config.global_ import GlobalConfig, RuntimeConfig
from promscrape.config.inherit import (
    check_global_escaping,
    check_inheritance,
    check_rules,
    inherit,
)
from promscrape.config.root import Config, ConfigFile
from promscrape.config.scrape import ScrapeConfig, ScrapeSection
from promscrape.decode.decoding import Decoding
from promscrape.decode.schema import REFUSED, accepted
from promscrape.decode.walk import Stage
from promscrape.errors import ConfigError, Problem
from promscrape.model.invalid import InvalidValue
from promscrape.model.labels import Labels
from promscrape.model.quoting import quote

_DEFAULT_GOGC = 75
_GLOB = re.compile(r"[^*]*(\*[^/]*)?", re.DOTALL)

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


def load(path: str) -> Config:
    """Read, check and resolve the file. Raises ConfigError; reads the environment once."""
    try:
        source = Path(path).read_bytes()
    except OSError as exc:
        # A directory can be opened, and only cannot be read.
        verb = "read" if isinstance(exc, IsADirectoryError) else "open"
        message = f"{verb} {path}: {(exc.strerror or '').lower()}"
        raise ConfigError(message, (Problem(path, 0, 0, "", message),)) from exc
    return parse(source, path, os.environ)


def parse(source: bytes, path: str, environ: Mapping[str, str]) -> Config:
    """Check and resolve the text of the file at `path`. Raises ConfigError.

    Relative paths in the file start from its directory. `environ` fills in external labels.
    """
    decoding = Decoding(source, path)
    file = decoding.read(ConfigFile)
    _check_globs(file, decoding)
    _check_jobs(file, decoding)
    _check_server_sections(file, decoding)
    error = decoding.error(f"parsing YAML file {path}: ")
    if error:
        raise error
    return _resolve(file, Path(path).absolute().parent, environ)


def _check_globs(file: ConfigFile, decoding: Decoding) -> None:
    for index, pattern in enumerate(file.rule_files):
        if not _GLOB.fullmatch(pattern):
            invalid = InvalidValue(f"invalid rule file path {quote(pattern)}")
            decoding.refuse(("rule_files", index), invalid)


def _check_jobs(file: ConfigFile, decoding: Decoding) -> None:
    """Check what takes more than one section to see; jobs that were refused are left out."""
    first_index: dict[str, int] = {}
    for index, section in enumerate(file.scrape_configs):
        path = ("scrape_configs", index)
        if section is None:
            decoding.refuse(path, InvalidValue("empty or null scrape config section"))
        if not isinstance(section, ScrapeSection):
            continue
        if file.global_ is not REFUSED:
            for invalid in check_inheritance(section, file.global_):
                decoding.refuse(path, invalid)
            if not first_index:
                for invalid in check_global_escaping(file.global_):
                    decoding.refuse(("global",), invalid)
        first = first_index.setdefault(section.job_name, index)
        if first != index:
            name = quote(section.job_name)
            message = f"found multiple scrape configs with job name {name}"
            hint = f"scrape_configs[{first}] has it too"
            decoding.refuse(path, InvalidValue(message, at=("job_name",), hint=hint))


def _check_server_sections(file: ConfigFile, decoding: Decoding) -> None:
    """Check the sections that only a Prometheus server obeys, then refuse all but empty ones."""
    if file.alerting is not REFUSED and file.global_ is not REFUSED:
        rules = file.alerting.alert_relabel_configs
        scheme = file.global_.metric_name_validation_scheme
        for invalid in check_rules("alert_relabel_configs", rules, scheme):
            decoding.refuse(("alerting",), invalid)
    for index, item in enumerate(file.remote_read):
        if item is None:
            invalid = InvalidValue("empty or null remote read config section")
            decoding.refuse(("remote_read", index), invalid)
    for key, present in (
        ("alerting", file.alerting is not REFUSED and file.alerting),
        ("rule_files", file.rule_files),
        ("remote_read", file.remote_read),
    ):
        if present:
            invalid = InvalidValue(f"field {key} is not allowed in agent mode")
            decoding.refuse((key,), invalid, Stage.AGENT)


def _resolve(file: ConfigFile, directory: Path, environ: Mapping[str, str]) -> Config:
    written = accepted(file.global_)
    global_ = msgspec.structs.replace(
        written,
        external_labels=_expanded(written.external_labels, environ),
        query_log_file=_joined(directory, written.query_log_file),
        scrape_failure_log_file=_joined(directory, written.scrape_failure_log_file),
    )
    return Config(
        global_=global_,
        runtime=RuntimeConfig(gogc=accepted(file.runtime).gogc or _gogc(environ)),
        scrape_configs=tuple(
            _resolve_job(section, global_, directory)
            for section in file.scrape_configs
            if isinstance(section, ScrapeSection)
        ),
    )


def _resolve_job(section: ScrapeSection, global_: GlobalConfig, directory: Path) -> ScrapeConfig:
    job = inherit(section, global_)
    log_file = _joined(directory, job.scrape_failure_log_file)
    return msgspec.structs.replace(job, scrape_failure_log_file=log_file)


def _joined(directory: Path, path: str) -> str:
    """Return `path` as seen from `directory`; an absolute or empty one as it is."""
    if not path or Path(path).is_absolute():
        return path
    return os.path.normpath(directory / path)


def _expanded(labels: Labels, environ: Mapping[str, str]) -> Labels:
    def missing(name: str) -> None:
        _log.warning("Empty environment variable", name=name)

    return Labels.from_pairs((name, expand(value, environ, missing)) for name, value in labels)


def _gogc(environ: Mapping[str, str]) -> int:
    setting = environ.get("GOGC", "")
    if setting == "off":
        return -1
    return int(setting) if re.fullmatch("-?[0-9]{1,9}", setting) else _DEFAULT_GOGC
